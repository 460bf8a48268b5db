import type { Clock, Milliseconds, Timer } from '../clock.ts';

/** From the least to the most important. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** JSON for pipes, text for people, with colours on a terminal that has them; no meaning depends on a colour alone. */
export type LogFormat = 'json' | 'text' | 'coloured';

/** The fields of an event; `undefined` ones are left out. */
export type LogFields = Readonly<Record<string, LogValue | undefined>>;
export type LogValue = string | number | boolean | null | readonly string[];

/**
 * Logs events with fields. An event's name is a constant of the program, in snake_case.
 *
 * QNAMEs are user data: they go into a field called `qname`, which is dropped above `debug` (S4). No other field may
 * carry one.
 */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export interface LogOptions {
  /** Less important lines are not written. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes a whole line with its end. */
  readonly write: (line: string) => void;
  /** Milliseconds of the epoch, for people; nothing is measured by it. */
  readonly wallClock: () => number;
  readonly clock: Clock;
  /** Called for each line that was left out because its event had reached its limit (S1). */
  readonly onSuppressed?: (() => void) | undefined;
}

/** S1: what an event may write in {@link WINDOW}: enough to see a pattern, too little to fill a disk. */
const LINES_PER_WINDOW = 10;
const WINDOW: Milliseconds = 10_000;
/** More than the number of event names in the program; further names share one allowance. */
const MAX_EVENTS = 256;
/** A string is cut here, so that a line is bounded. A stack fits. */
const MAX_TEXT = 4_096;

/** Writes events as lines, each event at most ten times in ten seconds; then a line says how many were left out. */
export function createLog(options: LogOptions): Log {
  const { level, format, write, wallClock } = options;
  const render = { json: jsonLine, text: textLine, coloured: colouredLine }[format];
  const threshold = LOG_LEVELS.indexOf(level);
  const emit = (at: LogLevel, event: string, fields: LogFields): void => {
    const time = new Date(wallClock()).toISOString();
    write(`${render({ time, level: at, event }, presentable(fields, at))}\n`);
  };
  const allowances = new Allowances(options, emit);
  const log =
    (at: LogLevel) =>
    (event: string, fields: LogFields = {}): void => {
      if (LOG_LEVELS.indexOf(at) < threshold || !allowances.take(at, event)) return;
      emit(at, event, fields);
    };
  return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
}

/**
 * What `auto` means for a stream: text if it is a terminal, in colours unless those are not wanted; else JSON.
 *
 * @see https://no-color.org
 */
export function formatFor(
  stream: { readonly isTTY?: boolean },
  { NO_COLOR: noColor = '', TERM: terminal }: Readonly<Record<string, string | undefined>>,
): LogFormat {
  if (stream.isTTY !== true) return 'json';
  return noColor === '' && terminal !== 'dumb' ? 'coloured' : 'text';
}

interface Allowance {
  left: number;
  suppressed: number;
  /** The level of the last event that was left out: the summary is no less important. */
  level: LogLevel;
}

/** How much each event may still write; a window begins with an event's first line and ends by the clock. */
class Allowances {
  private readonly clock: Clock;
  private readonly emit: (level: LogLevel, event: string, fields: LogFields) => void;
  private readonly onSuppressed: () => void;
  private readonly open = new Map<string, Allowance>();

  constructor({ clock, onSuppressed = () => undefined }: LogOptions, emit: Allowances['emit']) {
    this.clock = clock;
    this.onSuppressed = onSuppressed;
    this.emit = emit;
  }

  take(level: LogLevel, event: string): boolean {
    const allowance = this.open.get(event) ?? this.begin(event);
    if (allowance.left > 0) {
      allowance.left--;
      return true;
    }
    allowance.suppressed++;
    this.onSuppressed();
    allowance.level = level;
    return false;
  }

  private begin(event: string): Allowance {
    const name = this.open.size < MAX_EVENTS ? event : 'other_events';
    const shared = this.open.get(name);
    if (shared !== undefined) return shared;
    const allowance: Allowance = { left: LINES_PER_WINDOW, suppressed: 0, level: 'info' };
    this.open.set(name, allowance);
    this.endLater(name, allowance);
    return allowance;
  }

  private endLater(name: string, allowance: Allowance): Timer {
    return this.clock.after(WINDOW, () => {
      this.open.delete(name);
      const { suppressed, level } = allowance;
      if (suppressed > 0) this.emit(level, name, { suppressed, seconds: WINDOW / 1_000 });
    });
  }
}

type Head = { readonly time: string; readonly level: LogLevel; readonly event: string };

const HEAD: readonly string[] = ['time', 'level', 'event'] satisfies (keyof Head)[];

/** Only the fields that are allowed at this level, without names that the line has already. */
function presentable(fields: LogFields, level: LogLevel): [string, LogValue][] {
  const shown: [string, LogValue][] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || HEAD.includes(name)) continue;
    if (name.toLowerCase() === 'qname' && level !== 'debug') continue; // S4
    shown.push([name, typeof value === 'string' ? cut(value) : value]);
  }
  return shown;
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}

function jsonLine(head: Head, fields: readonly [string, LogValue][]): string {
  return escaped({ ...head, ...Object.fromEntries(fields) });
}

function textLine({ time, level, event }: Head, fields: readonly [string, LogValue][]): string {
  const words = [time, level.toUpperCase().padEnd(5), word(event)];
  for (const [name, value] of fields) words.push(`${word(name)}=${word(value)}`);
  return words.join(' ');
}

/** The same with the most important parts first: severity, then event; the rest is dimmed. */
function colouredLine(head: Head, fields: readonly [string, LogValue][]): string {
  const { time, level, event } = head;
  const colour = COLOURS[level];
  const words = [
    `${FAINT}${time}${PLAIN}`,
    `${colour}${level.toUpperCase().padEnd(5)}${PLAIN}`,
    `${STRONG}${word(event)}${PLAIN}`,
    ...fields.map(([name, value]) => `${FAINT}${word(name)}=${PLAIN}${word(value)}`),
  ];
  return words.join(' ');
}

const PLAIN = '\x1b[0m';
const STRONG = '\x1b[1m';
const FAINT = '\x1b[2m';
const COLOURS: Readonly<Record<LogLevel, string>> = {
  debug: FAINT,
  info: '\x1b[32m',
  warn: '\x1b[33m',
  error: '\x1b[31m',
};

/** Without quotes when the end of the value is unambiguous. */
function word(value: LogValue): string {
  return typeof value === 'string' && /^[\w.:/@%+[\]-]+$/.test(value) ? value : escaped(value);
}

/**
 * Characters that JSON does not escape but that a terminal acts upon or that mislead a reader: DEL and the C1 controls
 * (0x9b begins an escape sequence), line separators, and marks that change the direction of text.
 */
const DECEPTIVE = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

function escaped(value: unknown): string {
  return JSON.stringify(value).replace(
    DECEPTIVE,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
