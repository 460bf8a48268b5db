import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scriptFlags } from '../../docker/script-flags.ts';
import { CONTESTANTS, type Contestant, isHere } from './failures/contestant.ts';
import { failureRows } from './failures/failure-rows.ts';
import { type Extent, type Figure, figureText, type Row, shortfall } from './failures/row.ts';
import { machine } from './report.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const PAGE = join(DOCS, 'failures.md');
const FIGURES = join(DOCS, 'failures/figures.json');
const BEGIN = '<!-- failures:begin (npm run bench -- failures --write) -->';
const END = '<!-- failures:end -->';

/** What was measured of one row: by contestant, on which machine. */
interface Measured {
  readonly machine: string;
  readonly cells: Partial<Record<Contestant, readonly Figure[]>>;
}

type Measurements = Record<string, Measured>;

/**
 * Has upstreams fail in every way of the table, in front of sidestub and of Debian's forwarders, and prints what came of
 * the lookups. With `--write` the rows go into docs/failures.md; those that were not run stay as they were.
 *
 * @param args - Names of rows, or how they begin; all of them where none is named. `--short` runs what the tests run,
 *   `--who=A,B` only these.
 */
export async function run(args: string[]): Promise<void> {
  const { values, positionals } = scriptFlags({
    args,
    allowPositionals: true,
    options: {
      short: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      who: { type: 'string', default: CONTESTANTS.join(',') },
    },
  });
  // What ships is what is measured.
  process.env['SIDESTUB_CLI'] ??= join(import.meta.dirname, '../../dist/cli.js');
  const wanted = new Set(values.who.split(','));
  const contestants = CONTESTANTS.filter((name) => wanted.has(name) && isHere(name));
  const chosen = rowsNamed(positionals);
  for (const row of chosen) {
    const measured = await measureRow(row, contestants, values.short ? 'short' : 'full');
    // At once: whoever stops the run later keeps what it has measured.
    if (values.write) writePage({ ...readFigures(), [row.name]: measured });
  }
}

/** @throws {Error} If a name means no row. */
function rowsNamed(names: readonly string[]): Row[] {
  if (names.length === 0) return [...failureRows];
  const chosen = new Set(names.flatMap(rowsOf));
  return failureRows.filter((row) => chosen.has(row));
}

/** The row of that name, else those whose names begin so. */
function rowsOf(name: string): readonly Row[] {
  const exact = failureRows.filter((row) => row.name === name);
  const rows = exact.length > 0 ? exact : failureRows.filter((row) => row.name.startsWith(name));
  if (rows.length > 0) return rows;
  throw new Error(`row: ${name}; there are ${failureRows.map((row) => row.name).join(' ')}`);
}

async function measureRow(
  row: Row,
  contestants: readonly Contestant[],
  extent: Extent,
): Promise<Measured> {
  process.stdout.write(`${row.name}: ${row.title}\n  goal: ${row.goal}\n`);
  const cells: Partial<Record<Contestant, readonly Figure[]>> = {};
  const measure = async (contestant: Contestant) => {
    const figures = await row.measure(contestant, extent);
    cells[contestant] = figures;
    const missed = figures.flatMap((figure) => shortfall(figure) ?? []);
    const verdict = missed.length === 0 ? 'holds' : `misses the goal by ${missed.join('; ')}`;
    process.stdout.write(`  ${contestant}: ${cellText(figures)} (${verdict})\n`);
  };
  const measured = contestants.filter((contestant) => row.takes(contestant));
  if (row.waits) await Promise.all(measured.map(measure));
  else for (const contestant of measured) await measure(contestant);
  return { machine: machine(), cells };
}

function cellText(figures: readonly Figure[]): string {
  return figures.map(figureText).join(', ');
}

function readFigures(): Measurements {
  return JSON.parse(readFileSync(FIGURES, 'utf8'));
}

/** A section for each row: a table with all contestants would be wider than any page. */
function writePage(measured: Measurements): void {
  writeFileSync(FIGURES, `${JSON.stringify(measured, undefined, 1)}\n`);
  const sections = failureRows.flatMap((row) => {
    const own = measured[row.name];
    return own === undefined ? [] : [sectionText(row, own)];
  });
  const page = readFileSync(PAGE, 'utf8');
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from < 0 || to < from) throw new Error(`docs/failures.md has no ${BEGIN} and ${END}`);
  writeFileSync(
    PAGE,
    `${page.slice(0, from)}${BEGIN}\n\n${sections.join('\n\n')}\n\n${page.slice(to)}`,
  );
}

function sectionText({ name, title, goal }: Row, { cells, machine: where }: Measured): string {
  const lines = CONTESTANTS.flatMap((contestant) => {
    const figures = cells[contestant];
    if (figures === undefined) return [];
    const missed = figures.some((figure) => shortfall(figure) !== undefined);
    return `| ${contestant} | ${missed ? 'no' : 'yes'} | ${cellText(figures)} |`;
  });
  const title1 = title.charAt(0).toUpperCase() + title.slice(1);
  return [
    `### ${title1}`,
    `Goal: ${goal}. (\`${name}\`; ${where})`,
    ['| | goal met | measured |', '|---|---|---|', ...lines].join('\n'),
  ].join('\n\n');
}
