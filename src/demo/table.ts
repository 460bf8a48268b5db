import type { Paint } from '../terminal.ts';
import { spanText } from '../terminal.ts';
import { STALL } from './stories.ts';
import { isRight, LIBCS, type Libc, PATHS, type Path, type Trial } from './trial.ts';

/** A cell is `✓  105 ms 10q`: mark, time, queries. */
const TIME_COLUMNS = 8;
const QUERY_COLUMNS = 4;
const CELL_COLUMNS = 1 + TIME_COLUMNS + QUERY_COLUMNS;
const INDENT = '  ';
/** Between the two paths of a libc, and between the libcs. */
const PATH_GAP = ' ';
const LIBC_GAP = '  ';
const CELLS_COLUMNS = 4 * CELL_COLUMNS + 2 * PATH_GAP.length + LIBC_GAP.length;

/**
 * Every story in a line: both libcs, directly and through sidestub.
 *
 * @param columns - Of the terminal, at least 80.
 * @returns Lines without their ends.
 */
export function storyTable(trials: readonly Trial[], columns: number, paint: Paint): string[] {
  const titleColumns = columns - INDENT.length - CELLS_COLUMNS;
  const stories = [...new Set(trials.map(({ story }) => story))];
  const titles = stories.map(({ title, longTitle }) =>
    longTitle.length < titleColumns ? longTitle : title,
  );
  const widest = Math.max(...titles.map((title) => title.length)) + 1;
  const line = (title: string, cells: string) =>
    `${INDENT}${title.padEnd(Math.min(widest, titleColumns))}${cells}`;
  const rows = stories.map((story, index) => {
    const cells = byLibcAndPath((libc, path) => {
      const trial = trials.find(
        (each) => each.story === story && each.libc === libc && each.path === path,
      );
      return trial === undefined ? ' '.repeat(CELL_COLUMNS) : cell(trial, paint);
    });
    return line(titles[index] ?? '', cells);
  });
  const libcs = LIBCS.map((libc) => centred(` ${libc} `, 2 * CELL_COLUMNS + PATH_GAP.length, '─'));
  const paths = byLibcAndPath((_libc, path) => path.padStart(CELL_COLUMNS));
  return [paint.faint(line('', libcs.join(LIBC_GAP))), paint.strong(line('', paths)), ...rows];
}

function byLibcAndPath(text: (libc: Libc, path: Path) => string): string {
  return LIBCS.map((libc) => PATHS.map((path) => text(libc, path)).join(PATH_GAP)).join(LIBC_GAP);
}

function cell(trial: Trial, paint: Paint): string {
  const queries = paint.faint(`${trial.asked.length}q`.padStart(QUERY_COLUMNS));
  if (trial.walk === undefined) {
    return `${paint.slow('…')}${paint.slow(`>${spanText(trial.elapsed)}`.padStart(TIME_COLUMNS))}${queries}`;
  }
  const time = spanText(trial.elapsed).padStart(TIME_COLUMNS);
  if (!isRight(trial)) return `${paint.bad(`✗${time}`)}${queries}`;
  return `${paint.good('✓')}${trial.elapsed >= STALL ? paint.slow(time) : time}${queries}`;
}

function centred(text: string, columns: number, fill: string): string {
  const before = Math.floor((columns - text.length) / 2);
  return text.padStart(text.length + before, fill).padEnd(columns, fill);
}
