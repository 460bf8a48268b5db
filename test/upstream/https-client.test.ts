import { once } from 'node:events';
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import tap, { type Test, test } from 'tap';
import { httpsClient } from '../../src/upstream/https-client.ts';
import type { HttpsDialer } from '../../src/upstream/https-connection.ts';
import type { HttpsRequest } from '../../src/upstream/https-request.ts';
import { parseServerAddress } from '../../src/upstream/server-address.ts';
import { TlsDialer } from '../../src/upstream/tls-dialer.ts';
import { uint16 } from '../../src/wire/header.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message, responseOctets, soa } from '../support/messages.ts';
import { type Identity, makeCa } from './certificates.ts';
import { ask, transportTo, truth } from './doh-transport.ts';
import { closedPort, outgoing, sendBy } from './loopback.ts';

// What the machine trusts beside Node's own must not decide.
delete process.env['NODE_EXTRA_CA_CERTS'];

const ca = makeCa(tap);

const HEADERS = { ':status': 200, 'content-type': 'application/dns-message' };

/** A request as it came. */
interface Asked {
  readonly query: Buffer;
  readonly headers: IncomingHttpHeaders;
  readonly session: number;
}

type OnRequest = (asked: Asked, stream: ServerHttp2Stream) => void;

function answer(stream: ServerHttp2Stream, query: Uint8Array, headers = {}, word = truth): void {
  stream.respond({ ...HEADERS, ...headers });
  stream.end(responseOctets(query, word));
}

const answerAll: OnRequest = ({ query }, stream) => answer(stream, query);

