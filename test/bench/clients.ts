import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { chosenOf, scriptFlags } from '../../docker/script-flags.ts';
import type { Milliseconds } from '../../src/clock.ts';
import { isIanaTld } from '../../src/resolve/iana-tlds.ts';
import { type Cell, isSame, runShape } from '../support/client-matrix.ts';
import { type ClusterShape, clusterShape, SHAPE_KINDS } from '../support/cluster-shapes.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { CLUSTER_DNS } from '../support/lab-network.ts';
import { LAB_TOOLS, missingForLab } from '../support/lab-requirements.ts';
import { RTT, storyWorld } from '../support/lab-story.ts';
import { makeClients, type RealClient } from '../support/real-clients.ts';

/** The same clusters each time, so that two runs can be compared. */
const SEED = 4;
/** Clusters of each kind in the matrix. */
const SHAPES = 2;
/** Healthy clusters in which lookups are measured: for glibc by what is asked, and then for every client. */
const GLIBC_SHAPES = 6;
const COST_SHAPES = 3;
/** What takes longer is a stall, not a walk. */
const STALL: Milliseconds = 1_000;

/** In the order of the columns. */
const ROUTES = ['directly', 'dnsmasq', 'unbound', 'prove', 'assume', 'collapse'] as const;
type Route = (typeof ROUTES)[number];

const PAGE = join(import.meta.dirname, '../../docs/clients.md');

/**
 * Prints what every client gets in clusters of every kind, directly and through sidestub, by kind and name by name; and
 * what a lookup costs by every route. `--write` puts the tables into docs/clients.md.
 *
 * @param args - `matrix` or `costs` for one of them, both without; `--write`.
 */
export async function run(args: string[]): Promise<void> {
  const options = { write: { type: 'boolean', default: false } } as const;
  const { values, positionals } = scriptFlags({ args, options, allowPositionals: true });
  const parts = chosenOf(positionals, ['matrix', 'costs']);
  const lacking = missingForLab([...LAB_TOOLS, 'dnsmasq', 'unbound']);
  if (lacking !== undefined) throw new Error(lacking);
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-clients-'));
  const lab = await startLab(storyWorld());
  try {
    const { clients, missing } = await makeClients(folder);
    if (missing.length > 0) throw new Error(missing.join('; '));
    if (parts.includes('matrix')) {
      const cells = await everyCell(lab, clients);
      publish('matrix', countsTable(clients, cells), values.write);
      publish('names', namesTable(clients, cells), values.write);
    }
    if (parts.includes('costs')) publish('costs', await costs(lab, clients), values.write);
  } finally {
    await lab.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A cell, and the cluster it is of. */
interface Entry extends Cell {
  readonly shape: ClusterShape;
}

async function everyCell(lab: Lab, clients: readonly RealClient[]): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const kind of SHAPE_KINDS) {
    for (const shape of fc.sample(clusterShape(kind), { seed: SEED, numRuns: SHAPES })) {
      const cells = await runShape(lab, clients, shape, { cold: 'each', alsoDirect: true });
      entries.push(...cells.map((cell) => ({ ...cell, shape })));
      process.stderr.write(`${kind}: ${cells.filter(({ isRight }) => !isRight).length} wrong\n`);
    }
  }
  return entries;
}

/** How many names each client gets right, and its longest stall. */
function countsTable(clients: readonly RealClient[], entries: readonly Entry[]): string[] {
  const rows = heading(['clusters', 'names', ''], clients);
  for (const kind of SHAPE_KINDS) {
    const own = entries.filter(({ shape }) => shape.kind === kind);
    const names = own.filter(({ client }) => client === clients[0]?.name).length;
    const cells = (isRight: (entry: Entry) => boolean, told: 'direct' | 'through') =>
      clients.map(({ name }) => {
        const mine = own.filter(({ client }) => client === name);
        const longest = Math.max(...mine.map((entry) => entry[told].ms));
        const stall = longest > STALL ? `, ${(longest / 1_000).toFixed(1)} s` : '';
        return `${mine.filter(isRight).length}${stall}`;
      });
    rows.push(
      `| ${kind} | ${names} | directly | ${cells(isRightDirectly, 'direct').join(' | ')} |`,
    );
    rows.push(`| | | sidestub | ${cells(({ isRight }) => isRight, 'through').join(' | ')} |`);
  }
  return rows;
}

function isRightDirectly({ direct, healthy }: Entry): boolean {
  return isSame(direct, healthy);
}

/** A row for each name: a sign for each client. */
function namesTable(clients: readonly RealClient[], entries: readonly Entry[]): string[] {
  const rows = heading(['cluster', 'search list', 'name'], clients);
  for (const shape of new Set(entries.map((entry) => entry.shape))) {
    const { search, ndots } = shape.list;
    const list = `${search.map((suffix) => suffix.replace('cluster.local', 'Z')).join(', ')}; ndots ${ndots}`;
    shape.names.forEach((name, index) => {
      const own = entries.filter((entry) => entry.shape === shape && entry.name === name);
      const [kind, written] = index === 0 ? [shape.kind, list] : ['', ''];
      rows.push(`| ${kind} | ${written} | \`${name}\` | ${own.map(sign).join(' | ')} |`);
    });
  }
  return rows;
}

