// `node flood.ts PORT PER_SECOND SECONDS`: random names over UDP from a process of its own; prints how many were sent.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { RrType } from '../../src/wire/codes.ts';
import { queryOctets } from '../support/messages.ts';

const [port = 0, perSecond = 0, seconds = 0] = process.argv.slice(2).map(Number);
const socket = createSocket('udp4');
socket.bind(0, '127.0.0.3');
await once(socket, 'listening');
const begun = performance.now();
let sent = 0;
const timer = setInterval(() => {
  const elapsed = (performance.now() - begun) / 1_000;
  if (elapsed > seconds) {
    clearInterval(timer);
    socket.close();
    process.stdout.write(`${sent}\n`);
    return;
  }
  for (; sent < elapsed * perSecond; sent++) {
    const query = queryOctets(`x${sent}.example.`, RrType.TXT, { id: sent & 0xffff });
    socket.send(query, port, '127.0.0.1', () => undefined);
  }
}, 2);
