// `npm run bench -- NAME [ARGUMENT…]`: each benchmark is a module beside this one, loaded when it is asked for.
const benchmarks = new Map<string, () => Promise<{ run(args: string[]): Promise<void> }>>([
  ['cluster', () => import('./cluster.ts')],
  ['clients', () => import('./clients.ts')],
  ['flood', () => import('./flood.ts')],
  ['failures', () => import('./failures.ts')],
  ['scrape', () => import('./scrape.ts')],
  ['stories', () => import('./stories.ts')],
  ['table', () => import('./table.ts')],
  ['hits', () => import('./hits.ts')],
  ['latency', () => import('./latency.ts')],
  ['memory', () => import('./memory.ts')],
  ['misses', () => import('./misses.ts')],
  ['objects', () => import('./objects.ts')],
  ['rtt', () => import('./rtt.ts')],
  ['datagrams', () => import('./datagrams.ts')],
  ['start', () => import('./start.ts')],
  ['hook', () => import('./hook.ts')],
  ['young', () => import('./young.ts')],
  ['image', () => import('./image.ts')],
  ['webhook', () => import('./webhook.ts')],
]);

const [name, ...args] = process.argv.slice(2);
const load = name === undefined ? undefined : benchmarks.get(name);
if (load === undefined) {
  process.stderr.write(
    `usage: npm run bench -- ${[...benchmarks.keys()].join('|')} [ARGUMENT...]\n` +
      'docs/performance.md says what hits, latency, flood, misses, memory and start take: --write, --runs=N, --seconds=S, contestants\n',
  );
  process.exitCode = 64;
} else {
  const { run } = await load();
  await run(args);
}