function sign({ direct, through, isRight }: Entry): string {
  if (!isRight) return '**wrong**';
  const isMended = !isSame(direct, through) || direct.ms > STALL;
  if (isMended && through.ms <= STALL) return 'mended';
  return through.outcome === 'found' ? 'found' : '–';
}

function heading(first: readonly string[], clients: readonly RealClient[]): string[] {
  const names = clients.map(({ name }) => name);
  return [
    `| ${[...first, ...names].join(' | ')} |`,
    `|${first.map(() => '---|').join('')}${names.map(() => '--:|').join('')}`,
  ];
}

/** Whether a name of a shape is one of those that a row is about. */
type Kind = (shape: ClusterShape, name: string) => boolean;

const isOutside: Kind = ({ world }, name) => Object.hasOwn(world.hosts, `${rootless(name)}.`);
const hasTld = (name: string) => isIanaTld(rootless(name).split('.').at(-1) ?? '');
const rootless = (name: string) => name.replace(/\.$/, '');

/** What lookups are told apart by: sidestub fetches ahead what ends in a top-level domain (N4). */
const KINDS: Readonly<Record<string, Kind>> = {
  'outside, under a TLD (`git.com`)': (shape, name) => isOutside(shape, name) && hasTld(name),
  'outside, under none (`git.web`)': (shape, name) => isOutside(shape, name) && !hasTld(name),
  'in the cluster, or nowhere': (shape, name) => !isOutside(shape, name),
};

/** Upstream queries and time per lookup, with a resolver of its own for each client and cluster: all is cold. */
async function costs(lab: Lab, clients: readonly RealClient[]): Promise<string[]> {
  const shapes = fc.sample(clusterShape('healthy'), { seed: SEED, numRuns: GLIBC_SHAPES });
  const rows = [
    `Healthy clusters, ${RTT} ms away; means.\n`,
    `| client | names | | ${ROUTES.join(' | ')} |`,
    `|---|---|--:|${ROUTES.map(() => '--:|').join('')}`,
  ];
  const add = async (client: RealClient, what: string, kind: Kind, count: number) => {
    const own = shapes.slice(0, count).map((shape) => ({
      ...shape,
      names: shape.names.filter((name) => kind(shape, name)),
    }));
    rows.push(await costRow(lab, client, what, own));
    process.stderr.write(`${rows.at(-1)}\n`);
  };
  for (const client of clients.filter(({ name }) => name === 'glibc')) {
    for (const [what, kind] of Object.entries(KINDS)) await add(client, what, kind, GLIBC_SHAPES);
  }
  for (const client of clients) await add(client, 'of each sort', () => true, COST_SHAPES);
  return rows;
}

async function costRow(
  lab: Lab,
  client: RealClient,
  what: string,
  shapes: readonly ClusterShape[],
): Promise<string> {
  const names = shapes.reduce((sum, shape) => sum + shape.names.length, 0);
  const cells: string[] = [];
  for (const route of ROUTES) {
    let [queries, ms] = [0, 0];
    for (const shape of shapes.filter((each) => each.names.length > 0)) {
      const cost = await costOf(lab, client, shape, route);
      queries += cost.queries;
      ms += cost.ms;
    }
    cells.push(`${(queries / names).toFixed(1)} q, ${(ms / names).toFixed(0)} ms`);
  }
  return `| ${client.name} | ${what} | ${names} | ${cells.join(' | ')} |`;
}

async function costOf(
  lab: Lab,
  { argv }: RealClient,
  { world, truth, names, list }: ClusterShape,
  route: Route,
): Promise<{ queries: number; ms: Milliseconds }> {
  await lab.setWorld(world);
  await lab.setFaults({ ...truth, delay: RTT });
  const stop = await startRoute(lab, list, route);
  try {
    await lab.forget();
    const nameserver = route === 'directly' ? CLUSTER_DNS : '127.0.0.1';
    const lookups = await lab.lookupsBy(argv, names, { nameserver, list });
    const ms = lookups.reduce((sum, lookup) => sum + lookup.ms, 0);
    return { ms, queries: (await lab.asked()).length };
  } finally {
    await stop();
  }
}

async function startRoute(
  lab: Lab,
  list: ClusterShape['list'],
  route: Route,
): Promise<() => Promise<unknown>> {
  if (route === 'directly') return async () => {};
  if (route === 'dnsmasq' || route === 'unbound') return (await lab.startPeer(route)).stop;
  const search = route === 'collapse' ? { collapse: true } : { mode: route };
  const daemon = await lab.startDaemon({ list, settings: { search } });
  await daemon.untilReady();
  await daemon.untilVerdict();
  return () => daemon.kill();
}

/** @throws {Error} If the page has no place for it. */
function publish(name: string, lines: readonly string[], write: boolean): void {
  const text = lines.join('\n');
  process.stdout.write(`${text}\n\n`);
  if (!write) return;
  const begin = `<!-- ${name}:begin (npm run bench -- clients --write) -->`;
  const end = `<!-- ${name}:end -->`;
  const page = readFileSync(PAGE, 'utf8');
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/clients.md has no place for: ${name}`);
  writeFileSync(PAGE, `${page.slice(0, from)}${begin}\n${text}\n${page.slice(to)}`);
}
