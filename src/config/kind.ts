import * as v from 'valibot';
import type { Milliseconds } from '../clock.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../endpoint.ts';
import { formatPrefix, type Prefix, parsePrefix } from '../prefix.ts';
import { type Name, parseName } from '../wire/name.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { formatSize, parseSize } from './octet-size.ts';

/**
 * The type of a setting's value: one declaration that reads it, writes it, and describes what it allows.
 *
 * Every layer's values are read from {@link Written} text, so that `5s` means the same in the file, in the environment
 * and in a flag.
 */
export interface Kind<T> {
  /** For people: `duration, 100ms to 1h`. */
  readonly allowed: string;
  readonly schema: v.GenericSchema<unknown, T>;
  /** The form that the schema reads back. */
  readonly format: (value: T) => Written;
}

/** A value as it is written: scalars are text, even where YAML would read a number. */
export type Written = string | null | readonly Written[] | { readonly [key: string]: Written };

/** Text that `read` understands; what `read` throws is the reason. */
export function text<T>(
  allowed: string,
  read: (text: string) => T,
  format: (value: T) => string,
): Kind<T> {
  const schema = v.pipe(
    v.string((issue) => `${describe(issue.input)}, not ${allowed}`),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      try {
        return read(dataset.value);
      } catch (error) {
        addIssue({ message: error instanceof Error ? error.message : String(error) });
        return NEVER;
      }
    }),
  );
  return { allowed, schema, format };
}

/** A span of time. */
export function duration(min: Milliseconds, max: Milliseconds): Kind<Milliseconds> {
  return bounded('duration', { read: parseDuration, format: formatDuration, min, max });
}

/** A time to live: whole seconds, written as a duration. */
export function ttl(min: number, max: number): Kind<number> {
  return bounded('duration in whole seconds', {
    read: (written) => {
      const seconds = parseDuration(written) / 1_000;
      if (!Number.isInteger(seconds)) throw new Error(`not whole seconds: ${written}`);
      return seconds;
    },
    format: (seconds) => formatDuration(seconds * 1_000),
    min,
    max,
  });
}

/** Octets of memory. */
export function size(min: number, max: number): Kind<number> {
  return bounded('size', { read: parseSize, format: formatSize, min, max });
}

/** A whole number. */
export function count(min: number, max: number): Kind<number> {
  return bounded('whole number', {
    read: (written) => {
      if (!/^\d{1,9}$/.test(written)) throw new Error(`not a whole number: ${quote(written)}`);
      return Number(written);
    },
    format: String,
    min,
    max,
  });
}

/** One of a few words. */
export function oneOf<const Word extends string>(words: readonly Word[]): Kind<Word> {
  const allowed = words.join(', ').replace(/, ([^,]*)$/, ' or $1');
  const read = (written: string): Word => {
    const word = words.find((candidate) => candidate === written);
    if (word === undefined) throw new Error(`not ${allowed}: ${quote(written)}`);
    return word;
  };
  return text(allowed, read, String);
}

/** A yes or no. */
export function truth(): Kind<boolean> {
  const { allowed, schema, format } = oneOf(['true', 'false']);
  return {
    allowed,
    schema: v.pipe(
      schema,
      v.transform((word) => word === 'true'),
    ),
    format: (value) => format(value ? 'true' : 'false'),
  };
}

/** An address with an optional port. */
export function endpoint(defaultPort: number): Kind<Endpoint> {
  const read = (written: string): Endpoint => {
    const parsed = parseEndpoint(written, defaultPort);
    if (parsed === undefined) {
      throw new Error(
        `not an address such as 127.0.0.1:${defaultPort} or [::1]: ${quote(written)}`,
      );
    }
    return parsed;
  };
  return text(`address, port ${defaultPort} where none is written`, read, formatEndpoint);
}

/** A range of addresses. */
export function prefix(): Kind<Prefix> {
  const read = (written: string): Prefix => {
    const parsed = parsePrefix(written);
    if (parsed === undefined) {
      throw new Error(`not an address or a range such as 10.244.0.0/16: ${quote(written)}`);
    }
    return parsed;
  };
  return text('address or range such as 10.244.0.0/16', read, formatPrefix);
}

