import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import tap, { type Test, test } from 'tap';
import { httpsClient } from '../../src/upstream/https-client.ts';
import type { HttpsRequest } from '../../src/upstream/https-request.ts';
import { parseServerAddress } from '../../src/upstream/server-address.ts';
import { TlsDialer } from '../../src/upstream/tls-dialer.ts';
import { uint16 } from '../../src/wire/header.ts';
import { HandClock } from '../support/hand-clock.ts';
import { responseOctets } from '../support/messages.ts';
import { makeCa } from './certificates.ts';
import { ask, transportTo, truth } from './doh-transport.ts';
import { answer, http1Server, type OnRequest } from './http1-server.ts';
import { outgoing, sendBy } from './loopback.ts';

// What the machine trusts beside Node's own must not decide.
delete process.env['NODE_EXTRA_CA_CERTS'];

// One for all: to make it takes three processes of openssl, and there are some sixty servers.
const ca = makeCa(tap);
const identity = ca.issue(['IP:127.0.0.1']);

/** A server at 127.0.0.1, and its URL. */
async function setup(t: Test, onRequest?: OnRequest) {
  const server = await http1Server(t, identity, onRequest);
  const url = `https://127.0.0.1:${server.port}/dns-query?ca=${ca.certFile}`;
  return { ...server, identity, url };
}

/** A client of such a server. */
async function clientOf(t: Test, onRequest?: OnRequest) {
  const server = await setup(t, onRequest);
  const address = parseServerAddress(server.url);
  if (address.transport !== 'https') throw new Error('not https');
  const clock = new HandClock();
  const client = httpsClient(
    address.origin,
    new TlsDialer(address, ['h2', 'http/1.1'], clock),
    clock,
  );
  t.teardown(() => client.destroy());
  return { client, clock, ...server };
}

function request(
  method: 'GET' | 'POST' = 'GET',
  { signal = new AbortController().signal, octets = 128 } = {},
): HttpsRequest {
  const body = method === 'POST' ? { body: new Uint8Array(octets) } : {};
  return { method, path: '/dns-query', headers: {}, signal, ...body };
}

