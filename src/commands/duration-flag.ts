import { LONGEST_DELAY, type Milliseconds } from '../clock.ts';
import { formatDuration, parseDuration } from '../config/duration.ts';
import { type Flags, textFlag, UsageError } from './command.ts';

const DAY: Milliseconds = 86_400_000;
/** In whole days, so that a message can state it. */
const LONGEST: Milliseconds = Math.floor(LONGEST_DELAY / DAY) * DAY;

/**
 * The value of a flag that takes a span of time.
 *
 * @param bounds - By default from 0 to what a timer can wait for.
 * @throws {UsageError} If it is not a span of time, or out of bounds.
 */
export function durationFlag(
  flags: Flags,
  name: string,
  fallback: string,
  { min = 0, max = LONGEST }: { readonly min?: Milliseconds; readonly max?: Milliseconds } = {},
): Milliseconds {
  const text = textFlag(flags, name) ?? fallback;
  let span: Milliseconds;
  try {
    span = parseDuration(text);
  } catch (error) {
    throw new UsageError(`--${name}: ${error instanceof Error ? error.message : error}`);
  }
  if (span > max)
    throw new UsageError(`--${name}: must be at most ${formatDuration(max)}: ${text}`);
  if (span < min)
    throw new UsageError(`--${name}: must be at least ${formatDuration(min)}: ${text}`);
  return span;
}
