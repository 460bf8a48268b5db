import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Test, test } from 'tap';
import { monotonicClock } from '../../src/clock.ts';
import { runCommandLine } from '../../src/commands/command-line.ts';
import { startCluster } from '../../src/demo/cluster.ts';
import { worldOf } from '../../src/demo/cluster-world.ts';
import { formatEndpoint } from '../../src/endpoint.ts';
import { freePort } from '../support/free-port.ts';
import { run } from './captured.ts';

const WORLD = worldOf({
  hosts: { 'git.example.com.': { a: ['198.51.100.7'], aaaa: ['2001:db8::7'] } },
  namespaces: { job: { postgres: { addresses: ['10.96.0.20'] } } },
});

/** Waits through a server that stands in for the daemon. */
async function wait(t: Test, words: readonly string[], isTTY = false) {
  const cluster = await startCluster({
    endpoints: [{ address: '127.0.0.1', port: 0 }],
    world: WORLD,
    clock: monotonicClock,
  });
  t.teardown(() => cluster.close());
  const resolvConf = 'nameserver 127.0.0.1\nsearch job.svc.cluster.local\noptions ndots:5\n';
  const directory = t.testdir({ 'resolv.conf': resolvConf });
  const [server] = cluster.endpoints;
  const listen = server === undefined ? '' : formatEndpoint(server);
  let [stdout, stderr] = ['', ''];
  const code = await runCommandLine(
    ['wait', ...words, '--listen', listen, '--resolv-conf', `${directory}/resolv.conf`],
    { wait: () => import('../../src/commands/wait.ts') },
    {
      env: {},
      version: '1.2.3',
      stdout: { isTTY, columns: 60, write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
    },
  );
  return { code, stdout, stderr };
}

test('names that resolve: exit code 0, and JSON where no person looks', async (t) => {
  const { code, stdout } = await wait(t, ['git.example.com', 'postgres']);
  t.equal(code, 0);
  t.match(JSON.parse(stdout), {
    resolved: true,
    names: [
      { name: 'git.example.com', resolved: true, addresses: ['198.51.100.7', '2001:db8::7'] },
      { name: 'postgres', resolved: true, addresses: ['10.96.0.20'] },
    ],
  });
});

/** Long enough for one round on a busy machine: without a round there is no reason but the timeout. */
const ROUND = '2s';

test('one that does not: exit code 1 with its reason, and the others are told too', async (t) => {
  const { code, stdout } = await wait(t, ['git.example.com', 'redis', '--timeout', ROUND]);
  t.equal(code, 1);
  const told = JSON.parse(stdout);
  t.equal(told.resolved, false);
  t.match(told.names, [{ resolved: true }, { resolved: false, reason: 'redis: NXDOMAIN' }]);
});

test('on a terminal each name has a line, and what is waited for is taken back', async (t) => {
  const { code, stdout } = await wait(t, ['git.example.com', 'redis', '--timeout', ROUND], true);
  t.equal(code, 1);
  t.match(stdout, /ok {3}git\.example\.com 198\.51\.100\.7 2001:db8::7 \(\d+\.\d s\)\n/);
  t.ok(stdout.includes('\r\x1b[Kwaiting for redis: redis: NXDOMAIN'));
  t.ok(stdout.includes('\r\x1b[Knot  redis: redis: NXDOMAIN ('));
});

test('--json is JSON on a terminal too', async (t) => {
  const { stdout } = await wait(t, ['postgres', '--json'], true);
  t.equal(JSON.parse(stdout).resolved, true);
});

test('what makes no sense is said before anything is asked', async (t) => {
  for (const [words, reason] of [
    [['--metrics', 'off'], /no name to wait for, and no status server to ask/],
    [[`${'x'.repeat(64)}.com`], /label/],
    [['a', '--timeout', 'soon'], /--timeout: not a duration/],
    [['a', '--timeout', '2h'], /--timeout: must be at most 1h: 2h/],
    [Array.from({ length: 65 }, (_, i) => `n${i}`), /more than 64 names: 65/],
  ] as const) {
    const { code, stderr } = await wait(t, words);
    t.equal(code, 64);
    t.match(stderr, reason);
  }
});

test('without a name: until the daemon is ready, from before it listens', async (t) => {
  const port = await freePort();
  const waiting = run(['wait', '--metrics', `127.0.0.1:${port}`]);
  const asked: number[] = [];
  const server = createServer((_, response) => {
    asked.push(asked.length);
    response.writeHead(asked.length < 3 ? 503 : 200).end();
  });
  server.listen(port, '127.0.0.1');
  t.teardown(() => server.close());
  t.same(await waiting, { code: 0, stdout: '', stderr: '' });
  t.equal(asked.length, 3);
});

test('without a name: exit code 1 with what /ready says when the time is over', async (t) => {
  const server = createServer((_, response) => {
    response.writeHead(503).end('git.example.com does not resolve: NXDOMAIN\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { code, stderr } = await run([
    'wait',
    '--metrics',
    `127.0.0.1:${port}`,
    '--timeout',
    ROUND,
  ]);
  t.equal(code, 1);
  t.match(
    stderr,
    /^not ready after 2000 ms: .*503 git\.example\.com does not resolve: NXDOMAIN\n$/,
  );
});
