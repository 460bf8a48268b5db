import { constants, openSync, writeSync } from 'node:fs';
import type { Clock, Milliseconds, Timer } from '../clock.ts';

/** Takes lines as they come, and drops those that cannot be written: a log never stops or delays its program (S5). */
export interface LineOutput {
  /** @param line - With its end. */
  write(line: string): void;
  /** Octets that wait to be written. */
  readonly writableLength: number;
  /** How many lines were dropped so far. */
  readonly dropped: number;
  /** Waits until everything was written, but no longer than `grace`. */
  end(grace: Milliseconds): Promise<void>;
}

/** A destination of lines: a process's stdout, or a replacement that has no descriptor. */
export interface LineStream {
  write(text: string): unknown;
  readonly fd?: number;
  readonly isTTY?: boolean;
}

export interface LineOutputOptions {
  readonly stream: LineStream;
  readonly clock: Clock;
  /** Called for each line that was dropped. */
  readonly onDropped?: () => void;
  /** Writes as `node:fs` does: returns how many octets were written, or throws. */
  readonly write?: (fd: number, octets: Uint8Array) => number;
}

/** S1: about 10,000 lines for a slow reader. The query log stops at half of this, so that the log still has room. */
const MAX_WAITING = 2 << 20;
/** How soon a write is tried again after the reader was too slow. */
const RETRY: Milliseconds = 10;

/**
 * Writes lines to a file descriptor directly.
 *
 * `process.stdout` would buffer without bound what a pipe does not take, keep the process alive until it is taken, and
 * stay unusable after one error, though a full disk may have room again a minute later.
 */
export function lineOutput(options: LineOutputOptions): LineOutput {
  const { stream } = options;
  if (stream.fd === undefined) {
    return {
      write: (line) => void stream.write(line),
      writableLength: 0,
      dropped: 0,
      end: () => Promise.resolve(),
    };
  }
  return new DescriptorOutput(stream.isTTY === true ? terminal(stream.fd) : stream.fd, options);
}

class DescriptorOutput implements LineOutput {
  private readonly fd: number;
  private readonly clock: Clock;
  private readonly onDropped: () => void;
  private readonly writeSome: (fd: number, octets: Uint8Array) => number;
  /** Lines in their order; the first may be written in part. */
  private readonly waiting: Uint8Array[] = [];
  private waitingOctets = 0;
  private retry: Timer | undefined;
  private readonly emptied: (() => void)[] = [];
  dropped = 0;

  constructor(
    fd: number,
    { clock, onDropped = () => undefined, write = writeSync }: LineOutputOptions,
  ) {
    this.fd = fd;
    this.clock = clock;
    this.onDropped = onDropped;
    this.writeSome = write;
  }

  get writableLength(): number {
    return this.waitingOctets;
  }

  write(line: string): void {
    const octets = Buffer.from(line);
    if (this.waitingOctets + octets.length > MAX_WAITING) {
      this.drop();
      return;
    }
    this.waiting.push(octets);
    this.waitingOctets += octets.length;
    // While the reader is slow, one retry writes all lines that arrive before it.
    if (this.retry === undefined) this.flush();
  }

  end(grace: Milliseconds): Promise<void> {
    this.flush();
    if (this.waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const late = this.clock.after(grace, resolve).keepAlive();
      this.emptied.push(() => {
        late.cancel();
        resolve();
      });
    });
  }

  private drop(): void {
    this.dropped++;
    this.onDropped();
  }

  private flush(): void {
    this.retry?.cancel();
    this.retry = undefined;
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      let written: number;
      try {
        written = this.writeSome(this.fd, next);
      } catch (error) {
        if (isLate(error)) {
          this.retry = this.clock.after(RETRY, () => this.flush());
          return;
        }
        // ENOSPC, EPIPE, EIO: this line is lost; the next one may succeed.
        this.drop();
        written = next.length;
      }
      this.waitingOctets -= written;
      if (written === next.length) this.waiting.shift();
      else this.waiting[0] = next.subarray(written);
    }
    for (const tell of this.emptied.splice(0)) tell();
  }
}

/**
 * Whether a write failed only because it would block: Node makes pipes and sockets non-blocking when it creates its own
 * stream of them.
 */
function isLate(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}

/**
 * A terminal is opened again, non-blocking: Ctrl-S on the shared descriptor would block the event loop, and setting
 * that one to non-blocking would change it for the shell as well.
 */
function terminal(fd: number): number {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return fd;
  }
}
