import { test } from 'tap';
import { loadSettings } from '../../src/config/load.ts';
import { startStatus } from '../../src/daemon/status.ts';
import { LookupWatch } from '../../src/observe/lookup-watch.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { HandClock } from '../support/hand-clock.ts';

interface Test {
  teardown(undo: () => unknown): void;
  fail(message: string): unknown;
}

/** What `/` and the other paths answer under these settings; `undefined` where nothing is served. */
async function served(t: Test, env: Readonly<Record<string, string>>) {
  const { settings } = loadSettings({
    flags: {},
    env,
    readFile: () => 'nameserver 192.0.2.1\n',
    machine: ['127.0.0.1'],
  });
  const clock = new HandClock();
  const metrics = createMetrics();
  const server = await startStatus({
    settings,
    clock,
    startedAt: 0,
    version: '1.2.3',
    metrics,
    lookups: new LookupWatch({
      clock,
      wallClock: () => 0,
      names: false,
      split: () => undefined,
      ...metrics.lookups,
    }),
    configuration: () => [],
    ready: () => [],
    onBug: (error) => t.fail(String(error)),
  });
  if (server === undefined) return undefined;
  t.teardown(() => server.close());
  const typeOf = async (path: string): Promise<string | null> => {
    const reply = await fetch(`http://127.0.0.1:${server.address.port}${path}`);
    return reply.ok ? reply.headers.get('content-type') : String(reply.status);
  };
  return { page: await typeOf('/'), live: await typeOf('/live'), ready: await typeOf('/ready') };
}

const HTML = 'text/html; charset=utf-8';
const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

test('the page is served to loopback peers wherever the server listens, as to a port-forward (S1, S4)', async (t) => {
  for (const [address, page, expected] of [
    ['127.0.0.1:0', undefined, HTML],
    ['127.0.0.1:0', 'on', HTML],
    ['127.0.0.1:0', 'off', TEXT],
    ['0.0.0.0:0', undefined, HTML],
    ['0.0.0.0:0', 'on', HTML],
    ['0.0.0.0:0', 'off', TEXT],
  ] as const) {
    const env = { SIDESTUB_STATUS_ADDRESS: address, ...(page && { SIDESTUB_STATUS_PAGE: page }) };
    const live = expected === HTML ? HTML : '404';
    t.strictSame(
      await served(t, env),
      { page: expected, live, ready: JSON_TYPE },
      `${address}, page ${page ?? 'auto'}`,
    );
  }
});

test('without an address nothing is served at all', async (t) => {
  t.equal(await served(t, { SIDESTUB_STATUS_ADDRESS: 'off' }), undefined);
});
