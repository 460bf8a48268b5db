import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'tap';
import {
  createExposition,
  type Exposition,
  sharedExposition,
} from '../../src/observe/exposition.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import {
  type StatusServer,
  type StatusServerOptions,
  startStatusServer,
} from '../../src/observe/status-server.ts';
import { HandClock } from '../support/hand-clock.ts';
import { parseExposition, seriesKey } from './exposition-parser.ts';

const LOOPBACK = { address: '127.0.0.1', port: 0 };
const noPage: Exposition = { render: () => Promise.resolve({ contentType: 'x/y', body: '' }) };

/** What these helpers need of a tap test. */
interface Test {
  teardown(undo: () => unknown): void;
  fail(message: string): unknown;
}

async function start(t: Test, more: Partial<StatusServerOptions> = {}): Promise<StatusServer> {
  const server = await startStatusServer({
    version: '1.2.3',
    address: LOOPBACK,
    ready: () => [],
    exposition: noPage,
    onBug: (error) => t.fail(String(error)),
    ...more,
  });
  t.teardown(() => server.close());
  return server;
}

interface Reply {
  readonly status: number | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

async function ask(
  { address: { address, port } }: StatusServer,
  path: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: object; body?: string } = {},
): Promise<Reply> {
  const sent = request({
    host: address,
    port,
    path,
    method,
    headers: { ...headers },
    agent: false,
  });
  sent.end(body);
  const [response] = await once(sent, 'response');
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

async function open(t: Test, { address: { address, port } }: StatusServer): Promise<Socket> {
  const socket = connect({ host: address, port });
  socket.on('error', () => undefined);
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

test('it is ready when nothing speaks against it, and else says what does', async (t) => {
  const reasons = ['no upstream has answered', 'ready.names: gitlab.example.com does not resolve'];
  const server = await start(t, { ready: () => reasons });
  const before = await ask(server, '/ready');
  t.match(before, { status: 503, headers: { 'content-type': /^application\/json/ } });
  t.strictSame(JSON.parse(before.body), { ready: false, reasons, version: '1.2.3' });
  reasons.length = 0;
  const after = await ask(server, '/ready');
  t.equal(after.status, 200);
  t.strictSame(JSON.parse(after.body), { ready: true, reasons: [], version: '1.2.3' });
});

test('it is healthy as long as it answers, ready or not', async (t) => {
  const server = await start(t, { ready: () => ['starting'] });
  t.match(await ask(server, '/healthz'), { status: 200, body: 'ok\n' });
});

test('the index names every page, and there are no others', async (t) => {
  const server = await start(t);
  const { status, body } = await ask(server, '/');
  t.equal(status, 200);
  for (const path of body.match(/^\/\w+/gm) ?? []) {
    t.equal((await ask(server, path)).status, 200, path);
  }
  for (const path of ['/nope', '/metrics/', '//metrics', '/../metrics', '/%6detrics', '*']) {
    t.equal((await ask(server, path)).status, 404, path);
  }
  t.equal((await ask(server, '/healthz?verbose=1')).status, 200, 'a query string is no other page');
});

test('HEAD is GET without the body', async (t) => {
  const server = await start(t);
  const { headers } = await ask(server, '/');
  const head = await ask(server, '/', { method: 'HEAD' });
  t.match(head, { status: 200, body: '' });
  t.equal(head.headers['content-length'], headers['content-length']);
});

test('nothing can be changed here: other methods and bodies are turned away', async (t) => {
  const server = await start(t);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE']) {
    const headers = { 'content-length': '0' };
    const reply = await ask(server, '/metrics', { method, headers });
    t.match(reply, { status: 405, headers: { allow: 'GET, HEAD' } }, method);
  }
  const headers = { 'content-length': '4' };
  const reply = await ask(server, '/metrics', { headers, body: 'body' });
  t.match(reply, { status: 413, headers: { connection: 'close' } });
});

test('a page that fails is a bug that is told, without showing it to the client', async (t) => {
  const bugs: unknown[] = [];
  const secret = new Error('secret');
  const server = await start(t, {
    exposition: { render: () => Promise.reject(secret) },
    onBug: (error) => bugs.push(error),
  });
  t.match(await ask(server, '/metrics'), { status: 500, body: 'internal error\n' });
  t.strictSame(bugs, [secret]);
  t.equal((await ask(server, '/healthz')).status, 200, 'and the server goes on');
});

test('a scrape over HTTP has every metric, in the format that was asked for', async (t) => {
  const metrics = createMetrics();
  const server = await start(t, { exposition: createExposition(metrics.registry) });
  metrics.listen.queries.add('tcp', 'SRV', 2);
  const plain = await ask(server, '/metrics');
  t.match(plain, { status: 200, headers: { 'content-type': /^text\/plain; version=0\.0\.4/ } });
  const families = parseExposition(plain.body, 'text');
  t.strictSame(
    [...families.keys()],
    metrics.registry.metrics.map(({ name }) => name),
  );
  const counted = families
    .get('sidestub_queries_total')
    ?.samples.filter(({ value }) => value > 0)
    .map((sample) => `${seriesKey(sample)} ${sample.value}`);
  t.strictSame(counted, ['sidestub_queries_total [["transport","tcp"],["type","SRV"]] 2']);
  const headers = { accept: 'application/openmetrics-text' };
  const open = await ask(server, '/metrics', { headers });
  t.match(open.headers['content-type'], /^application\/openmetrics-text/);
  t.equal(parseExposition(open.body, 'openmetrics').size, metrics.registry.metrics.length);
});

test("Prometheus' own linter has nothing to say", async (t) => {
  const { body } = await createExposition(createMetrics().registry).render();
  const promtool = spawn('promtool', ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const missing = await Promise.race([
    once(promtool, 'spawn').then(() => false),
    once(promtool, 'error').then(() => true),
  ]).catch(() => true);
  if (missing) {
    t.pass('promtool is missing', {
      skip: 'promtool (Debian package prometheus) is not installed',
    });
    return;
  }
  promtool.stdin.end(body);
  const [said, [code]] = await Promise.all([text(promtool.stderr), once(promtool, 'exit')]);
  t.equal(said, '');
  t.equal(code, 0);
});

test('one connection serves many scrapes', async (t) => {
  const server = await start(t);
  const socket = await open(t, server);
  socket.setEncoding('latin1');
  let seen = '';
  socket.on('data', (chunk: string) => {
    seen += chunk;
  });
  for (let n = 1; n <= 3; n++) {
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
    while ((seen.match(/\r\n\r\nok\n/g) ?? []).length < n) await once(socket, 'data');
  }
  t.notMatch(seen, /connection: close/i);
});

test('a client that never ends its headers is cut, however busy it looks (S1)', async (t) => {
  const server = await start(t, { limits: { request: 50 } });
  const socket = await open(t, server);
  socket.write('GET /metrics HTTP/1.1\r\nx-slow: ');
  socket.resume();
  // An octet now and then keeps the socket from being silent; a hundred times the limit is no limit.
  let octets = 0;
  const dribble = setInterval(() => {
    if (++octets < 500) socket.write('x');
    else socket.destroy();
  }, 10);
  t.teardown(() => clearInterval(dribble));
  // An octet that is sent as the server cuts is answered by a reset.
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  clearInterval(dribble);
  t.ok(octets < 500, `${octets} octets taken`);
  t.equal((await ask(server, '/healthz')).status, 200);
});

test('a client that says nothing is cut (S1)', async (t) => {
  const server = await start(t, { limits: { request: 50 } });
  const socket = await open(t, server);
  socket.resume();
  await once(socket, 'close');
  t.equal((await ask(server, '/healthz')).status, 200);
});

test('an idle connection is cut (S1)', async (t) => {
  const server = await start(t, { limits: { idle: 50 } });
  const socket = await open(t, server);
  socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
  t.pass('cut');
});

test('headers past the limit are refused (S1)', async (t) => {
  const met: string[] = [];
  const server = await start(t, { onLimit: (limit) => met.push(limit) });
  const reply = await ask(server, '/', { headers: { 'x-long': 'x'.repeat(10_000) } });
  t.equal(reply.status, 431);
  t.strictSame(met, ['status_request']);
});

test('connections past the limit are cut, and there is room again when one has gone (S1)', async (t) => {
  const met: string[] = [];
  const onLimit = (limit: string) => met.push(limit);
  const server = await start(t, { limits: { connections: 2 }, onLimit });
  const [first, second] = [await open(t, server), await open(t, server)];
  const third = await open(t, server);
  third.resume();
  await once(third, 'close');
  t.strictSame(met, ['status_connections']);
  for (const socket of [first, second]) {
    socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
  }
  t.equal((await ask(server, '/healthz')).status, 200);
});

test('what is not HTTP gets 400 and is cut', async (t) => {
  const server = await start(t);
  const socket = await open(t, server);
  socket.end('\x00\x1e not http\r\n\r\n');
  t.match(await text(socket), /^HTTP\/1\.1 400 /);
});

test('closing cuts whoever is connected and frees the port', async (t) => {
  const server = await start(t);
  const socket = await open(t, server);
  const cut = once(socket, 'close');
  socket.resume();
  await server.close();
  await cut;
  const again = await start(t, { address: server.address });
  t.strictSame(again.address, server.address);
});

test('an address that is taken is an error that names it (S3)', async (t) => {
  const { address } = await start(t);
  await t.rejects(start(t, { address }), {
    message: `status server 127.0.0.1:${address.port}: EADDRINUSE`,
  });
});

test('it listens on IPv6 too', async (t) => {
  let server: StatusServer;
  try {
    server = await start(t, { address: { address: '::1', port: 0 } });
  } catch {
    t.pass('no IPv6', { skip: 'no IPv6 loopback here' });
    return;
  }
  t.equal((await ask(server, '/healthz')).status, 200);
});

test('on a loopback address every path checks Host, against DNS rebinding; elsewhere none of them does (S1)', async (t) => {
  const paths = ['/', '/metrics', '/ready', '/healthz', '/page'];
  const pages = new Map([['/page', () => ({ status: 200, type: 'x/y', body: 'page' })]]);
  const hosts: [string, boolean][] = [
    ['localhost', true],
    ['LOCALHOST:9553', true],
    ['127.0.0.1:9553', true],
    ['10.0.0.7', true],
    ['[::1]:9553', true],
    ['rebound.example', false],
    ['localhost.example:9553', false],
  ];
  const loopback = await start(t, { pages });
  const anyHost = await start(t, { pages, anyHost: true });
  const everywhere = await start(t, { pages, address: { address: '0.0.0.0', port: 0 } });
  for (const [host, isLocal] of hosts) {
    for (const path of paths) {
      const at = async (server: StatusServer) =>
        (await ask(server, path, { headers: { host } })).status;
      t.equal(await at(loopback), isLocal ? 200 : 421, `${host} ${path}`);
      t.equal(await at(anyHost), 200);
      t.equal(await at(everywhere), 200);
    }
  }
});

test('pages for some do not exist for others, who find the index (S1)', async (t) => {
  const page = () => ({ status: 200, type: 'x/y', body: 'page' });
  const pages = new Map([
    ['/', page],
    ['/live', page],
  ]);
  const server = await start(t, { pages, pagesFor: ({ headers }) => headers['x-me'] === 'yes' });
  const headers = { 'x-me': 'yes' };
  t.equal((await ask(server, '/', { headers })).body, 'page');
  t.match((await ask(server, '/')).body, /^sidestub 1\.2\.3/);
  t.equal((await ask(server, '/live', { headers })).status, 200);
  t.equal((await ask(server, '/live')).status, 404);
});

test('pipelined requests have their turn one after the other, and get their answers in order (S1)', async (t) => {
  let inProgress = 0;
  let most = 0;
  let asked = 0;
  const pages = new Map([
    [
      '/n',
      async () => {
        most = Math.max(most, ++inProgress);
        await new Promise(setImmediate);
        inProgress--;
        return { status: 200, type: 'x/y', body: `answer ${asked++};` };
      },
    ],
  ]);
  const server = await start(t, { pages });
  const socket = await open(t, server);
  // In one chunk, with the empty line before a request that old clients send, and cut where a line ends.
  const one = 'GET /n HTTP/1.1\r\nHost: localhost\r\n\r\n';
  socket.write(`\r\n${one.repeat(300)}${one.slice(0, -2)}`);
  socket.write(`\r\n${one.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}`);
  const said = await text(socket);
  t.strictSame(
    said.match(/answer \d+/g),
    Array.from({ length: 302 }, (_, n) => `answer ${n}`),
  );
  t.equal(most, 1);
});

test('scrapes at one time share one rendering, the formats take turns, and a second has ten (S1)', async (t) => {
  const clock = new HandClock();
  let inProgress = 0;
  let most = 0;
  let rendered = 0;
  const shared = sharedExposition(
    {
      render: async (accept = '') => {
        most = Math.max(most, ++inProgress);
        await new Promise(setImmediate);
        inProgress--;
        return { contentType: 'x/y', body: `${accept} ${++rendered}` };
      },
    },
    clock,
  );
  const text = 'text/plain';
  const open = 'application/openmetrics-text';
  const bodies = await Promise.all([text, open, text, open].map((type) => shared.render(type)));
  t.strictSame(
    bodies.map(({ body }) => body),
    [`${text} 1`, `${open} 2`, `${text} 1`, `${open} 2`],
  );
  for (let n = 3; n <= 10; n++) t.equal((await shared.render(text)).body, `${text} ${n}`);
  t.equal(clock.timers, 0);
  const eleventh = shared.render(text);
  await clock.advance(999);
  t.equal(rendered, 10);
  await clock.advance(1);
  t.equal((await eleventh).body, `${text} 11`);
  t.equal(most, 1);
});