/** Resolves when it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

test('undici is loaded when a server chooses HTTP/1.1, and not before', async (t) => {
  const { cache } = createRequire(import.meta.url);
  const isLoaded = () => Object.keys(cache).some((path) => path.includes('/undici/'));
  t.equal(isLoaded(), false);
  const { url } = await setup(t);
  await ask(transportTo(t, url).transport);
  t.equal(isLoaded(), true);
});

test('POST and GET over HTTP/1.1, by ALPN or without it, with ID 0 and padded, on one connection (RFC 8484 §4.1, §5.2)', async (t) => {
  for (const ALPNProtocols of [['http/1.1'], []]) {
    const { port, asked, connections } = await http1Server(
      t,
      ca.issue(['DNS:dns.example']),
      undefined,
      { ALPNProtocols },
    );
    for (const method of ['post', 'get']) {
      const query = `bootstrap=127.0.0.1&ca=${ca.certFile}&method=${method}`;
      const { transport } = transportTo(t, `https://dns.example:${port}/dns-query?${query}`);
      for (let i = 0; i < 3; i++) t.same((await ask(transport)).message, truth, method);
    }
    for (const { query } of asked) t.same([uint16(query, 0), query.length], [0, 128]);
    t.same(
      asked.map(({ method, connection }) => `${method} ${connection}`),
      ['POST 0', 'POST 0', 'POST 0', 'GET 1', 'GET 1', 'GET 1'],
    );
    t.match(asked[0]?.headers, {
      host: `dns.example:${port}`,
      accept: 'application/dns-message',
      'content-type': 'application/dns-message',
      'content-length': '128',
    });
    t.match(asked[3]?.path, /^\/dns-query\?dns=[\w-]+$/);
    t.equal(asked[3]?.headers['content-length'], undefined);
    t.equal(connections[0]?.servername, 'dns.example');
    t.equal(connections[0]?.alpnProtocol, ALPNProtocols[0] ?? false);
  }
});

test('a server that is not who it should be hears no question over HTTP/1.1 either (U5)', async (t) => {
  const other = ca.issue(['DNS:evil.example']);
  const { port, asked } = await http1Server(t, other);
  const wrong = [
    [`ca=${ca.certFile}`, /is for another name: subject CN=evil/],
    [`pin=sha256/${encodeURIComponent(Buffer.alloc(32).toString('base64'))}`, /pin|key/],
  ] as const;
  for (const [parameters, message] of wrong) {
    const url = `https://dns.example:${port}/dns-query?bootstrap=127.0.0.1&${parameters}`;
    await t.rejects(ask(transportTo(t, url).transport), { reason: 'untrusted', message });
  }
  t.same(asked, []);
});

test('many questions: eight connections at most, one question on each at a time, none lost', async (t) => {
  const busy = new Set<number>();
  const held: (() => void)[] = [];
  let most = 0;
  const { url, asked, connections } = await setup(t, ({ query, connection }, response) => {
    t.notOk(busy.has(connection), 'no pipelining');
    busy.add(connection);
    most = Math.max(most, busy.size);
    held.push(() => {
      busy.delete(connection);
      answer(response, query);
    });
    if (busy.size === 8 || asked.length > 32) for (const release of held.splice(0)) release();
  });
  const { transport } = transportTo(t, url);
  await Promise.all(Array.from({ length: 40 }, (_, i) => ask(transport, `n${i}.example.`)));
  t.match([most, asked.length, connections.length], [8, 40, 8]);
});

test('bodies are whole by content-length, by chunks and by the end of the connection', async (t) => {
  const bodies: Record<string, (response: ServerResponse, octets: Uint8Array) => void> = {
    'content-length': (response, octets) => {
      response.setHeader('content-length', octets.length);
      response.end(octets);
    },
    chunks: (response, octets) => {
      for (const octet of octets) response.write(Uint8Array.of(octet));
      response.end();
    },
    end: (response, octets) => {
      response.useChunkedEncodingByDefault = false;
      response.write(octets);
      response.end();
    },
  };
  for (const [what, send] of Object.entries(bodies)) {
    const { url } = await setup(t, ({ query }, response) => {
      response.setHeader('content-type', 'application/dns-message');
      send(response, responseOctets(query, truth));
    });
    const { transport } = transportTo(t, url);
    for (let i = 0; i < 2; i++) t.same((await ask(transport)).message, truth, what);
  }
});

test('a server that closes after each answer loses nothing, and its TLS session is resumed', async (t) => {
  const ends: Record<string, OnRequest> = {
    'by Connection: close': ({ query }, response) =>
      answer(response, query, { connection: 'close' }),
    'without a word': ({ query }, response) => {
      const { socket } = response;
      response.on('finish', () => setImmediate(() => socket?.end()));
      answer(response, query);
    },
  };
  for (const [how, onRequest] of Object.entries(ends)) {
    const { url, connections, resumed } = await setup(t, onRequest);
    const { transport } = transportTo(t, url);
    for (let i = 0; i < 5; i++) t.same((await ask(transport)).message, truth, how);
    t.ok(connections.length > 1, how);
    t.ok(resumed.includes(true), how);
    if (how === 'without a word') continue;
    await Promise.all(Array.from({ length: 20 }, (_, i) => ask(transport, `n${i}.example.`)));
    t.equal(connections.length, 25, how);
  }
});

test('a request is sent once over HTTP/1.1, whatever becomes of it, on a new connection and on a kept one', async (t) => {
  const ends: Record<string, (response: ServerResponse) => void> = {
    'a reset': (response) => response.socket?.destroy(),
    'an end': (response) => response.socket?.end(),
    'headers past 16 KiB': (response) => {
      response.setHeader('x-large', 'x'.repeat(17_000));
      response.end();
    },
    'a body past 65,535 octets': (response) => {
      response.setHeader('content-length', 65_536);
      response.end(Buffer.alloc(65_536));
    },
    'chunks past 65,535 octets': (response) => {
      response.write(Buffer.alloc(40_000));
      response.end(Buffer.alloc(25_536));
    },
    'half a body': (response) => {
      response.setHeader('content-length', 100);
      response.write(Buffer.alloc(50));
      setImmediate(() => response.socket?.destroy());
    },
    'no HTTP': (response) => response.socket?.end('SSH-2.0-OpenSSH\r\n'),
    '100 Continue': (response) => response.socket?.end('HTTP/1.1 100 Continue\r\n\r\n'),
    'another protocol': (response) =>
      response.socket?.end('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n'),
  };
  for (const [what, end] of Object.entries(ends)) {
    for (const method of ['GET', 'POST'] as const) {
      for (const before of [0, 1]) {
        let served = 0;
        const { client, asked } = await clientOf(t, (_, response) => {
          if (served++ < before) response.end();
          else end(response);
        });
        for (let i = 0; i < before; i++) t.equal((await client.request(request())).statusCode, 200);
        await t.rejects(client.request(request(method)), { name: 'RequestLost' }, what);
        t.equal(asked.length, before + 1, `${what}, ${method}, after ${before}`);
      }
    }
  }
});

test('HTTP/1.1: a body of 65,535 octets is read, headers of 16 KiB nearly', async (t) => {
  const { client } = await clientOf(t, (_, response) => {
    response.setHeader('x-large', 'x'.repeat(16_000));
    response.end(Buffer.alloc(65_535, 7));
  });
  const { body, headers } = await client.request(request('POST'));
  t.equal(body.length, 65_535);
  t.equal(headers['x-large']?.length, 16_000);
});

test('over HTTP/1.1 a question is sent three times at most (RFC 9520 §3.1)', async (t) => {
  const spoil: [string, OnRequest, number][] = [
    ['a reset', (_, response) => response.socket?.destroy(), 3],
    ['HTTP 500', ({ query }, response) => response.writeHead(500).end(query), 3],
    ['HTTP 404', ({ query }, response) => response.writeHead(404).end(query), 1],
    [
      'another type',
      ({ query }, response) => answer(response, query, { 'content-type': 'x/y' }),
      3,
    ],
    ['too much', (_, response) => response.end(Buffer.alloc(70_000)), 3],
  ];
  for (const [what, onRequest, sends] of spoil) {
    const { url, asked } = await setup(t, onRequest);
    const { transport, tallies } = transportTo(t, url);
    await t.rejects(ask(transport), { name: 'UpstreamError' }, what);
    t.match([asked.length, tallies.sends.get('https')], [sends, sends], what);
  }
});

test('requests that nobody waits for end their connections, also half sent, and the event loop goes on', async (t) => {
  const { client, clock, connections } = await clientOf(t, () => undefined);
  for (const octets of [128, 2_000_000]) {
    for (let round = 0; round < 6; round++) {
      const given = Array.from({ length: 24 }, (_, i) => {
        const abort = new AbortController();
        const asked = request(i % 2 === 0 ? 'POST' : 'GET', { signal: abort.signal, octets });
        return { abort, lost: t.rejects(client.request(asked), { name: 'RequestLost' }) };
      });
      // In the turn that asks, in the one that writes, and when the server has the requests.
      const before = connections.length;
      if (round % 3 === 1) await new Promise(setImmediate);
      if (round % 3 === 2) await until(() => connections.length > before);
      for (const { abort } of given) abort.abort();
      await Promise.all(given.map(({ lost }) => lost));
    }
  }
  client.close();
  await until(() => connections.every(({ destroyed }) => destroyed));
  t.equal(clock.timers, 0);
});

test('a body that the server does not read is given up with its connection', async (t) => {
  const { client, connections } = await clientOf(t, () => undefined);
  const abort = new AbortController();
  const asked = request('POST', { signal: abort.signal, octets: 32_000_000 });
  const lost = t.rejects(client.request(asked), { name: 'RequestLost' });
  await until(() => connections.length === 1);
  connections[0]?.pause();
  await new Promise(setImmediate);
  abort.abort();
  await lost;
  connections[0]?.resume();
  await until(() => connections[0]?.destroyed === true);
});

test('what waits for a free connection is sent when there is one, and never where nobody waits any more', async (t) => {
  const held: (() => void)[] = [];
  const { client, asked } = await clientOf(t, (_, response) => held.push(() => response.end()));
  const abort = new AbortController();
  const eight = Array.from({ length: 8 }, () => client.request(request()));
  const given = client.request(request('GET', { signal: abort.signal }));
  const lost = t.rejects(given, { name: 'RequestLost', code: 'ABORT_ERR' });
  const tenth = client.request(request('POST'));
  await until(() => asked.length === 8);
  abort.abort();
  await lost;
  t.equal(asked.length, 8);
  held[3]?.();
  await until(() => asked.length === 9);
  t.equal(asked[8]?.method, 'POST');
  for (const release of held) release();
  for (const { statusCode } of await Promise.all([...eight, tenth])) t.equal(statusCode, 200);
});

test('a silent server: new questions get other connections, old ones are still heard (U1)', async (t) => {
  const held: (() => void)[] = [];
  const { url, connections } = await setup(t, ({ query, connection }, response) => {
    if (connection === 0) held.push(() => answer(response, query));
    else answer(response, query);
  });
  const { transport, clock } = transportTo(t, url);
  const slow = ask(transport);
  await until(() => held.length === 1);
  await clock.advance(1_000);
  t.same((await ask(transport)).message, truth);
  t.equal(connections.length, 2);
  held[0]?.();
  t.same((await slow).message, truth);
  transport.close();
  await until(() => connections.every(({ destroyed }) => destroyed));
  t.equal(clock.timers, 0);
});

test('a closed exchange, a closed transport and a deadline leave no connection behind', async (t) => {
  const { url, asked, connections } = await setup(t, () => undefined);
  const { transport, clock } = transportTo(t, url);
  const given = sendBy(transport, outgoing('api.example.'));
  const kept = sendBy(transport, outgoing('api.example.'));
  await until(() => asked.length === 2);
  given.exchange.close();
  await until(() => connections.filter(({ destroyed }) => destroyed).length === 1);
  transport.close();
  await t.rejects(kept.reply, { name: 'UpstreamError', reason: 'closed' });
  await until(() => connections.every(({ destroyed }) => destroyed));
  t.equal(clock.timers, 0);
});

test('an HTTP/1.1 connection rests for 5 s; what a closed client owes is waited for, 4.5 s at most', async (t) => {
  let isSilent = false;
  const { client, clock, asked, connections } = await clientOf(t, (_, response) => {
    if (!isSilent) response.end();
  });
  await client.request(request());
  await clock.advance(4_999);
  t.equal(connections[0]?.destroyed, false);
  await clock.advance(1);
  await until(() => connections[0]?.destroyed === true);
  isSilent = true;
  const lost = t.rejects(client.request(request()), { name: 'RequestLost' });
  await until(() => asked.length === 2);
  client.close();
  await t.rejects(client.request(request()), { name: 'RequestLost' });
  await clock.advance(4_499);
  t.equal(connections[1]?.destroyed, false);
  await clock.advance(1);
  await lost;
  t.equal(clock.timers, 0);
});

test('a server that changes its protocol is followed at the next connection', async (t) => {
  const { identity, url } = await setup(t);
  const { key, cert } = identity;
  const seen: string[] = [];
  // Both protocols at one port; which of them the server prefers is decided anew for each connection.
  let protocol = 'http/1.1';
  const server = createSecureServer({
    key,
    cert,
    allowHTTP1: true,
    ALPNCallback: () => protocol,
  });
  server.on('request', (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen.push(request.httpVersion);
      response.setHeader('content-type', 'application/dns-message');
      response.end(responseOctets(Buffer.concat(chunks), truth));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { transport, clock } = transportTo(t, url.replace(/:\d+\//, `:${port}/`));
  for (const next of ['http/1.1', 'h2', 'http/1.1']) {
    protocol = next;
    await Promise.all(['a.example.', 'b.example.'].map((qname) => ask(transport, qname)));
    // Connections that rest are closed.
    await clock.advance(5_000);
  }
  t.same(seen, ['1.1', '1.1', '2.0', '2.0', '1.1', '1.1']);
});
