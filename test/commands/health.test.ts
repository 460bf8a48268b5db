import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Test, test } from 'tap';
import { renderReply } from '../../src/wire/render.ts';
import { readRequest } from '../../src/wire/request.ts';
import { a, message } from '../support/messages.ts';
import { run } from './captured.ts';

async function statusServer(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  // A TCP server's address is never a path here.
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function dnsServer(t: Test, rcode: number): Promise<string> {
  const socket = createSocket('udp4');
  socket.on('message', (octets, { port, address }) => {
    const request = readRequest(octets);
    const { qname } = request.question;
    const reply = message({ rcode, answer: [a(qname, '127.0.0.1')] });
    // Whatever else is asked has no answer: the probe must not depend on upstreams (L6).
    if (qname !== 'localhost.') return;
    socket.send(renderReply(request, reply, { age: 0, limit: 512 }), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return `127.0.0.1:${socket.address().port}`;
}

test('ready is what the status server says', async (t) => {
  const asked: (string | undefined)[] = [];
  const address = await statusServer(t, (request, response) => {
    asked.push(request.url);
    response.end('{"ready":true}');
  });
  const answer = await run(['health', '--metrics', address]);
  t.same(answer, { code: 0, stdout: 'ready\n', stderr: '' });
  t.same(asked, ['/ready']);
});

test('not ready is exit code 1, with what the status server gives as reason', async (t) => {
  const address = await statusServer(t, (_, response) => {
    response.writeHead(503).end('{"reasons":["no upstream answers"]}\n');
  });
  t.same(await run(['health', '--metrics', address]), {
    code: 1,
    stdout: '',
    stderr: `not ready: http://${address}/ready: 503 {"reasons":["no upstream answers"]}\n`,
  });
});

test('nobody there, and nobody who answers, is not ready', async (t) => {
  const refused = await run(['health', '--metrics', '127.0.0.1:1']);
  t.equal(refused.code, 1);
  t.match(refused.stderr, /^not ready: http:\/\/127\.0\.0\.1:1\/ready: .*ECONNREFUSED/);
  const silent = await statusServer(t, () => undefined);
  const waited = await run(['health', '--metrics', silent]);
  t.equal(waited.code, 1);
  t.match(waited.stderr, /silent for 900 ms/);
});

test('where the status server is off, every listener is asked for localhost (L6)', async (t) => {
  const [first, second, failing] = await Promise.all([
    dnsServer(t, 0),
    dnsServer(t, 0),
    dnsServer(t, 2),
  ]);
  const listening = (...addresses: string[]) =>
    run(['health', '--metrics', 'off', ...addresses.flatMap((address) => ['--listen', address])]);
  t.same(await listening(first, second), { code: 0, stdout: 'ready\n', stderr: '' });
  const { code, stderr } = await listening(first, failing);
  t.equal(code, 1);
  t.equal(stderr, `not ready: ${failing} answers SERVFAIL for localhost\n`);
  t.match(await listening('127.0.0.1:1'), { code: 1, stderr: /refused: nobody listens there/ });
});

test('a resolv.conf that names the daemon is right for who asks it', async (t) => {
  const directory = t.testdir({ 'resolv.conf': 'nameserver 127.0.0.1\n' });
  const address = await statusServer(t, (_, response) => response.end());
  const words = ['health', '--resolv-conf', `${directory}/resolv.conf`, '--metrics', address];
  t.match(await run(words), { code: 0 });
});
