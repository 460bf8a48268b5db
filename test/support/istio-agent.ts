// Istio's agent as far as DNS goes: what is redirected to it, it asks the nameserver of its resolv.conf.
import { createSocket } from 'node:dgram';

/** As which the proxy's container runs: Istio's rules leave its traffic alone. */
const PROXY_UID = 1337;
const DNS_LISTENER = 15_053;
/** A question that nobody answers is forgotten. */
const ANSWER_BOUND = 5_000;

const say = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`);

const { nameserver } = JSON.parse(process.argv[2] ?? '{}');
process.setgid?.(PROXY_UID);
process.setuid?.(PROXY_UID);
const socket = createSocket('udp4');
socket.on('message', (query, { port, address }) => {
  say({ asked: query.toString('base64') });
  const upstream = createSocket('udp4');
  const timer = setTimeout(() => upstream.close(), ANSWER_BOUND);
  upstream.on('message', (reply) => {
    clearTimeout(timer);
    upstream.close();
    socket.send(reply, port, address);
  });
  upstream.send(query, 53, nameserver);
});
socket.bind(DNS_LISTENER, '127.0.0.1', () => say({ done: 0 }));
