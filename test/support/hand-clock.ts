import { type Clock, checkDelay, type Milliseconds, type Timer } from '../../src/clock.ts';

interface Pending {
  readonly at: Milliseconds;
  readonly order: number;
  readonly fire: () => void;
  keepsAlive: boolean;
}

/** A clock that stands still until a test winds it. */
export class HandClock implements Clock {
  private time = 0;
  private order = 0;
  private readonly pending = new Set<Pending>();

  now(): Milliseconds {
    return this.time;
  }

  after(delay: Milliseconds, fire: () => void): Timer {
    checkDelay(delay);
    const at = this.time + Math.max(0, delay);
    const entry: Pending = { at, order: this.order++, fire, keepsAlive: false };
    this.pending.add(entry);
    const timer: Timer = {
      cancel: () => this.pending.delete(entry),
      keepAlive: () => {
        entry.keepsAlive = true;
        return timer;
      },
    };
    return timer;
  }

  /** Whether a process with nothing but these timers would live on. */
  get keepsAlive(): boolean {
    return [...this.pending].some((entry) => entry.keepsAlive);
  }

  /** How many timers wait: a test that ends with some has found a leak. */
  get timers(): number {
    return this.pending.size;
  }

  /** Lets `span` pass, firing what falls due in order, and lets promises settle before, between and after. */
  async advance(span: Milliseconds): Promise<void> {
    const end = this.time + span;
    await settle();
    for (;;) {
      const next = this.nextUntil(end);
      if (next === undefined) break;
      this.pending.delete(next);
      this.time = next.at;
      next.fire();
      await settle();
    }
    this.time = end;
  }

  private nextUntil(end: Milliseconds): Pending | undefined {
    let first: Pending | undefined;
    for (const entry of this.pending) {
      if (entry.at > end) continue;
      if (first === undefined || entry.at < first.at) first = entry;
      else if (entry.at === first.at && entry.order < first.order) first = entry;
    }
    return first;
  }
}

/** Lets every promise that can settle without time or I/O do so. */
export async function settle(): Promise<void> {
  // A macrotask runs after all microtasks that were queued before it, however many turns they take.
  await new Promise<void>((resolve) => setImmediate(resolve));
}
