import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Milliseconds } from '../../src/clock.ts';
import { daemonSettings, type Found, lookUpAll, runShape } from '../support/client-matrix.ts';
import { type ClusterShape, clusterShape, SHAPE_KINDS } from '../support/cluster-shapes.ts';
import { type Lab, startLab } from '../support/lab.ts';
import { isOnPath, LAB_TOOLS, missingForLab } from '../support/lab-requirements.ts';
import { RTT, storyWorld } from '../support/lab-story.ts';
import { buildClients, CLIENT_TOOLS, type RealClient } from '../support/real-clients.ts';

/** The same clusters each time, so that two runs can be compared. */
const SEED = 4;
/** Of each kind in the matrix. */
const SHAPES = 3;
/** What lookups cost is measured in so many clusters that are healthy. */
const COST_SHAPES = 4;

/** In the order of the columns. */
const ROUTES = ['directly', 'dnsmasq', 'unbound', 'prove', 'assume', 'collapse'] as const;
type Route = (typeof ROUTES)[number];

const PAGE = join(import.meta.dirname, '../../docs/clients.md');

/**
 * Prints what every client gets in clusters of every kind, directly and through sidestub, and what a lookup costs by every
 * route; and puts both tables into docs/clients.md.
 *
 * @param args - `matrix` or `costs` for one of them; both without.
 */
export async function run([only]: string[]): Promise<void> {
  const missing = missingForLab([...LAB_TOOLS, ...CLIENT_TOOLS, 'dnsmasq', 'unbound']);
  if (missing !== undefined) throw new Error(missing);
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-clients-'));
  const lab = await startLab(storyWorld());
  try {
    const clients = await buildClients(folder, isOnPath);
    if (only !== 'costs') publish('matrix', await matrix(lab, clients));
    if (only !== 'matrix') publish('costs', await costs(lab, clients));
  } finally {
    await lab.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function matrix(lab: Lab, clients: readonly RealClient[]): Promise<string[]> {
  const rows = [
    `| clusters | names | | ${clients.map(({ name }) => name).join(' | ')} |`,
    `|---|--:|---|${clients.map(() => '--:|').join('')}`,
  ];
  for (const kind of SHAPE_KINDS) {
    const [direct, stub] = [new Column(), new Column()];
    let names = 0;
    for (const shape of fc.sample(clusterShape(kind), { seed: SEED, numRuns: SHAPES })) {
      names += shape.names.length;
      const { cells, through } = await runShape(lab, clients, shape);
      // The faults still stand; who falls for them does so now.
      const found = await lookUpAll(lab, clients, shape, 'direct');
      for (const { client, name, healthy, right } of cells) {
        stub.add(client, right, through);
        direct.add(client, found.addresses(client, name).join() === healthy.join(), found);
      }
    }
    rows.push(`| ${kind} | ${names} | directly | ${direct.cells(clients)} |`);
    rows.push(`| | | sidestub | ${stub.cells(clients)} |`);
  }
  return rows;
}

/** What is worth a word: no healthy lookup here takes as long. */
const STALL: Milliseconds = 1_000;

/** How many names each client got right by one route, and how long it took at worst. */
class Column {
  private readonly right = new Map<string, number>();
  private readonly slowest = new Map<string, Milliseconds>();

  add(client: string, isRight: boolean, found: Found): void {
    this.right.set(client, (this.right.get(client) ?? 0) + (isRight ? 1 : 0));
    this.slowest.set(client, Math.max(this.slowest.get(client) ?? 0, found.slowest(client)));
  }

  cells(clients: readonly RealClient[]): string {
    const cell = ({ name }: RealClient) => {
      const slowest = this.slowest.get(name) ?? 0;
      const stall = slowest > STALL ? `, ${(slowest / 1_000).toFixed(1)} s` : '';
      return `${this.right.get(name) ?? 0}${stall}`;
    };
    return clients.map(cell).join(' | ');
  }
}

/** Upstream queries and time per lookup, with a resolver of its own for each client and cluster: all is cold. */
async function costs(lab: Lab, clients: readonly RealClient[]): Promise<string[]> {
  const shapes = fc.sample(clusterShape('healthy'), { seed: SEED, numRuns: COST_SHAPES });
  const names = shapes.reduce((sum, shape) => sum + shape.names.length, 0);
  const rows = [
    `${names} names in ${shapes.length} clusters, ${RTT} ms away; means.\n`,
    `| client | ${ROUTES.join(' | ')} |`,
    `|---|${ROUTES.map(() => '--:|').join('')}`,
  ];
  for (const client of clients) {
    const cells: string[] = [];
    for (const route of ROUTES) {
      let [queries, ms] = [0, 0];
      for (const shape of shapes) {
        const cost = await costOf(lab, client, shape, route);
        queries += cost.queries;
        ms += cost.ms;
      }
      cells.push(`${(queries / names).toFixed(1)} q, ${(ms / names).toFixed(0)} ms`);
    }
    rows.push(`| ${client.name} | ${cells.join(' | ')} |`);
  }
  return rows;
}

async function costOf(lab: Lab, client: RealClient, shape: ClusterShape, route: Route) {
  await lab.setWorld(shape.random.world);
  await lab.setFaults({ ...shape.truth, delay: RTT });
  const stop = await startRoute(lab, shape, route);
  try {
    await lab.forget();
    const through = route === 'directly' ? 'direct' : 'stub';
    const lookups = await lab.lookupsBy(client.argv, shape.names, { through, list: shape.list });
    const ms = lookups.reduce((sum, lookup) => sum + lookup.ms, 0);
    return { ms, queries: (await lab.asked()).length };
  } finally {
    await stop();
  }
}

async function startRoute(lab: Lab, shape: ClusterShape, route: Route) {
  if (route === 'directly') return async () => {};
  if (route === 'dnsmasq' || route === 'unbound') return (await lab.startPeer(route)).stop;
  const how = route === 'collapse' ? { collapse: true } : { mode: route };
  const daemon = await lab.startDaemon({ settings: daemonSettings(shape, how) });
  await daemon.untilReady();
  await daemon.untilVerdict();
  return () => daemon.kill();
}

function publish(name: string, lines: readonly string[]): void {
  const text = lines.join('\n');
  process.stdout.write(`${text}\n\n`);
  const [begin, end] = [
    `<!-- ${name}:begin (npm run bench -- clients) -->`,
    `<!-- ${name}:end -->`,
  ];
  const page = readFileSync(PAGE, 'utf8');
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/clients.md has no place for: ${name}`);
  writeFileSync(PAGE, `${page.slice(0, from)}${begin}\n${text}\n${page.slice(to)}`);
}
