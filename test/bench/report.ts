import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { barChart, type Panel } from './bar-chart.ts';

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
  /** `false` where the columns are too many to have each beside its ratio. */
  readonly ratios?: boolean;
}

/**
 * Prints the figures as a Markdown table with ratios, and with `write` puts them into docs/performance.md, as JSON and as
 * a chart beside it.
 */
export function report(figures: Figures, { write }: { readonly write: boolean }): void {
  const { name, title, columns, rows, drawn } = figures;
  const bars = rows.map((row) => ({ name: row.name, value: row.values[drawn] ?? 0 }));
  const panel = {
    title: `${title}: ${columns[drawn]?.name}`,
    digits: columns[drawn]?.digits ?? 0,
    bars,
  };
  const text = `${table(figures)}\n\n![${title}](performance/${name}.svg)\n\n${machine()}.`;
  publish({ name, text, json: { machine: machine(), ...figures }, panels: [panel] }, { write });
}

/** What is published of one benchmark. */
export interface Publication {
  /** Names the files and the part of the page. */
  readonly name: string;
  readonly text: string;
  readonly json: object;
  readonly panels: readonly Panel[];
}

/** Prints the text, and with `write` puts it into docs/performance.md, the figures and the chart beside it. */
export function publish(
  { name, text, json, panels }: Publication,
  { write }: { readonly write: boolean },
): void {
  process.stdout.write(`${text}\n`);
  if (!write) return;
  const folder = join(DOCS, 'performance');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(json, undefined, 2)}\n`);
  writeFileSync(join(folder, `${name}.svg`), barChart(panels));
  writePart(name, text);
}

function table({ columns, rows, reference, ratios = true }: Figures): string {
  const base = rows.find(({ name }) => name === reference)?.values ?? [];
  const head = columns.flatMap(({ name }) => (ratios ? [name, `x ${reference}`] : [name]));
  const cells = (values: readonly number[]): string[] =>
    columns.flatMap(({ digits }, i) => {
      const value = values[i] ?? Number.NaN;
      const ratio = value / (base[i] ?? Number.NaN);
      // Of what the reference has none of, as of lost answers.
      const text = Number.isFinite(ratio) ? ratio.toFixed(2) : '';
      return ratios ? [value.toFixed(digits), text] : [value.toFixed(digits)];
    });
  return [
    `| | ${head.join(' | ')} |`,
    `|---|${head.map(() => '--:|').join('')}`,
    ...rows.map(({ name, values }) => `| ${name} | ${cells(values).join(' | ')} |`),
  ].join('\n');
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
