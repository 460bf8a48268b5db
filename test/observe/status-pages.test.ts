import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'tap';
import { createExposition } from '../../src/observe/exposition.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { statusPages } from '../../src/observe/status-pages.ts';
import { startStatusServer } from '../../src/observe/status-server.ts';
import type { StatusSources } from '../../src/observe/status-view.ts';
import { HandClock } from '../support/hand-clock.ts';
import { plainStatus } from './plain-status.ts';

const HOSTILE = `"><script>alert(1)</script>'&`;

interface Test {
  teardown(undo: () => unknown): void;
  fail(message: string): unknown;
}

async function start(t: Test, { anyHost = false, more = {} as Partial<StatusSources> } = {}) {
  const metrics = createMetrics();
  const view = plainStatus(metrics, new HandClock(), more);
  const server = await startStatusServer({
    version: '1.2.3',
    address: { address: '127.0.0.1', port: 0 },
    ready: () => [],
    exposition: createExposition(metrics.registry),
    anyHost,
    pages: statusPages({ view, anyHost }),
    onBug: (error) => t.fail(String(error)),
  });
  t.teardown(() => server.close());
  const { port } = server.address;
  const get = async (path: string, host = `127.0.0.1:${port}`) => {
    const sent = request({ host: '127.0.0.1', port, path, headers: { host }, agent: false });
    sent.end();
    const [response] = await once(sent, 'response');
    const { statusCode: status, headers } = response;
    return { status, headers, body: await text(response) };
  };
  return { metrics, get };
}

test('the page and its parts come with a policy that lets nothing else in', async (t) => {
  const { get } = await start(t);
  for (const [path, type] of [
    ['/', 'text/html'],
    ['/live', 'text/html'],
    ['/status.css', 'text/css'],
    ['/status.js', 'text/javascript'],
    ['/icon.svg', 'image/svg+xml'],
  ]) {
    const { status, headers, body } = await get(path ?? '');
    t.equal(status, 200);
    t.equal(headers['content-type'], `${type}; charset=utf-8`);
    t.match(headers['content-security-policy'], /^default-src 'none'; .*frame-ancestors 'none'$/);
    t.notMatch(headers['content-security-policy'], /unsafe|\*|https?:/);
    t.equal(headers['x-content-type-options'], 'nosniff');
    t.notMatch(body, /https?:\/\/(?!www\.w3\.org\/2000\/svg)/, 'no address of anybody else');
    t.notMatch(body, /<style|\sstyle=|\son\w+=|<script>/, 'nothing inline');
  }
});

test('a name of somebody else that points here reads nothing (DNS rebinding)', async (t) => {
  const { get } = await start(t);
  for (const host of ['localhost', 'LOCALHOST:9553', '10.0.0.7:9553', '[::1]:9553', '127.0.0.1']) {
    t.equal((await get('/', host)).status, 200, host);
  }
  for (const host of [
    'rebind.example.com',
    'localhost.example.com:9553',
    '127.0.0.1.example.com',
    'x',
  ]) {
    for (const path of ['/', '/live', '/status.js']) {
      t.equal((await get(path, host)).status, 421, `${host} ${path}`);
    }
    t.equal((await get('/metrics', host)).status, 421, 'nobody but this machine gets here');
  }
  const open = await start(t, { anyHost: true });
  t.equal((await open.get('/', 'sidestub.example.com')).status, 200, 'where it was asked for');
});

test('whatever a name, a setting or a reason says, it is text', async (t) => {
  const { get, metrics } = await start(t, {
    more: {
      ready: () => [HOSTILE],
      version: HOSTILE,
      configuration: () => [{ key: HOSTILE, value: HOSTILE, origin: HOSTILE }],
      lookups: {
        recent: [
          {
            endedAt: 0,
            took: 700,
            outcome: 'failed',
            name: HOSTILE,
            steps: [
              {
                suffix: HOSTILE,
                type: HOSTILE,
                rcode: 'SERVFAIL',
                source: 'failure',
                hasData: false,
                at: 0,
                took: 700,
              },
            ],
          },
        ],
      },
    },
  });
  metrics.conformance.verdicts.set(HOSTILE, 'unknown');
  for (const path of ['/', '/live']) {
    const { status, body } = await get(path);
    t.equal(status, 200);
    t.notMatch(body, /<script>|alert\(1\)<\/script/);
    t.match(body, /&lt;script&gt;/);
  }
});

test('each section of the page is renewed by its twin', async (t) => {
  const { get } = await start(t);
  const page = (await get('/')).body;
  const live = (await get('/live')).body;
  const ids = [...page.matchAll(/id="(\w+)" data-live/g)].map(([, id]) => id);
  t.strictSame(ids, [
    'head',
    'findings',
    'now',
    'upstreams',
    'lookups',
    'answers',
    'zones',
    'configuration',
  ]);
  for (const id of ids) t.equal(live.split(`id="${id}"`).length, 2);
});
