import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

const DOCS = join(import.meta.dirname, '../../docs');
const PAGE = join(DOCS, 'performance.md');

/** Figures of one benchmark: a row for each contestant, a column for each figure. */
export interface Figures {
  /** Names the files and the part of the page. */
  readonly name: string;
  readonly title: string;
  readonly columns: readonly { readonly name: string; readonly digits: number }[];
  readonly rows: readonly { readonly name: string; readonly values: readonly number[] }[];
  /** The row that the others are compared with. */
  readonly reference: string;
  /** The column that is drawn. */
  readonly drawn: number;
}

/**
 * Prints the figures as a Markdown table with ratios, and with `write` puts them into docs/performance.md, as JSON and as
 * a chart beside it.
 */
export function report(figures: Figures, { write }: { readonly write: boolean }): void {
  const text = table(figures);
  process.stdout.write(`${text}\n`);
  if (!write) return;
  const folder = join(DOCS, 'performance');
  mkdirSync(folder, { recursive: true });
  const { name } = figures;
  const json = { machine: machine(), ...figures };
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(json, undefined, 2)}\n`);
  writeFileSync(join(folder, `${name}.svg`), chart(figures));
  writePart(name, `${text}\n\n![${figures.title}](performance/${name}.svg)\n\n${machine()}.`);
}

function table({ columns, rows, reference }: Figures): string {
  const base = rows.find(({ name }) => name === reference)?.values ?? [];
  const head = columns.flatMap(({ name }) => [name, `x ${reference}`]);
  const cells = (values: readonly number[]): string[] =>
    columns.flatMap(({ digits }, i) => {
      const value = values[i] ?? Number.NaN;
      return [value.toFixed(digits), (value / (base[i] ?? Number.NaN)).toFixed(2)];
    });
  return [
    `| | ${head.join(' | ')} |`,
    `|---|${head.map(() => '--:|').join('')}`,
    ...rows.map(({ name, values }) => `| ${name} | ${cells(values).join(' | ')} |`),
  ].join('\n');
}

const BAR = 22;
const LABELS = 130;
const WIDTH = 640;

/** Bars, drawn so that they can be read on a light and on a dark page. */
function chart({ title, columns, rows, drawn }: Figures): string {
  const values = rows.map((row) => row.values[drawn] ?? 0);
  const scale = (WIDTH - LABELS - 90) / Math.max(...values);
  const digits = columns[drawn]?.digits ?? 0;
  const height = 40 + rows.length * BAR;
  const bars = rows.map(({ name }, i) => {
    const value = values[i] ?? 0;
    const y = 34 + i * BAR;
    const end = LABELS + value * scale;
    const fill = name.startsWith('sidestub') ? '#2a7de1' : '#8a94a0';
    return (
      `<text x="${LABELS - 8}" y="${y + 13}" text-anchor="end">${name}</text>` +
      `<rect x="${LABELS}" y="${y}" width="${(value * scale).toFixed(1)}" height="${BAR - 6}" fill="${fill}"/>` +
      `<text x="${(end + 6).toFixed(1)}" y="${y + 13}">${value.toFixed(digits)}</text>`
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13" fill="#707a85">\n` +
    `<text x="0" y="16" font-weight="bold">${title}: ${columns[drawn]?.name ?? ''}</text>\n${bars.join('\n')}\n</svg>\n`
  );
}

/** The machine that measures, in one line. */
export function machine(): string {
  const [cpu] = cpus();
  const gib = (totalmem() / 2 ** 30).toFixed(0);
  return `${cpus().length} cores of ${cpu?.model.trim() ?? '?'}, ${gib} GiB, Linux ${release()}, Node ${process.version}`;
}

/** @throws {Error} If the page has no place for it. */
function writePart(name: string, text: string): void {
  const page = readFileSync(PAGE, 'utf8');
  const begin = `<!-- ${name}:begin -->`;
  const end = `<!-- ${name}:end -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/performance.md has no ${begin} and ${end}`);
  writeFileSync(PAGE, `${page.slice(0, from)}${begin}\n${text}\n${page.slice(to)}`);
}
