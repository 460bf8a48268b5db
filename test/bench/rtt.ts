import { chosenOf, scriptFlags } from '../../docker/script-flags.ts';
import type { Milliseconds } from '../../src/clock.ts';
import { publicTlds } from '../../src/config/public-tlds.ts';
import type { Libc } from '../support/lab-client.ts';
import { type NearNode, type Route, requireNearNode, startNearNode } from './near-node.ts';
import { machine, publish } from './report.ts';

/** A cluster's DNS on the same node, on the next one, and at the other end of a country. */
const DISTANCES: readonly Milliseconds[] = [0.2, 1, 20];
/** Names of each sort in a turn; far away a median needs fewer. */
const NAMES = 40;
const NAMES_FAR = 15;

const ROUTES = ['directly', 'dnsmasq', 'unbound', 'sidestub', 'sidestub-serial'] as const;
/** Another build of sidestub, where one is named: the two take turns. */
const OTHER = 'other build';
type RouteName = (typeof ROUTES)[number] | typeof OTHER;
const LIBCS: readonly Libc[] = ['musl', 'glibc'];

/** What is looked up, in this order in the same caches: each with as many names as there are in a turn. */
const SORTS: readonly { readonly title: string; readonly name: (tld: string) => string }[] = [
  { title: 'external, first of its TLD', name: (tld) => `git.example.${tld}` },
  { title: 'external, next of that TLD', name: (tld) => `registry.example.${tld}` },
  { title: 'external, warm', name: (tld) => `git.example.${tld}` },
  { title: 'in another namespace, first', name: (tld) => `api-${tld}.prod` },
  { title: 'in another namespace, warm', name: (tld) => `api-${tld}.prod` },
  { title: 'next door, first', name: (tld) => `web-${tld}` },
  { title: 'next door, warm', name: (tld) => `web-${tld}` },
  { title: 'short name that exists nowhere', name: (tld) => `nowhere-${tld}` },
];

/** What the lookups of one cell took, and how many questions the cluster's DNS was asked for them. */
interface Cell {
  readonly times: Milliseconds[];
  queries: number;
}

/**
 * What lookups by real C libraries take as the way to the cluster's DNS gets longer: directly, and through forwarders.
 *
 * Resolvers take turns, each with a start of its own, and are given names under TLDs of which they know nothing. The
 * cluster's DNS is a program in C behind a Service's DNAT.
 *
 * @param args - `--runs=TURNS`, `--rtt=MS[,MS]`, `--warm=LOOKUPS` (of other names, by each libc, before those that
 *   count), `--other=CLI` (another build, which takes turns with this one), `--write`, and names of routes.
 */
export async function run(args: string[]): Promise<void> {
  const { values, positionals } = scriptFlags({
    args,
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '3' },
      rtt: { type: 'string', default: DISTANCES.join() },
      warm: { type: 'string', default: '0' },
      other: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  const chosen = chosenOf(positionals, ROUTES) as RouteName[];
  const { other } = values;
  const routes: RouteName[] = other === undefined ? chosen : [...chosen, OTHER];
  requireNearNode();
  const tables: Table[] = [];
  for (const rtt of values.rtt.split(',').map(Number)) {
    const plan = { runs: Number(values.runs), warm: Number(values.warm), other, routes };
    const cells = await atDistance(rtt, plan);
    tables.push({ rtt, rows: rowsOf(cells, routes) });
    process.stderr.write(`${tableText(tables.at(-1), routes)}\n`);
  }
  const head = `p50 / p99 in milliseconds, and questions that the cluster's DNS saw for a lookup (q); ${values.runs} turns${
    values.warm === '0' ? '' : `, each after ${values.warm} lookups`
  }.`;
  const text = [head, ...tables.map((table) => tableText(table, routes)), `${machine()}.`];
  const panels = tables.map(({ rtt, rows }) => ({
    title: `${rtt} ms away, musl: first external name, p50 in ms`,
    digits: 1,
    bars: routes.map((name, i) => ({ name, value: rows[0]?.cells[i]?.p50 ?? 0 })),
  }));
  const json = { machine: machine(), routes, tables };
  publish({ name: 'rtt', text: text.join('\n\n'), json, panels }, values);
}

interface Figure {
  readonly p50: Milliseconds;
  readonly p99: Milliseconds;
  readonly queries: number;
}

interface Table {
  readonly rtt: Milliseconds;
  readonly rows: readonly { readonly name: string; readonly cells: readonly Figure[] }[];
}

function rowsOf(cells: ReadonlyMap<string, Cell>, routes: readonly RouteName[]): Table['rows'] {
  return SORTS.flatMap(({ title }) =>
    LIBCS.map((libc) => ({
      name: `${title} | ${libc}`,
      cells: routes.map((route) => figureOf(cells.get(keyOf(title, libc, route)))),
    })),
  );
}

function figureOf(cell: Cell | undefined): Figure {
  const sorted = (cell?.times ?? []).toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), queries: (cell?.queries ?? 0) / sorted.length };
}

