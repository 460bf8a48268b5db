import { createWriteStream, openSync } from 'node:fs';
import type { Milliseconds } from '../clock.ts';
import type { AnswerSource } from '../vocabulary.ts';
import type { Tally } from './tally.ts';

/** One query and its answer with the names, only on request (S4). */
export interface LoggedQuery {
  readonly qname: string;
  /** The mnemonic. */
  readonly type: string;
  readonly client: string | undefined;
  /** The mnemonic. */
  readonly rcode: string;
  readonly source: AnswerSource;
  /** Records in the answer section. */
  readonly answers: number;
  readonly took: Milliseconds;
}

/** Writes as many queries as its limits allow, and drops what its stream does not take. */
export interface QueryLog {
  add(query: LoggedQuery): void;
}

/** A destination of lines: a file's stream, or stdout. */
export interface LineStream {
  write(line: string): unknown;
  /** Octets that wait to be written, if the stream knows. */
  readonly writableLength?: number | undefined;
}

/** A stream that its owner closes. */
export interface QueryLogStream extends LineStream {
  /** Reopens the file by its name, after log rotation has moved the old one away. */
  reopen(): void;
  close(): void;
}

export interface QueryLogOptions {
  readonly stream: LineStream;
  /** One of this many queries is logged. */
  readonly sample: number;
  /** Milliseconds of the epoch. */
  readonly wallClock: () => number;
  readonly dropped: Pick<Tally, 'add'>;
  /** A whole number from 0 to below `bound`; by default the system's generator. */
  readonly random?: (bound: number) => number;
}

/** S1: about 5,000 lines; a disk or a reader that does not keep up costs lines, not memory. */
const MAX_WAITING = 1 << 20;

/**
 * Writes a line of JSON for one of `sample` queries.
 *
 * Chosen at random: every tenth would be only A or only AAAA, since clients ask both in turn.
 */
export function createQueryLog(options: QueryLogOptions): QueryLog {
  const { stream, sample, wallClock, dropped, random = drawBelow } = options;
  return {
    add({ took, ...query }): void {
      if (sample > 1 && random(sample) !== 0) return;
      if ((stream.writableLength ?? 0) > MAX_WAITING) {
        dropped.add();
        return;
      }
      const time = new Date(wallClock()).toISOString();
      const ms = Math.round(took * 1_000) / 1_000;
      stream.write(`${JSON.stringify({ time, event: 'query', ...query, ms })}\n`);
    },
  };
}

/**
 * Opens a file to append to; only its owner may read it, since the names are user data.
 *
 * @param onFailure - Called once for each file that accepts no more: lines are dropped until it is reopened.
 * @throws {Error} As `node:fs` does, if it cannot be opened.
 */
export function openQueryLog(path: string, onFailure: (error: Error) => void): QueryLogStream {
  let file = openFile(path, onFailure);
  return {
    write: (line) => file.write(line),
    get writableLength() {
      return file.writableLength;
    },
    reopen: () => {
      try {
        const next = openFile(path, onFailure);
        file.close();
        file = next;
      } catch (error) {
        // The old file still exists, wherever it has been moved to.
        onFailure(error instanceof Error ? error : new Error(String(error)));
      }
    },
    close: () => file.close(),
  };
}

function openFile(path: string, onFailure: (error: Error) => void): Omit<QueryLogStream, 'reopen'> {
  const stream = createWriteStream(path, { fd: openSync(path, 'a', 0o600) });
  let failed = false;
  stream.on('error', (error) => {
    if (!failed) onFailure(error);
    failed = true;
  });
  return {
    write: (line) => failed || stream.write(line),
    get writableLength() {
      return stream.writableLength;
    },
    close: () => {
      stream.end();
    },
  };
}

function drawBelow(bound: number): number {
  return process.getBuiltinModule('node:crypto').randomInt(bound);
}
