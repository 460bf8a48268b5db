import type { Clock, Milliseconds, Timer } from '../../clock.ts';
import { loadKoffi } from '../../listen/libc.ts';

/** Between two checks: a trim takes a millisecond, and little of the freed memory is needed again that soon. */
const INTERVAL: Milliseconds = 1_000;

export interface MemoryTrimOptions {
  readonly clock: Clock;
  /** Returns the C library's unused memory to the system. */
  readonly trim: () => void;
  /** A counter that changes when the daemon has done work. */
  readonly work: () => number;
}

/**
 * Returns memory to the system shortly after it was needed: otherwise the C library keeps what V8's compilers and
 * collectors free while a daemon warms up, 15 of 95 MiB some seconds after the first load.
 */
export class MemoryTrim {
  private readonly options: MemoryTrimOptions;
  /** The counter at the last check; NaN at first, so that the start counts as work. */
  private seen = Number.NaN;
  private timer: Timer | undefined;

  constructor(options: MemoryTrimOptions) {
    this.options = options;
    this.wait();
  }

  stop(): void {
    this.timer?.cancel();
  }

  private wait(): void {
    this.timer = this.options.clock.after(INTERVAL, () => {
      this.look();
      this.wait();
    });
  }

  private look(): void {
    const { trim, work } = this.options;
    const now = work();
    if (now === this.seen) return;
    this.seen = now;
    trim();
  }
}

/**
 * Returns the free memory of the C library's heap to the kernel (malloc_trim).
 *
 * @returns `undefined` if there is no such call (musl), or no koffi.
 */
export function loadTrim(): (() => void) | undefined {
  try {
    const trim = loadKoffi().load(null).func('int malloc_trim(size_t)');
    return () => void trim(0);
  } catch {
    return undefined;
  }
}
