import { setTimeout as wait } from 'node:timers/promises';
import { chosenOf, scriptFlags } from '../../docker/script-flags.ts';
import type { Milliseconds } from '../../src/clock.ts';
import { cpuOf, memoryOf } from './bench-process.ts';
import { median } from './load.ts';
import {
  type Forwarder,
  type NearNode,
  type Route,
  requireNearNode,
  startNearNode,
} from './near-node.ts';
import { machine, publish } from './report.ts';

/** What a job may ask. */
const ROUTES: Readonly<Record<string, Route>> = {
  directly: 'directly',
  dnsmasq: 'dnsmasq',
  unbound: 'unbound',
  sidestub: { settings: {} },
  unrehearsed: { settings: { rehearsal: false } },
};
/** When the job's first program starts, after the forwarder was ready: at once, and after a container's start. */
const MOMENTS: readonly Milliseconds[] = [0, 150, 2_000];
const RTT: Milliseconds = 0.2;
/** Of one program, in turn: a cold name and the same again, five steps each; one more of its TLD; one in the cluster. */
const LOOKUPS = [
  { title: 'first lookup', name: 'git.example.com' },
  { title: 'the same again', name: 'git.example.com' },
  { title: 'and again', name: 'git.example.com' },
  { title: 'next of that TLD', name: 'registry.example.com' },
  { title: 'in another namespace', name: 'api-x.prod' },
  { title: 'next door', name: 'web-x' },
];
/** The rehearsal and what else it does on its own account are over by then. */
const SETTLED: Milliseconds = 3_000;

/**
 * The first lookups of a forwarder's life by musl's getaddrinfo, with the cluster's DNS 0.2 ms away: a forwarder for
 * each program, in turns. Then what it has cost when it has settled: CPU time since its start, and memory.
 *
 * @param args - `--runs=TURNS`, `--after=MS,MS` (when the first program starts), `--write`, and names of routes.
 */
export async function run(args: string[]): Promise<void> {
  const { values, positionals } = scriptFlags({
    args,
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '10' },
      after: { type: 'string', default: MOMENTS.join() },
      write: { type: 'boolean', default: false },
    },
  });
  requireNearNode();
  const names = chosenOf(positionals, Object.keys(ROUTES));
  const routes = Object.entries(ROUTES).filter(([name]) => names.includes(name));
  const moments = values.after.split(',').map(Number);
  const times = new Map<string, Milliseconds[][]>();
  const costs = new Map<string, number[][]>();
  const node = await startNearNode(RTT);
  try {
    for (let turn = 0; turn < Number(values.runs); turn++) {
      for (const moment of moments) {
        for (const [name, route] of routes) {
          const { lookups, cost } = await oneLife(node, route, moment);
          push(times, `${name} ${moment}`, lookups);
          push(costs, name, cost);
        }
      }
    }
  } finally {
    await node.close();
  }
  const head = `| p50 / most in ms | program starts | ${routes.map(([name]) => name).join(' | ')} |`;
  const rule = `|---|---|${routes.map(() => '--:|').join('')}`;
  const rows = moments.flatMap((moment) =>
    LOOKUPS.map(({ title }, at) => {
      const cells = routes.map(([name]) =>
        spread((times.get(`${name} ${moment}`) ?? []).map((each) => each[at] ?? Number.NaN)),
      );
      const when = moment === 0 ? 'when it is ready' : `${moment} ms later`;
      return `| ${title} | ${when} | ${cells.join(' | ')} |`;
    }),
  );
  const costRows = ['CPU ms', 'RSS MiB', 'PSS MiB', 'anonymous MiB'].map((title, at) => {
    const cells = routes.map(([name]) =>
      median((costs.get(name) ?? []).map((each) => each[at] ?? Number.NaN)).toFixed(0),
    );
    return `| ${title} | ${SETTLED / 1_000} s after the lookups | ${cells.join(' | ')} |`;
  });
  const text = [head, rule, ...rows, ...costRows].join('\n');
  const json = { machine: machine(), times: [...times], costs: [...costs] };
  const bars = routes.map(([name]) => ({
    name,
    value: median((times.get(`${name} ${moments[0]}`) ?? []).map(([first = Number.NaN]) => first)),
  }));
  const panels = [{ title: 'The first lookup, p50 in ms', digits: 1, bars }];
  publish(
    { name: 'young', text: `${text}\n\n${values.runs} lives each. ${machine()}.`, json, panels },
    values,
  );
}

async function oneLife(node: NearNode, route: Route, moment: Milliseconds) {
  const forwarder = await node.start(route);
  try {
    await wait(moment);
    const names = LOOKUPS.map(({ name }) => name);
    const lookups = await node.lookUp('musl', route, names);
    return { lookups, cost: await costOf(forwarder) };
  } finally {
    await forwarder.stop();
  }
}

async function costOf({ pid }: Forwarder): Promise<number[]> {
  if (pid === undefined) return [0, 0, 0, 0];
  await wait(SETTLED);
  const { rss, pss, anonymous } = memoryOf(pid);
  return [cpuOf(pid) * 1_000, rss, pss, anonymous];
}

function push<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

function spread(values: readonly number[]): string {
  return `${median(values).toFixed(1)} / ${Math.max(...values).toFixed(1)}`;
}
