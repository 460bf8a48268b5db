// What the commands ask when they run as processes of their own.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { monotonicClock } from '../../src/clock.ts';
import { type Asked, startCluster } from '../../src/demo/cluster.ts';
import { worldOf } from '../../src/demo/cluster-world.ts';
import { formatEndpoint } from '../../src/endpoint.ts';

/** A server that stands in for the daemon, the flags with which a command asks it, and the services of its world. */
export async function server(t: Test, onAsked: (asked: Asked) => void = () => undefined) {
  const services: Record<string, { addresses: string[] }> = {};
  const cluster = await startCluster({
    endpoints: [{ address: '127.0.0.1', port: 0 }],
    world: worldOf({
      hosts: { 'git.example.com.': { a: ['198.51.100.7'], aaaa: ['2001:db8::7'] } },
      namespaces: { job: services },
    }),
    clock: monotonicClock,
    onAsked,
  });
  t.teardown(() => cluster.close());
  const [endpoint = { address: '', port: 0 }] = cluster.endpoints;
  return {
    services,
    address: formatEndpoint(endpoint),
    flags: flagsFor(t, formatEndpoint(endpoint)),
  };
}

/** Flags of a pod in namespace `job` whose daemon is at `address`. */
export function flagsFor(t: Test, address: string): string[] {
  const resolvConf = 'nameserver 127.0.0.1\nsearch job.svc.cluster.local\noptions ndots:5\n';
  const folder = t.testdir({ 'resolv.conf': resolvConf });
  return ['--listen', address, '--resolv-conf', join(folder, 'resolv.conf')];
}

/** An address where queries arrive and nobody answers, over UDP, TCP and HTTP. */
export async function silence(t: Test): Promise<string> {
  const tcp = createServer().listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const bound = tcp.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  const udp = createSocket('udp4').bind(port, '127.0.0.1');
  await once(udp, 'listening');
  t.teardown(() => {
    tcp.close();
    udp.close();
  });
  return `127.0.0.1:${port}`;
}

/** A status server that answers everything in one way. */
export async function health(t: Test, status: 200 | 503 | 'silent'): Promise<string> {
  if (status === 'silent') return await silence(t);
  const body = status === 200 ? 'ready\n' : 'git does not resolve\n';
  const answer = `HTTP/1.1 ${status} x\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
  const http = createServer((socket) => {
    socket.once('data', () => socket.end(answer));
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.teardown(() => http.close());
  const bound = http.address();
  return `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`;
}

/** The words that start a daemon on free ports, whose upstream says nothing. */
export async function daemonWords(t: Test): Promise<string[]> {
  const upstream = await silence(t);
  return ['run', '--listen', '127.0.0.1:0', '--upstream', upstream, '--metrics', '127.0.0.1:0'];
}
