import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DripCell, LookupCell, Measured } from './measured.ts';
import { LIBC_NAMES, type Libc, TITLES, WAYS, type Way } from './ways.ts';

const REPOSITORY = join(import.meta.dirname, '../../..');
const PAGE = join(REPOSITORY, 'docs/cluster.md');
const README = join(REPOSITORY, 'README.md');
const FIGURES = join(REPOSITORY, 'docs/cluster/figures.json');
const [PAGE_MARK, README_MARK] = ['figures', 'cluster'];
const PHASES: readonly LookupCell['phase'][] = ['cold', 'next', 'warm'];
/** What the README shows of them. */
const README_SORTS = ['external', 'same namespace', 'other namespace', 'nowhere'];
const README_LIBC: Libc = 'glibc';
const README_WAYS: readonly Way[] = ['directly', 'sidecar', 'daemon', 'both'];

export function readFigures(): Measured {
  return JSON.parse(readFileSync(FIGURES, 'utf8'));
}

/** Writes the figures, the page and the README's table. */
export function writePage(measured: Measured): void {
  writeFileSync(FIGURES, `${JSON.stringify(measured, undefined, 1)}\n`);
  const sections = [lookups, cost, start, rollouts, outage].flatMap((section) => section(measured));
  replace(PAGE, PAGE_MARK, sections.join('\n\n'));
  replace(README, README_MARK, readmeTable(measured));
}

function replace(file: string, mark: string, text: string): void {
  const page = readFileSync(file, 'utf8');
  const begin = `<!-- ${mark}:begin (npm run bench -- cluster --write) -->`;
  const [from, to] = [page.indexOf(begin), page.indexOf(`<!-- ${mark}:end -->`)];
  if (from < 0 || to < from) throw new Error(`${file} has no ${begin}`);
  writeFileSync(file, `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((cell, i) => (i === 0 ? '---' : cell === 'libc' ? '---' : '--:'));
  return [line(head), `|${rule.join('|')}|`, ...rows.map(line)].join('\n');
}

function lookups({ lookups: own }: Measured): string[] {
  if (own === undefined) return [];
  const head = ['', ...WAYS.map((way) => TITLES[way])];
  const parts = LIBC_NAMES.flatMap((libc) => {
    const ofLibc = own.cells.filter((cell) => cell.libc === libc);
    const sorts = [...new Set(ofLibc.map(({ sort }) => sort))];
    return [`### ${libc}`, table(head, lookupRows(ofLibc, sorts, WAYS))];
  });
  return [
    '## Lookups',
    `Medians of three fresh pods. (${own.machine})`,
    ...parts,
    slowerThanDirectly(own.cells),
  ];
}

function lookupRows(
  cells: readonly LookupCell[],
  sorts: readonly string[],
  ways: readonly Way[],
): string[][] {
  return sorts.flatMap((sort) =>
    PHASES.map((phase) => {
      const own = cells.filter((cell) => cell.sort === sort && cell.phase === phase);
      return [`${sort}, ${phase}`, ...ways.map((way) => lookupText(own, way))];
    }),
  );
}

/** In bold where it is slower than asking directly by more than a millisecond. */
function lookupText(cells: readonly LookupCell[], way: Way): string {
  const figure = cells.find((cell) => cell.way === way);
  if (figure === undefined) return '';
  const text = `${milliseconds(figure.ms)}, ${figure.questions} q`;
  return excessOf(figure, cells) > 1 ? `**${text}**` : text;
}

function excessOf(cell: LookupCell, all: readonly LookupCell[]): number {
  const { libc, sort, phase } = cell;
  const directly = all.find(
    (each) =>
      each.way === 'directly' && each.libc === libc && each.sort === sort && each.phase === phase,
  );
  return directly === undefined ? 0 : cell.ms - directly.ms;
}

function slowerThanDirectly(cells: readonly LookupCell[]): string {
  const lines = WAYS.filter((way) => way !== 'directly').map((way) => {
    const own = cells.filter((cell) => cell.way === way);
    const more = own.map((cell) => excessOf(cell, cells)).filter((excess) => excess > 1);
    const most = more.length === 0 ? '' : `, most ${milliseconds(Math.max(...more))} more`;
    return `- ${TITLES[way]}: in ${more.length} of ${own.length} rows${most}`;
  });
  return ['Slower than directly by more than 1 ms:\n', ...lines].join('\n');
}

function cost({ cost: own }: Measured): string[] {
  if (own === undefined) return [];
  const rows = own.cells.map(({ way, median, p99, stub, coredns, memory }) => {
    const isThere = !['directly', 'ndots2', 'autopath'].includes(way);
    return [
      TITLES[way],
      milliseconds(median),
      milliseconds(p99),
      isThere ? `${Math.round(stub)} ms` : '',
      `${Math.round(coredns)} ms`,
      isThere ? `${Math.round(memory)} MiB` : '',
    ];
  });
  return [
    '## A thousand lookups',
    `One each 10 ms from one pod with musl: four names in turn and one that is new. The pod is fresh, and so is its sidecar; the
node daemon has served others. CPU and memory are those of what stands between the pod and CoreDNS. (${own.machine})`,
    table(['', 'median', '99 %', 'its CPU', "CoreDNS' CPU", 'its memory'], rows),
  ];
}

function start({ start: own }: Measured): string[] {
  if (own === undefined) return [];
  const rows = own.cells.map(({ way, firstLine, service }) => [
    TITLES[way],
    `${Math.round(firstLine)} ms`,
    `${Math.round(service)} ms`,
  ]);
  return [
    '## Starts',
    `Medians: from \`kubectl apply\` to a job's first line (10), and from the creation of a service until a pod that looks its
name up each 20 ms has found it (3). (${own.machine})`,
    table(['', 'first line', 'new service'], rows),
  ];
}

function rollouts({ rollouts: own }: Measured): string[] {
  if (own === undefined) return [];
  return [
    '## Two rolling restarts of CoreDNS',
    `A lookup each 50 ms for 60 s. (${own.machine})`,
    dripTable(own.cells),
  ];
}

function outage({ outage: own }: Measured): string[] {
  if (own === undefined) return [];
  const others = own.others.map(({ way, libc, lookups: all, failed, denied, late }) => [
    TITLES[way],
    libc,
    `${failed} of ${all}`,
    `${denied}`,
    `${Math.round(late)} ms`,
  ]);
  return [
    '## CoreDNS away',
    `At no replicas for 10 s, once for each way; it did not answer for up to ${own.awaySeconds.toFixed(1)} s. (${own.machine})`,
    'Names that the pod has looked up before, one each 40 ms:',
    dripTable(own.cached),
    `Names that it has not, one each 100 ms: how many failed, how many of those were denied although they exist, and how long
after CoreDNS was back the last one that failed or was slow ended.`,
    table(['', 'libc', 'failed', 'denied', 'the last one'], others),
  ];
}

function dripTable(cells: readonly DripCell[]): string {
  const rows = cells.map(({ way, libc, lookups: all, failed, slow, max }) => [
    TITLES[way],
    libc,
    `${failed} of ${all}`,
    `${slow}`,
    `${Math.round(max)} ms`,
  ]);
  return table(['', 'libc', 'failed', 'above 500 ms', 'most'], rows);
}

function readmeTable({ lookups: own }: Measured): string {
  const cells = (own?.cells ?? []).filter(({ libc }) => libc === README_LIBC);
  const head = [README_LIBC, ...README_WAYS.map((way) => TITLES[way])];
  return table(head, lookupRows(cells, README_SORTS, README_WAYS));
}

function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