/** A domain name, absolute with or without its last dot. */
export function domainName(): Kind<Name> {
  return text('domain name', (written) => parseName(filled(written)), withoutFinalDot);
}

/** A name as a program looks it up: with a final dot it is asked as it is. */
export function lookupName(): Kind<string> {
  const read = (written: string): string => {
    parseName(filled(written));
    return written.toLowerCase();
  };
  return text('name to look up', read, String);
}

/** One label of a domain name, letters, digits and hyphens. */
export function label(): Kind<string> {
  const read = (written: string): string => {
    if (!/^[a-z0-9-]{1,63}$/i.test(written)) throw new Error(`not a label: ${quote(written)}`);
    return written.toLowerCase();
  };
  return text('label', read, String);
}

/** The path of a file; nothing is opened. */
export function path(): Kind<string> {
  return text('path of a file', filled, String);
}

/** A value of `kind`, or `off`. */
export function orOff<T>(kind: Kind<T>): Kind<T | undefined> {
  return {
    allowed: `${kind.allowed}; or off`,
    schema: v.union(
      [
        v.pipe(
          v.literal('off'),
          v.transform(() => undefined),
        ),
        kind.schema,
      ],
      (issue) => reasonOf(kind.schema, issue.input),
    ),
    format: (value) => (value === undefined ? 'off' : kind.format(value)),
  };
}

/** A list in YAML, or the same in one text with white space between. */
export function listOf<T>(item: Kind<T>, min: number, max: number): Kind<readonly T[]> {
  return {
    allowed: `list of ${min} to ${max}: ${item.allowed}`,
    schema: v.pipe(
      v.unknown(),
      v.transform((input) => (typeof input === 'string' ? wordsOf(input) : input)),
      v.array(
        v.pipe(
          v.unknown(),
          v.check(isOneValue, ({ input }) => `${describe(input)}: ${ONE_VALUE}`),
          item.schema,
        ),
        (issue) => `${describe(issue.input)}, not a list`,
      ),
      v.minLength(min, (issue) => `${issue.received} in the list, must be at least ${min}`),
      v.maxLength(max, (issue) => `${issue.received} in the list, must be at most ${max}`),
    ),
    format: (values) => values.map(item.format),
  };
}

/**
 * Whether a text is one value of a list. No valid value contains a comma or a semicolon; other programs use them as
 * separators.
 */
function isOneValue(input: unknown): boolean {
  return typeof input !== 'string' || !/[,;]/.test(input);
}

const ONE_VALUE =
  'white space separates the values of a list, in YAML they are a list, and a flag is repeated';

/** The words of a text. `off` alone is the empty list, since an empty environment variable counts as not set. */
export function wordsOf(written: string): string[] {
  if (written === 'off') return [];
  return written.split(/\s+/).filter((word) => word !== '');
}

/** Describes the value that was found in place of the expected one, in a few words. */
export function describe(input: unknown): string {
  if (input === null || input === undefined) return 'no value';
  if (Array.isArray(input)) return 'a list';
  return typeof input === 'object' ? 'a mapping' : quote(String(input));
}

/** Shows white space and control characters, and keeps a message on one line. */
export function quote(written: string): string {
  return JSON.stringify(written.length > 80 ? `${written.slice(0, 80)}…` : written);
}

function bounded(
  what: string,
  {
    read,
    format,
    min,
    max,
  }: {
    readonly read: (text: string) => number;
    readonly format: (value: number) => string;
    readonly min: number;
    readonly max: number;
  },
): Kind<number> {
  const range = `${format(min)} to ${format(max)}`;
  const readBounded = (written: string): number => {
    const value = read(written);
    // An error rather than a cap: a user who wrote 1GiB relies on 1GiB (S3).
    if (value < min || value > max) throw new Error(`must be ${range}: ${written}`);
    return value;
  };
  return text(`${what}, ${range}`, readBounded, format);
}

function filled(written: string): string {
  if (written.trim() === '') throw new Error('no value');
  return written;
}

function withoutFinalDot(name: Name): string {
  return name === '.' ? name : name.slice(0, -1);
}

/** A union reports only that no branch fits; the intended branch has the reason. */
function reasonOf(schema: v.GenericSchema<unknown, unknown>, input: unknown): string {
  const parsed = v.safeParse(schema, input);
  return parsed.issues?.[0].message ?? 'not allowed';
}