/** A DoH server on the loopback. */
async function dohServer(
  t: Test,
  { key, cert }: Pick<Identity, 'key' | 'cert'>,
  onRequest: OnRequest = answerAll,
  options: SecureServerOptions = {},
) {
  const asked: Asked[] = [];
  const sessions: ServerHttp2Session[] = [];
  const resumed: boolean[] = [];
  const server: Http2SecureServer = createSecureServer({ key, cert, ...options });
  server.on('secureConnection', (socket) => resumed.push(socket.isSessionReused()));
  server.on('session', (session) => {
    session.on('error', () => undefined);
    const number = sessions.push(session) - 1;
    session.on('stream', (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('error', () => undefined);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const dns = new URL(headers[':path'] ?? '', 'https://x').searchParams.get('dns');
        const query = dns === null ? Buffer.concat(chunks) : Buffer.from(dns, 'base64url');
        const one = { query, headers, session: number };
        asked.push(one);
        onRequest(one, stream);
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, asked, sessions, resumed };
}

test('POST and GET over HTTP/2, with ID 0 and padded (RFC 8484 §4.1, RFC 8467)', async (t) => {
  const { port, asked, sessions } = await dohServer(t, ca.issue(['DNS:dns.example']));
  for (const method of ['post', 'get']) {
    const query = `bootstrap=127.0.0.1&ca=${ca.certFile}&method=${method}`;
    const { transport, tallies } = transportTo(t, `https://dns.example:${port}/dns-query?${query}`);
    t.same((await ask(transport)).message, truth, method);
    t.equal(tallies.sends.get('https'), 1);
  }
  for (const { query } of asked) t.same([uint16(query, 0), query.length], [0, 128]);
  const [post, get] = asked.map(({ headers }) => headers);
  t.match(post, {
    ':method': 'POST',
    ':path': '/dns-query',
    ':authority': `dns.example:${port}`,
    accept: 'application/dns-message',
    'content-type': 'application/dns-message',
  });
  t.match(get, { ':method': 'GET', ':path': /^\/dns-query\?dns=[\w-]+$/ });
  t.ok(sessions.every((session) => session.alpnProtocol === 'h2'));
});

test('many questions share one connection, and answers come in any order', async (t) => {
  const held: (() => void)[] = [];
  const { port, sessions } = await dohServer(t, ca.issue(['IP:127.0.0.1']), ({ query }, stream) => {
    held.push(() => answer(stream, query));
    if (held.length === 20) for (const release of held.reverse()) release();
  });
  const { transport } = transportTo(t, `https://127.0.0.1:${port}/dns-query?ca=${ca.certFile}`);
  await Promise.all(Array.from({ length: 20 }, (_, i) => ask(transport, `n${i}.example.`)));
  t.equal(sessions.length, 1);
});

test('Age is taken off every TTL, never below 0 (RFC 8484 §5.1)', async (t) => {
  const word = message({
    answer: [a('api.example.', '192.0.2.1', 60), a('api.example.', '192.0.2.2', 20)],
    authority: [soa('example.', { ttl: 100 })],
  });
  const { port } = await dohServer(t, ca.issue(['IP:127.0.0.1']), ({ query }, stream) => {
    answer(stream, query, { age: '25' }, word);
  });
  const { transport } = transportTo(t, `https://127.0.0.1:${port}/dns-query?ca=${ca.certFile}`);
  const { message: got } = await ask(transport);
  t.same(
    [...got.answer, ...got.authority].map(({ ttl }) => ttl),
    [35, 0, 75],
  );
});

test('what is no 2xx is a failure, whatever its body says; so is another media type or question', async (t) => {
  const { port } = await dohServer(t, ca.issue(['IP:127.0.0.1']), ({ query, headers }, stream) => {
    const path = headers[':path'] ?? '';
    if (path.includes('status')) answer(stream, query, { ':status': Number(path.slice(-3)) });
    else if (path.includes('html')) answer(stream, query, { 'content-type': 'text/html' });
    else answer(stream, query.fill(0x7a, 13, 14));
  });
  const fails = async (path: string, expected: object, sends = 1) => {
    const { transport, tallies } = transportTo(
      t,
      `https://127.0.0.1:${port}${path}?ca=${ca.certFile}`,
    );
    await t.rejects(ask(transport), { name: 'UpstreamError', ...expected }, path);
    t.equal(tallies.sends.get('https'), sends, path);
  };
  for (const [status, sends] of [
    [301, 1],
    [404, 1],
    [503, 3],
  ] as const) {
    const message = new RegExp(`HTTP ${status}$`);
    await fails(`/status${status}`, { reason: 'refused', message }, sends);
  }
  await fails('/html', { reason: 'malformed' }, 3);
  await fails('/another-question', { reason: 'malformed' }, 3);
});

test('a server that is not who it should be, or has no HTTP, hears no question (U5)', async (t) => {
  const { port, asked } = await dohServer(t, ca.issue(['DNS:evil.example']));
  const query = `bootstrap=127.0.0.1&ca=${ca.certFile}`;
  const { transport } = transportTo(t, `https://dns.example:${port}/dns-query?${query}`);
  await t.rejects(ask(transport), {
    reason: 'untrusted',
    message: /is for another name: subject CN=evil/,
  });
  t.same(asked, []);

  const { key, cert } = ca.issue(['DNS:dns.example']);
  let heard = 0;
  const other = createTlsServer({ key, cert, ALPNProtocols: ['dot'] }, () => heard++);
  other.on('tlsClientError', () => undefined);
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const { port: otherPort } = other.address() as AddressInfo;
  const toOther = transportTo(t, `https://dns.example:${otherPort}/dns-query?${query}`);
  await t.rejects(ask(toOther.transport), {
    name: 'UpstreamError',
    reason: 'network',
    message: /NO_APPLICATION_PROTOCOL$/,
  });
  t.equal(heard, 0);
});

test('a refused connection fails at once, and is not tried again (U2)', async (t) => {
  const port = await closedPort();
  const { transport, tallies } = transportTo(t, `https://127.0.0.1:${port}/dns-query`);
  await t.rejects(ask(transport), { reason: 'refused', message: /ECONNREFUSED$/ });
  t.equal(tallies.sends.get('https'), 1);
});

test('a server that closes after each answer loses nothing', async (t) => {
  for (const end of ['close', 'destroy'] as const) {
    const { port, sessions, resumed } = await dohServer(
      t,
      ca.issue(['IP:127.0.0.1']),
      ({ query }, stream) => {
        answer(stream, query);
        const { session } = stream;
        // When the answer is out.
        stream.on('close', () => setImmediate(() => session?.[end]()));
      },
    );
    const { transport } = transportTo(t, `https://127.0.0.1:${port}/dns-query?ca=${ca.certFile}`);
    for (let i = 0; i < 5; i++) t.same((await ask(transport)).message, truth, end);
    t.ok(sessions.length > 1);
    t.ok(resumed.includes(true), 'TLS sessions are resumed');
  }
});

test('a server that closes on every question is asked three times, no more (RFC 9520 §3.1)', async (t) => {
  const { port, asked } = await dohServer(t, ca.issue(['IP:127.0.0.1']), (_, stream) => {
    stream.session?.destroy();
  });
  const { transport } = transportTo(t, `https://127.0.0.1:${port}/dns-query?ca=${ca.certFile}`);
  await t.rejects(ask(transport), { name: 'UpstreamError', reason: 'network' });
  t.equal(asked.length, 3);
});

test('1 s of silence: new questions get another connection, old ones are still heard (U1)', async (t) => {
  const held = Promise.withResolvers<() => void>();
  const { port, sessions } = await dohServer(
    t,
    ca.issue(['IP:127.0.0.1']),
    ({ query, session }, stream) => {
      if (session === 0) held.resolve(() => answer(stream, query));
      else answer(stream, query);
    },
  );
  const { transport, clock } = transportTo(
    t,
    `https://127.0.0.1:${port}/dns-query?ca=${ca.certFile}`,
  );
  const slow = ask(transport);
  const release = await held.promise;
  await clock.advance(1_000);
  t.same((await ask(transport)).message, truth);
  t.equal(sessions.length, 2);
  release();
  t.same((await slow).message, truth);
  transport.close();
  t.equal(clock.timers, 0);
});

test('a closed exchange hears nothing; closing the transport fails what is out', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const { port } = await dohServer(t, ca.issue(['IP:127.0.0.1']), () => arrived.resolve());
  const { transport, clock } = transportTo(
    t,
    `https://127.0.0.1:${port}/dns-query?ca=${ca.certFile}`,
  );
  const given = sendBy(transport, outgoing('api.example.'));
  const kept = sendBy(transport, outgoing('api.example.'));
  await arrived.promise;
  given.exchange.close();
  given.exchange.close();
  transport.close();
  await t.rejects(kept.reply, { name: 'UpstreamError', reason: 'closed' });
  t.equal(await Promise.race([given.reply, Promise.resolve('silent')]), 'silent');
  t.equal(clock.timers, 0);
});

/** A server that answers without a word, unless it is told how, and who dials it. */
async function wordless(t: Test, onRequest?: OnRequest) {
  const silent: OnRequest = (_, stream) => {
    stream.respond({ ':status': 204 });
    stream.end();
  };
  const server = await dohServer(t, ca.issue(['IP:127.0.0.1']), onRequest ?? silent);
  const address = parseServerAddress(
    `https://127.0.0.1:${server.port}/dns-query?ca=${ca.certFile}`,
  );
  if (address.transport !== 'https') throw new Error('not https');
  const clock = new HandClock();
  const dialer = new TlsDialer(address, ['h2', 'http/1.1'], clock);
  const clientBy = (by: HttpsDialer = dialer) => {
    const client = httpsClient(address.origin, by, clock);
    t.teardown(() => client.destroy());
    return client;
  };
  return { clock, dialer, clientBy, ...server };
}

function request(
  method: 'GET' | 'POST' = 'GET',
  signal = new AbortController().signal,
): HttpsRequest {
  const body = method === 'POST' ? { body: new Uint8Array(128) } : {};
  return { method, path: '/dns-query', headers: {}, signal, ...body };
}

test('a client dials when something is asked, and rests on one connection for 5 s', async (t) => {
  const { clock, clientBy, sessions } = await wordless(t);
  const client = clientBy();
  t.equal(sessions.length, 0, 'nothing is dialled before something is asked');
  for (let i = 0; i < 2; i++) t.equal((await client.request(request())).statusCode, 204);
  t.equal(sessions.length, 1);
  const ended = once(sessions[0] as ServerHttp2Session, 'close');
  await clock.advance(4_999);
  t.equal(sessions[0]?.destroyed, false);
  await clock.advance(1);
  await ended;
  t.equal(clock.timers, 0);
  t.equal((await client.request(request())).statusCode, 204);
  t.equal(sessions.length, 2);
});

test('the end of one connection is not taken for that of the next, which is dialled once', async (t) => {
  const { dialer, clientBy, sessions } = await wordless(t);
  const sockets: Socket[] = [];
  const dial: TlsDialer['dial'] = (onOpen) => {
    const socket = dialer.dial(onOpen);
    const before = sockets.push(socket) === 2 ? sockets[0] : undefined;
    // As where the event comes when the next one is dialled already.
    queueMicrotask(() => before?.emit('close'));
    return socket;
  };
  const client = clientBy({ name: dialer.name, protocol: undefined, dial });
  await client.request(request());
  const closed = new Promise((resolve) => sockets[0]?.once('close', resolve));
  sessions[0]?.destroy();
  await closed;
  t.equal((await client.request(request())).statusCode, 204);
  t.equal(sockets.length, 2);
});

test('a socket that is gone before it was ready fails what was asked', async (t) => {
  const name = 'https://192.0.2.53:443/dns-query';
  const dialer = { name, protocol: undefined, dial: () => new Socket().destroy() };
  const client = httpsClient('https://192.0.2.53', dialer, new HandClock());
  t.teardown(() => client.destroy());
  await t.rejects(client.request(request()), {
    name: 'UpstreamError',
    reason: 'network',
    message: `${name} closed before it was ready`,
  });
});

test('a request is sent once, whatever becomes of it', async (t) => {
  const ends: Record<string, (stream: ServerHttp2Stream) => void> = {
    reset: (stream) => stream.close(2),
    refused: (stream) => stream.close(7),
    'headers past 64 KiB': (stream) => {
      stream.respond({ ':status': 200, 'x-large': 'x'.repeat(70_000) });
      stream.end();
    },
    'a body past 65,535 octets': (stream) => {
      stream.respond({ ':status': 200 });
      stream.end(Buffer.alloc(65_536));
    },
    'the end of the connection': (stream) => stream.session?.destroy(),
  };
  for (const [what, end] of Object.entries(ends)) {
    for (const method of ['GET', 'POST'] as const) {
      const { clientBy, asked } = await wordless(t, (_, stream) => end(stream));
      await t.rejects(clientBy().request(request(method)), { name: 'RequestLost' }, what);
      t.equal(asked.length, 1, `${what}, ${method}`);
    }
  }
});

test('requests that nobody waits for are reset behind their bodies, and the event loop goes on', async (t) => {
  const { clientBy, sessions } = await wordless(t, () => undefined);
  const client = clientBy();
  for (const method of ['POST', 'GET'] as const) {
    for (let round = 0; round < 10; round++) {
      const given = Array.from({ length: 24 }, () => {
        const abort = new AbortController();
        return { abort, lost: t.rejects(client.request(request(method, abort.signal))) };
      });
      // In the turn that writes them, and in the one behind it.
      await (round % 2 === 0 ? Promise.resolve() : new Promise(setImmediate));
      for (const { abort } of given) abort.abort();
      await Promise.all(given.map(({ lost }) => lost));
    }
  }
  t.equal(sessions.length, 1);
});

test('what a closed client owes is waited for, 4.5 s at most; a destroyed one owes nothing', async (t) => {
  const { clock, clientBy, asked } = await wordless(t, () => undefined);
  const closed = clientBy();
  let isLost = false;
  const lost = t.rejects(
    closed.request(request()).finally(() => {
      isLost = true;
    }),
    { name: 'RequestLost' },
  );
  while (asked.length === 0) await new Promise(setImmediate);
  closed.close();
  await t.rejects(closed.request(request()), { name: 'RequestLost' });
  await clock.advance(4_499);
  t.equal(isLost, false);
  await clock.advance(1);
  await lost;
  const destroyed = clientBy();
  const gone = t.rejects(destroyed.request(request()));
  destroyed.destroy();
  await gone;
  t.equal(clock.timers, 0);
});