function tableText(table: Table | undefined, routes: readonly RouteName[]): string {
  const cellText = ({ p50, p99, queries }: Figure) =>
    `${p50.toFixed(1)} / ${p99.toFixed(1)}, ${queries.toFixed(1)} q`;
  return [
    `| ${table?.rtt} ms away | libc | ${routes.join(' | ')} |`,
    `|---|---|${routes.map(() => '--:|').join('')}`,
    ...(table?.rows ?? []).map(
      ({ name, cells }) => `| ${name} | ${cells.map(cellText).join(' | ')} |`,
    ),
  ].join('\n');
}

function keyOf(title: string, libc: Libc, route: RouteName): string {
  return `${title} ${libc} ${route}`;
}

interface Plan {
  readonly runs: number;
  /** Lookups by each libc before those that count. */
  readonly warm: number;
  readonly other: string | undefined;
  readonly routes: readonly RouteName[];
}

async function atDistance(rtt: Milliseconds, plan: Plan): Promise<ReadonlyMap<string, Cell>> {
  const node = await startNearNode(rtt);
  const cells = new Map<string, Cell>();
  try {
    for (let turn = 0; turn < plan.runs; turn++) {
      for (const route of plan.routes) {
        await measure(node, plan, route, cells, rtt >= 10 ? NAMES_FAR : NAMES);
      }
    }
  } finally {
    await node.close();
  }
  return cells;
}

/** One turn of one resolver: every sort of name by each libc, whose names are its own. */
async function measure(
  node: NearNode,
  plan: Plan,
  name: RouteName,
  cells: Map<string, Cell>,
  names: number,
): Promise<void> {
  const route = routeOf(name, plan.other);
  const forwarder = await node.start(route);
  await forwarder.untilVerdict();
  try {
    for (const [index, libc] of LIBCS.entries()) {
      await node.lookUp(libc, route, warmNames(plan.warm, index));
    }
    for (const [index, libc] of LIBCS.entries()) {
      const tlds = publicTlds().slice(index * names, (index + 1) * names);
      for (const sort of SORTS) {
        const key = keyOf(sort.title, libc, name);
        const cell = cells.get(key) ?? { times: [], queries: 0 };
        cells.set(key, cell);
        const before = await node.asked();
        const times = await node.lookUp(libc, route, tlds.map(sort.name));
        cell.times.push(...times);
        cell.queries += (await node.asked()) - before;
      }
    }
  } finally {
    await forwarder.stop();
  }
}

/** Names of each sort under other TLDs than those that are measured. */
function warmNames(count: number, index: number): string[] {
  const tlds = publicTlds().slice(LIBCS.length * NAMES);
  return Array.from({ length: count }, (_, i) => {
    const at = LIBCS.length * i + index;
    const sort = SORTS[i % SORTS.length];
    return sort?.name(tlds[at % tlds.length] ?? '') ?? '';
  });
}

function routeOf(name: RouteName, other: string | undefined): Route {
  if (name === OTHER) return { settings: {}, cli: other };
  if (name === 'sidestub') return { settings: {} };
  return name === 'sidestub-serial' ? { settings: { families: { order: 'serial' } } } : name;
}
