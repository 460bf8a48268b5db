import type { Panel } from './bar-chart.ts';
import type { Contestant } from './bench-servers.ts';
import { type LoadResult, median } from './load.ts';
import type { Course, PairedOptions, Situation } from './paired.ts';
import { machine, publish } from './report.ts';

/** One figure of every contestant, out of the slices of one situation. */
export interface PairedColumn {
  /** The situation's where it is absent. */
  readonly name?: string;
  readonly situation: Situation;
  readonly digits: number;
  readonly of: (result: LoadResult) => number;
}

/** Columns with one unit. */
export interface PairedTable {
  /** Says the unit. */
  readonly heading: string;
  readonly columns: readonly PairedColumn[];
}

/** What a benchmark has measured. */
export interface PairedFigures {
  /** Names the files and the part of the page. */
  readonly name: string;
  /** The first one is drawn. */
  readonly tables: readonly PairedTable[];
  readonly courses: readonly Course[];
}

/** The goals are ratios of these. */
const PAIRS: readonly (readonly [Contestant, Contestant])[] = [
  ['sidestub', 'unbound'],
  ['sidestub', 'dnsdist'],
  ['sidestub', 'dnsmasq'],
  ['sidestub', 'echo'],
  ['sidestub-dgram', 'dnsmasq'],
];

/** Prints a table for each unit, medians and ratios, and with `write` publishes them. */
export function reportPaired(
  { name, tables, courses }: PairedFigures,
  { runs, seconds, contestants, write }: PairedOptions,
): void {
  const filled = fillTables(tables, courses, contestants);
  const [first = '', ...others] = filled.map(tableText);
  const chart = `![${filled[0]?.heading}](performance/${name}.svg)`;
  const rounds = `${runs} rounds of slices of ${seconds} s. ${disturbance(courses)} ${machine()}.`;
  const text = [first, chart, ...others, rounds].join('\n\n');
  const json = { machine: machine(), rounds: runs, slice: seconds, tables: filled };
  publish({ name, text, json, panels: filled.slice(0, 1).flatMap(panelsOf) }, { write });
}

/** In Markdown: a row for each contestant, and one for each ratio that goals name. */
export function tableText({ heading, columns, rows, ratios }: FilledTable): string {
  return [
    `${heading}:`,
    '',
    `| | ${columns.map((column) => column.name).join(' | ')} |`,
    `|---|${columns.map(() => '--:|').join('')}`,
    ...rows.map((row) => lineOf(row.name, row.values, (n) => columns[n]?.digits ?? 0)),
    ...ratios.map((row) => lineOf(`**${row.name}**`, row.values, () => 2)),
  ].join('\n');
}

function panelsOf({ heading, columns, rows }: FilledTable): Panel[] {
  return columns.map(({ name, digits }, i) => ({
    title: `${heading}, ${name}`,
    digits,
    bars: rows
      .map((row) => ({ name: row.name, value: row.values[i] ?? Number.NaN }))
      .filter(({ value }) => !Number.isNaN(value)),
  }));
}

interface Row {
  readonly name: string;
  readonly values: readonly number[];
}

interface FilledTable {
  readonly heading: string;
  readonly columns: readonly { readonly name: string; readonly digits: number }[];
  readonly rows: readonly Row[];
  readonly ratios: readonly Row[];
}

/** Medians and ratios; without the tables that none of the chosen situations has a figure for. */
export function fillTables(
  tables: readonly PairedTable[],
  courses: readonly Course[],
  contestants: readonly Contestant[],
): FilledTable[] {
  return tables
    .filter(({ columns }) => columns.length > 0)
    .map((table) => fill(table, courses, contestants));
}

function fill(
  { heading, columns }: PairedTable,
  courses: readonly Course[],
  contestants: readonly Contestant[],
): FilledTable {
  const of = (column: PairedColumn, contestant: Contestant): number[] =>
    courses
      .filter((course) => course.situation === column.situation && course.contestant === contestant)
      .flatMap(({ results }) => results.map(column.of));
  const pairs = PAIRS.filter((pair) =>
    pair.every((contestant) => contestants.includes(contestant)),
  );
  return {
    heading,
    columns: columns.map(({ name, situation, digits }) => ({
      name: name ?? situation.name,
      digits,
    })),
    rows: contestants.map((name) => ({
      name,
      values: columns.map((column) => median(of(column, name))),
    })),
    ratios: pairs.map(([ours, theirs]) => ({
      name: `${ours} / ${theirs}`,
      values: columns.map((column) => medianRatio(of(column, ours), of(column, theirs))),
    })),
  };
}

/** The middle one of the rounds' ratios: what one round suffers, both suffer. */
export function medianRatio(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)));
}

function lineOf(name: string, values: readonly number[], digits: (n: number) => number): string {
  const cells = values.map((value, n) => (Number.isNaN(value) ? '–' : value.toFixed(digits(n))));
  return `| ${name} | ${cells.join(' | ')} |`;
}

function disturbance(courses: readonly Course[]): string {
  const disturbed = courses.flatMap(({ results }) => results.map((result) => result.disturbed));
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  return `Others had a core for ${percent(median(disturbed))} of a slice in the median, ${percent(Math.max(...disturbed))} at most.`;
}
