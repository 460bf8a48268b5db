import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { type Test, test } from 'tap';
import { pinOf } from '../../src/upstream/authentication.ts';
import { parseServerAddress } from '../../src/upstream/server-address.ts';
import { tlsTransport } from '../../src/upstream/tls-exchange.ts';
import { upstreamFor } from '../../src/upstream/upstreams.ts';
import { Deframer, frame } from '../../src/wire/frame.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message, responseOctets } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { type Identity, makeCa } from './certificates.ts';
import { outgoing, PLENTY, sendBy, udpServer } from './loopback.ts';
import { promised } from './promised.ts';

// What the machine trusts beside Node's own must not decide.
delete process.env['NODE_EXTRA_CA_CERTS'];

const truth = message({ answer: [a('api.example.', '192.0.2.1')] });

type OnQuery = (query: Uint8Array, socket: TLSSocket, connection: number) => void;

const answerAll: OnQuery = (query, socket) => socket.write(frame(responseOctets(query, truth)));

/** A DoT server on the loopback. */
async function dotServer(
  t: Test,
  { key, cert }: Identity,
  onQuery: OnQuery = answerAll,
  options: TlsOptions = {},
) {
  const connections: TLSSocket[] = [];
  /** Of each connection: whether it resumed a session. */
  const resumed: boolean[] = [];
  const queries: Uint8Array[] = [];
  const ends: Promise<unknown>[] = [];
  const server = createServer({ key, cert, ...options }, (socket) => {
    const connection = connections.push(socket) - 1;
    resumed.push(socket.isSessionReused());
    const deframer = new Deframer();
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const query of deframer.push(chunk)) {
        queries.push(query);
        onQuery(query, socket, connection);
      }
    });
  });
  server.on('tlsClientError', () => undefined);
  server.on('connection', (raw) => {
    ends.push(once(raw, 'close'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, connections, resumed, queries, ends };
}

function transportTo(t: Test, port: number, parameters: string) {
  const address = parseServerAddress(`tls://127.0.0.1:${port}?${parameters}`);
  if (address.transport !== 'tls') throw new Error('not tls');
  const clock = new HandClock();
  const tallies = createUpstreamTallies();
  const transport = tlsTransport(address, clock, tallies);
  t.teardown(() => transport.close());
  return { transport, clock, tallies, address };
}

const ask = (transport: Parameters<typeof sendBy>[0]) =>
  sendBy(transport, outgoing('api.example.')).reply;

test('a server with the right name below the private CA is asked, over TLS 1.3 (U5)', async (t) => {
  const ca = makeCa(t);
  const { port, connections } = await dotServer(t, ca.issue(['DNS:dns.example']));
  const { transport, tallies } = transportTo(t, port, `name=dns.example&ca=${ca.certFile}`);
  t.same((await ask(transport)).message, truth);
  t.equal(connections[0]?.getProtocol(), 'TLSv1.3');
  t.equal(connections[0]?.servername, 'dns.example', 'SNI');
  t.equal(tallies.sends.get('tls'), 1);
});

test('no protocol is asked for, so that no server need refuse it (ALPN)', async (t) => {
  const ca = makeCa(t);
  const options = { ALPNProtocols: ['h2'] };
  const { port } = await dotServer(t, ca.issue(['IP:127.0.0.1']), answerAll, options);
  t.same((await ask(transportTo(t, port, `ca=${ca.certFile}`).transport)).message, truth);
});

test('without a name the certificate has to be for the address; TLS 1.2 will do, 1.1 will not (U5)', async (t) => {
  const ca = makeCa(t);
  const identity = ca.issue(['IP:127.0.0.1']);
  const old = await dotServer(t, identity, answerAll, { maxVersion: 'TLSv1.2' });
  t.same((await ask(transportTo(t, old.port, `ca=${ca.certFile}`).transport)).message, truth);
  t.equal(old.connections[0]?.getProtocol(), 'TLSv1.2');
  const tooOld = await dotServer(t, identity, answerAll, {
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  const { transport } = transportTo(t, tooOld.port, `ca=${ca.certFile}`);
  await t.rejects(ask(transport), { name: 'UpstreamError', reason: 'network' });
  t.same(tooOld.queries, []);
});

test('a server that is not who it should be hears no question, and the error names what it showed (U5)', async (t) => {
  const ca = makeCa(t, 'Right CA');
  const other = makeCa(t, 'Other CA');
  const right = `name=dns.example&ca=${ca.certFile}`;
  const wrongPin = pinOf(ca.certificate);
  const cases: [string, Identity, string, RegExp][] = [
    ['another name', ca.issue(['DNS:evil.example']), right, /is for another name: subject CN=evil/],
    ['expired', ca.issue(['DNS:dns.example'], { days: -1 }), right, /has expired, .* GMT: subject/],
    ['another CA', other.issue(['DNS:dns.example']), right, /is not trusted, .*issuer CN=Other CA/],
    [
      'another key',
      ca.issue(['DNS:dns.example']),
      `${right}&pin=sha256/${wrongPin}`,
      /has the key/,
    ],
    ['pin alone', ca.issue(['DNS:dns.example']), `pin=sha256/${wrongPin}`, /has the key sha256/],
    ['no public CA', ca.issue(['DNS:dns.example']), 'name=dns.example', /issued by a public CA$/],
  ];
  for (const [what, identity, parameters, says] of cases) {
    const { port, queries, ends } = await dotServer(t, identity);
    const { transport, address } = transportTo(t, port, parameters);
    const error = await ask(transport).then(
      () => undefined,
      (failed: Error & { reason?: string }) => failed,
    );
    t.match(error, { name: 'UpstreamError', reason: 'untrusted' }, what);
    t.match(error?.message, says, what);
    for (const part of [address.name, 'subject CN=', 'issuer CN=', 'expected ']) {
      t.ok(error?.message.includes(part), `${what}: ${part}`);
    }
    await Promise.all(ends);
    t.same(queries, [], `${what}: nothing was said`);
  }
});

test('a pin alone is believed whatever the certificate says; beside a name both must be right (U5)', async (t) => {
  const ca = makeCa(t);
  const expired = ca.issue(['DNS:dns.example'], { days: -1 });
  const { port } = await dotServer(t, expired);
  const pin = `pin=sha256/${pinOf(expired.certificate)}`;
  const backup = `pin=sha256/${pinOf(ca.certificate)}`;
  t.same((await ask(transportTo(t, port, pin).transport)).message, truth);
  t.same(
    (await ask(transportTo(t, port, `${backup}&${pin}`).transport)).message,
    truth,
    'one of two',
  );
  const both = transportTo(t, port, `${pin}&name=dns.example&ca=${ca.certFile}`);
  await t.rejects(ask(both.transport), { name: 'UpstreamError', reason: 'untrusted' });
});

test('a CA file that is replaced counts from then on, also for a connection that stands (U5)', async (t) => {
  const ca = makeCa(t);
  const next = makeCa(t, 'Next CA');
  const file = join(ca.folder, 'trusted.pem');
  copyFileSync(ca.certFile, file);
  const { port, resumed } = await dotServer(t, ca.issue(['DNS:dns.example']));
  const { transport, clock } = transportTo(t, port, `name=dns.example&ca=${file}`);
  t.same((await ask(transport)).message, truth);
  writeFileSync(file, `${next.cert}${ca.cert}`);
  await clock.advance(1_000);
  t.same((await ask(transport)).message, truth);
  t.same(resumed, [false, false], 'another connection, and nothing of what was believed before');
  writeFileSync(file, next.cert);
  await clock.advance(1_000);
  await t.rejects(ask(transport), { reason: 'untrusted', message: /issuer CN=Test CA/ });
  writeFileSync(file, 'no certificate');
  await clock.advance(1_000);
  await t.rejects(ask(transport), { message: /expected dns\.example, issued by a CA in/ });
});

test('the session of a server that was believed is resumed on the next connection (U5)', async (t) => {
  const ca = makeCa(t);
  const identity = ca.issue(['DNS:dns.example']);
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    const { port, connections, resumed } = await dotServer(t, identity, answerAll, { maxVersion });
    const pin = `pin=sha256/${pinOf(identity.certificate)}`;
    const parameters = `name=dns.example&ca=${ca.certFile}&${pin}`;
    const { transport, clock } = transportTo(t, port, parameters);
    await ask(transport);
    const ended = connections[0] === undefined ? undefined : once(connections[0], 'end');
    await clock.advance(5_000);
    await ended;
    t.same((await ask(transport)).message, truth);
    t.same(resumed, [false, true], maxVersion);
  }
});

test('a pair is pipelined over one connection, and queries are padded to 128 octets (RFC 8467)', async (t) => {
  const ca = makeCa(t);
  const held: Uint8Array[] = [];
  const { port, connections, queries } = await dotServer(
    t,
    ca.issue(['DNS:dns.example']),
    (query, socket) => {
      held.push(query);
      // An answer to one alone would never come.
      if (held.length === 3) {
        for (const each of held.reverse()) socket.write(frame(responseOctets(each, truth)));
      }
    },
  );
  const { transport } = transportTo(t, port, `name=dns.example&ca=${ca.certFile}`);
  const names = [
    'a.example.',
    `${'b'.repeat(60)}.example.`,
    `${'c'.repeat(63)}.${'d'.repeat(63)}.example.`,
  ];
  await Promise.all(names.map((name) => sendBy(transport, outgoing(name)).reply));
  t.equal(connections.length, 1);
  t.same(
    queries.map(({ length }) => length),
    [128, 128, 256],
  );
});

test('a server that closes after each answer loses nothing', async (t) => {
  const ca = makeCa(t);
  const { port } = await dotServer(t, ca.issue(['DNS:dns.example']), (query, socket) => {
    if (!socket.writableEnded) socket.end(frame(responseOctets(query, truth)));
  });
  const { transport } = transportTo(t, port, `name=dns.example&ca=${ca.certFile}`);
  const replies = await Promise.all(Array.from({ length: 40 }, () => ask(transport)));
  t.ok(replies.every((reply) => reply.message.answer.length === 1));
  t.equal(replies.length, 40);
});

test('never clear text: where TLS fails nothing is asked over UDP or TCP (U5)', async (t) => {
  const ca = makeCa(t);
  const { port } = await dotServer(t, ca.issue(['DNS:evil.example']));
  let datagrams = 0;
  const udp = await udpServer(() => datagrams++, port);
  t.teardown(udp.close);
  const tallies = createUpstreamTallies();
  const clock = new HandClock();
  const servers = [
    [parseServerAddress(`tls://127.0.0.1:${port}?name=dns.example&ca=${ca.certFile}`)],
  ];
  const parts = { order: { kind: 'serial' }, clock, tallies, udpSockets: PLENTY } as const;
  const upstream = promised(upstreamFor({ servers, ...parts }));
  t.teardown(() => upstream.close());
  await t.rejects(upstream.ask(outgoing('api.example.')), {
    name: 'UpstreamError',
    reason: 'untrusted',
  });
  t.equal(datagrams, 0);
  t.equal(tallies.sends.get('udp') + tallies.sends.get('tcp'), 0);
});

test('a connection that went silent is given up after 1 s: the question is asked on another (U5)', async (t) => {
  const ca = makeCa(t);
  const first = Promise.withResolvers<void>();
  const { port, connections } = await dotServer(
    t,
    ca.issue(['DNS:dns.example']),
    (query, socket, n) => {
      if (n > 0) answerAll(query, socket, n);
      else first.resolve();
    },
  );
  const clock = new HandClock();
  const tallies = createUpstreamTallies();
  const server = parseServerAddress(`tls://127.0.0.1:${port}?name=dns.example&ca=${ca.certFile}`);
  const parts = { order: { kind: 'serial' }, clock, tallies, udpSockets: PLENTY } as const;
  const upstream = promised(upstreamFor({ servers: [[server]], ...parts }));
  t.teardown(() => upstream.close());
  const asked = upstream.ask(outgoing('api.example.'));
  await first.promise;
  await clock.advance(1_001);
  t.same(await asked, truth);
  t.equal(connections.length, 2);
});
