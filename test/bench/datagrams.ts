import { join } from 'node:path';
import { publicTlds } from '../../src/config/public-tlds.ts';
import { spawnIn } from '../support/lab-process.ts';
import { median } from './load.ts';
import { type NearNode, type Route, requireNearNode, startNearNode } from './near-node.ts';
import { machine } from './report.ts';

/** Lookups before those that count: by then V8 has compiled what they need. */
const WARM = 200;
const LOOKUPS = 30;
const ROUTE: Route = { settings: {} };

const SORTS = [
  { title: 'external, first of its TLD', name: (tld: string) => `git.example.${tld}` },
  { title: 'short name that exists nowhere', name: (tld: string) => `nowhere-${tld}` },
] as const;

interface Datagram {
  /** In microseconds. */
  readonly at: number;
  /** Between a client and sidestub; else between sidestub and upstream. */
  readonly isClients: boolean;
  readonly isQuery: boolean;
  readonly qname: string;
}

/**
 * When the datagrams of a lookup pass, in microseconds after the client's first query: musl, the cluster's DNS 0.2 ms
 * away, a daemon that has answered hundreds. The kernel stamps them, in the pod's own namespace.
 */
export async function run(): Promise<void> {
  requireNearNode();
  const node = await startNearNode(0.2);
  try {
    const daemon = await node.start(ROUTE);
    await daemon.untilVerdict();
    const tlds = publicTlds();
    const columns: ReadonlyMap<string, number>[] = [];
    for (const { name } of SORTS) await node.lookUp('musl', ROUTE, tlds.slice(0, WARM).map(name));
    for (const { name } of SORTS) {
      const names = tlds.slice(WARM, WARM + LOOKUPS).map(name);
      columns.push(medians(await watched(node, names), names));
    }
    await daemon.stop();
    const rows = [...(columns[0]?.keys() ?? [])].map(
      (row) => `| ${row} | ${columns.map((each) => each.get(row)?.toFixed(0)).join(' | ')} |`,
    );
    const head = `| us, medians of ${LOOKUPS} | ${SORTS.map(({ title }) => title).join(' | ')} |`;
    const lines = [head, '|---|--:|--:|', ...rows, '', `${machine()}.`, ''];
    process.stdout.write(lines.join('\n'));
  } finally {
    await node.close();
  }
}

/** Looks the names up, and gives the datagrams that this made. */
async function watched(node: NearNode, names: readonly string[]): Promise<Datagram[]> {
  const lines: string[] = [];
  const ready = Promise.withResolvers<void>();
  const script = join(import.meta.dirname, 'datagrams.py');
  const sniffer = spawnIn(node.pod, ['python3', script, '2'], (line) => {
    if (line === 'ready') ready.resolve();
    else lines.push(line);
  });
  await ready.promise;
  await node.lookUp('musl', ROUTE, names);
  await sniffer.exited;
  return lines.map((line) => {
    const [at, side, way, qname = ''] = line.split(' ');
    return { at: Number(at), isClients: side === 'c', isQuery: way === 'Q', qname };
  });
}

function medians(seen: readonly Datagram[], names: readonly string[]): ReadonlyMap<string, number> {
  const found = names.map((name) => timesOf(seen, name));
  const rows = Object.keys(found[0] ?? {}) as (keyof ReturnType<typeof timesOf>)[];
  return new Map(rows.map((row) => [row, median(found.map((times) => times[row]))]));
}

/** What passed from the client's first query for a name to the last answer that it got. */
function timesOf(seen: readonly Datagram[], name: string) {
  const own = seen.filter(({ isClients, qname }) => isClients && qname.startsWith(`${name}.`));
  const last = seen.findLast(({ isClients, qname }) => isClients && qname === name);
  const start = own[0]?.at ?? Number.NaN;
  const end = last?.at ?? own.at(-1)?.at ?? Number.NaN;
  const all = seen.filter(({ at }) => at >= start && at <= end);
  const upstream = all.filter(({ isClients }) => !isClients);
  const asked = upstream.filter(({ isQuery }) => isQuery);
  const firstReply = upstream.find(({ isQuery }) => !isQuery)?.at ?? Number.NaN;
  const burst = asked.filter(({ at }) => at < firstReply);
  const answers = all.filter(({ isClients, isQuery }) => isClients && !isQuery);
  const steps = all.filter(({ isClients, isQuery }) => isClients && isQuery);
  return {
    'our first datagram': (asked[0]?.at ?? Number.NaN) - start,
    'datagrams before the first reply': burst.length,
    'the last of those': (burst.at(-1)?.at ?? Number.NaN) - start,
    'the first reply of upstream': firstReply - start,
    'the first step, A or AAAA': (answers[0]?.at ?? Number.NaN) - start,
    'the first step, both': (answers[1]?.at ?? Number.NaN) - start,
    'each further step, both': median(
      steps.slice(2).flatMap(({ at }, i) => (i % 2 === 0 ? [(answers[i + 3]?.at ?? at) - at] : [])),
    ),
    'datagrams to client and upstream': asked.length + answers.length,
    all: end - start,
  };
}
