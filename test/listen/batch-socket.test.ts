import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'tap';
import { BatchSocket } from '../../src/listen/batch-socket.ts';
import { batchSupport } from '../../src/listen/batch-support.ts';
import { LOOPBACKS } from './loopback.ts';

const support = batchSupport();
const skip = 'libc' in support ? false : `no batches here: ${support.reason}`;

/** Sends one datagram from each of `count` ports of an address, and resolves when the kernel has them. */
async function sendFrom(address: string, count: number, port: number, to: string): Promise<void> {
  for (let i = 0; i < count; i++) {
    const socket = createSocket('udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    await new Promise((sent) => socket.send('x', port, to, sent));
    socket.close();
  }
}

test('threads on one address: all ports of a client reach the same of them (N4, N7)', {
  skip,
}, async (t) => {
  if (!('libc' in support)) return;
  const threads = 3;
  const open = (port: number) =>
    new BatchSocket(support.libc, { address: '127.0.0.1', port }, { threads });
  const first = open(0);
  const sockets = [first, open(first.port), open(first.port)];
  t.teardown(() => {
    for (const socket of sockets) socket.close();
  });
  const reached = new Set<number>();
  for (const client of ['127.0.0.2', '127.0.0.3', '127.0.0.4']) {
    await sendFrom(client, 8, first.port, '127.0.0.1');
    const taken = sockets.map((socket) => socket.receive());
    t.strictSame([...taken].sort(), [0, 0, 8], `${client}: ${taken}`);
    reached.add(taken.indexOf(8));
  }
  t.equal(reached.size, threads, 'neighbours are spread over all of them');
});

for (const { address, ...options } of LOOPBACKS) {
  test(`threads on ${address}: each takes part of it`, {
    skip: skip || options.skip,
  }, async (t) => {
    if (!('libc' in support)) return;
    const first = new BatchSocket(support.libc, { address, port: 0 }, { threads: 2 });
    const second = new BatchSocket(support.libc, { address, port: first.port }, { threads: 2 });
    t.equal(second.port, first.port);
    for (const socket of [first, second]) socket.close();
  });
}
