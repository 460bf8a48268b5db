import { existsSync, readFileSync } from 'node:fs';
import { type Test, test } from 'tap';
import { monotonicClock } from '../../src/clock.ts';
import { runCommandLine } from '../../src/commands/command-line.ts';
import { startCluster } from '../../src/demo/cluster.ts';
import { worldOf } from '../../src/demo/cluster-world.ts';
import { startSidecar } from '../../src/demo/sidecar.ts';
import { type Endpoint, formatEndpoint } from '../../src/endpoint.ts';

const SEARCH = ['job.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.'];
const WORLD = worldOf({
  hosts: {
    'git.example.com.': { a: ['198.51.100.7'], aaaa: ['2001:db8::7'] },
    'api.dev.': { a: ['198.51.100.8'] },
  },
  namespaces: { dev: { api: { addresses: ['10.96.0.9'] } }, job: {} },
});

/** A daemon in this process in front of a cluster, and the command line that asks both. */
async function setup(t: Test) {
  const clock = monotonicClock;
  const cluster = await startCluster({
    endpoints: [{ address: '127.0.0.1', port: 0 }],
    world: WORLD,
    clock,
  });
  t.teardown(() => cluster.close());
  const upstream = cluster.endpoints[0] ?? { address: '127.0.0.1', port: 0 };
  const sidecar = await startSidecar({ upstream, search: SEARCH, ndots: 5, clock });
  t.teardown(() => sidecar.close());
  const text = `search ${SEARCH.join(' ')}\noptions ndots:5\n`;
  const folder = t.testdir({ 'resolv.conf': text });
  const explain = async (words: readonly string[], daemon: Endpoint = sidecar.endpoint) => {
    let [stdout, stderr] = ['', ''];
    const servers = ['--listen', formatEndpoint(daemon), '--upstream', formatEndpoint(upstream)];
    const code = await runCommandLine(
      ['explain', ...words, ...servers, '--resolv-conf', `${folder}/resolv.conf`],
      { explain: () => import('../../src/commands/explain.ts') },
      {
        env: {},
        version: '1.2.3',
        stdout: { columns: 120, write: (more) => (stdout += more) },
        stderr: { write: (more) => (stderr += more) },
      },
    );
    return { code, stdout, stderr };
  };
  return { explain, folder };
}

interface ShownLookup {
  readonly client: string;
  readonly path: string;
  readonly addresses: readonly string[];
  readonly steps: readonly {
    readonly name: string;
    readonly sources: readonly string[];
    readonly queries: number;
  }[];
}

test('every client is shown through the daemon and directly, with where each answer came from', async (t) => {
  const { explain } = await setup(t);
  const { code, stdout } = await explain(['git.example.com', '--json']);
  t.equal(code, 0);
  const { lookups, warnings }: { lookups: ShownLookup[]; warnings: string[] } = JSON.parse(stdout);
  const clients = ['musl 1.2.3', 'glibc', 'Go', 'c-ares'];
  t.same(
    lookups.map(({ client, path }) => `${client} ${path}`),
    [...clients.map((each) => `${each} sidestub`), ...clients.map((each) => `${each} direct`)],
  );
  for (const { addresses, client, path, steps } of lookups) {
    t.same([...addresses].sort(), ['198.51.100.7', '2001:db8::7'], `${client} ${path}`);
    t.equal(steps.length, 4);
    t.ok(steps.every(({ queries }) => queries >= 2));
    const told = steps.map(({ sources }) => sources.length > 0);
    t.same(new Set(told), new Set([path === 'sidestub']), 'the daemon tells, other servers do not');
  }
  const [cold, warm] = lookups;
  t.match(cold?.steps[0]?.sources.join(), /upstream|cut/, 'the first walk is the cold one');
  t.match(cold?.steps[1]?.sources.join(), /A cut/, 'its second step a cut');
  t.match(warm?.steps[3]?.sources.join(), /A cache/, 'and the next client’s base is in the cache');
  t.same(warnings, []);
});

test('a namespace that shadows a public name is warned of', async (t) => {
  const { explain } = await setup(t);
  const { stdout } = await explain(['api.dev']);
  t.match(stdout, /musl 1\.2\.3 through sidestub: 10\.96\.0\.9, /);
  t.match(stdout, /warning: api\.dev\.svc\.cluster\.local stands before the public name api\.dev/);
});

test('a person sees bars by time, and what was said', async (t) => {
  const { explain } = await setup(t);
  const { stdout } = await explain(['git.example.com']);
  t.match(stdout, /^glibc directly: 198\.51\.100\.7 2001:db8::7, [\d.]+ ms, 8 queries$/m);
  t.match(stdout, /^ {2}….svc\.cluster\.local +[ ▏▎▍▌▋▊▉█]+ NXDOMAIN \(cut of com\), 2 q$/mu);
  t.match(stdout, /^ {2}git\.example\.com +[ ▏▎▍▌▋▊▉█]+ 198\.51\.100\.7 \(cache\), 2 q$/mu);
});

test('--svg draws the same into a file, and names escape nothing', async (t) => {
  const { explain, folder } = await setup(t);
  const path = `${folder}/x.svg`;
  t.equal((await explain(['a<b.example.com', '--svg', path])).code, 0);
  const svg = readFileSync(path, 'utf8');
  t.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  t.match(svg, /How a&lt;b\.example\.com is looked up/);
  t.notMatch(svg, /a<b/);
  t.ok((svg.match(/<rect /g)?.length ?? 0) > 30, 'a bar for each step');
  const refused = await explain(['git.example.com', '--svg', `${folder}/no/x.svg`]);
  t.equal(refused.code, 1);
  t.match(refused.stderr, /--svg .*\/no\/x\.svg: /);
  t.notOk(existsSync(`${folder}/no`));
});

test('what makes no sense is exit code 64, and nothing is asked', async (t) => {
  const { explain } = await setup(t);
  for (const [words, reason] of [
    [[], /no name to explain/],
    [['a', 'b'], /unexpected argument: b/],
    [[`${'x'.repeat(64)}.com`], /label/],
  ] as const) {
    const { code, stderr } = await explain(words);
    t.equal(code, 64);
    t.match(stderr, reason);
  }
});
