import type { Milliseconds } from '../clock.ts';
import type { Colour, Paint } from '../terminal.ts';
import { spanText } from '../terminal.ts';
import type { Step } from '../walk/walk.ts';
import type { Trial } from './trial.ts';

const INDENT = '  ';
const LABEL_COLUMNS = 25;
const NOTE_COLUMNS = 17;
/** The least distance between the numbers of the time axis. */
const TICK_COLUMNS = 7;
/** Left parts of a column, an eighth each: a bar ends where its step does. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/**
 * Walks of one name below each other on one time axis: a bar for each name that was asked for, and below them the times
 * at which queries reached cluster DNS.
 *
 * @param columns - Of the terminal, at least 80.
 * @returns Lines without line breaks.
 */
export function waterfall(trials: readonly Trial[], columns: number, paint: Paint): string[] {
  const chart = columns - INDENT.length - LABEL_COLUMNS - NOTE_COLUMNS - 2;
  const span = Math.max(...trials.map(({ elapsed }) => elapsed));
  const scale: Scale = { columns: chart, span };
  return trials.flatMap((trial) => [...section(trial, scale, paint), '']).slice(0, -1);
}

interface Scale {
  readonly columns: number;
  readonly span: Milliseconds;
}

function section(trial: Trial, scale: Scale, paint: Paint): string[] {
  const { walk, elapsed, asked, path } = trial;
  const title = path === 'directly' ? 'asking directly' : 'through sidestub';
  const colour = path === 'directly' ? paint.slow : paint.good;
  return [
    row(
      paint.strong(title.padEnd(LABEL_COLUMNS)),
      paint.faint(axis(scale)),
      paint.strong(`${spanText(elapsed)} in all`),
    ),
    ...(walk?.steps ?? []).map((step) => stepLine(step, trial, scale, { paint, colour })),
    row(
      paint.faint('queries to cluster DNS'.padEnd(LABEL_COLUMNS)),
      paint.faint(arrivals(asked, scale)),
      `${asked.length} queries`,
    ),
  ];
}

function stepLine(
  step: Step,
  { story }: Trial,
  scale: Scale,
  { paint, colour }: { paint: Paint; colour: Colour },
): string {
  const label = step.suffix === undefined ? story.lookup : `….${step.suffix.slice(0, -1)}`;
  const found = step.meaning === 'addresses';
  const note = found
    ? paint.good(`✓ ${step.addresses[0] ?? ''}`)
    : paint.faint(NOTES[step.meaning]);
  const cut = label.length > LABEL_COLUMNS - 1 ? `${label.slice(0, LABEL_COLUMNS - 2)}…` : label;
  return row(cut.padEnd(LABEL_COLUMNS), colour(bar(step, scale)), note);
}

const NOTES: Readonly<Record<Step['meaning'], string>> = {
  addresses: '',
  'no-such-name': 'no such name',
  'no-data': 'no address',
  failure: 'no answer',
};

/** @param chart - As wide as the scale. */
function row(label: string, chart: string, note: string): string {
  return `${INDENT}${label} ${chart} ${note}`;
}

/** A bar from `started` to `ended`; one shorter than an eighth of a column is still drawn. */
export function bar({ started, ended }: Pick<Step, 'started' | 'ended'>, scale: Scale): string {
  const eighths = (at: Milliseconds) => Math.round((at / scale.span) * scale.columns * 8);
  const from = Math.min(Math.floor(eighths(started) / 8), scale.columns - 1);
  const length = Math.max(1, eighths(ended) - from * 8);
  const full = Math.min(Math.floor(length / 8), scale.columns - from);
  const last = from + full < scale.columns ? (EIGHTHS[length % 8] ?? '') : '';
  return `${' '.repeat(from)}${'█'.repeat(full)}${last}`.padEnd(scale.columns);
}

/** `0        20        40 ms`: round numbers, as close as they can be read. */
function axis({ columns, span }: Scale): string {
  const [step = span] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000].filter(
    (each) => (each / span) * columns >= TICK_COLUMNS,
  );
  let line = '';
  for (let at = 0; at <= span; at += step) {
    const label = at === 0 ? '0' : `${at} ms`;
    line = line.padEnd(Math.floor((at / span) * columns));
    if (line.length + label.length <= columns) line += label;
  }
  return line.padEnd(columns);
}

/** How many queries arrived in each column. */
function arrivals(asked: Trial['asked'], { columns, span }: Scale): string {
  const counts = Array.from({ length: columns }, () => 0);
  for (const { at } of asked) {
    const column = Math.min(columns - 1, Math.max(0, Math.floor((at / span) * columns)));
    counts[column] = (counts[column] ?? 0) + 1;
  }
  return counts.map((count) => (count === 0 ? ' ' : count > 9 ? '+' : `${count}`)).join('');
}
