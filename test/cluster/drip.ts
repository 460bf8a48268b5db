/** What a client that looked names up all the time has seen. */
export interface Drip {
  readonly lookups: number;
  readonly failed: number;
  readonly slow: number;
  readonly lost: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
  /** Those that failed or took more than 500 ms, a line each: when, name, how long, what came. */
  readonly events: readonly DripEvent[];
}

export interface DripEvent {
  /** Seconds since its start. */
  readonly at: number;
  readonly name: string;
  readonly ms: number;
  readonly result: string;
}

/** Reads the output of clients/drip.c. @throws {Error} When it has not come to its end. */
export function readDrip(text: string): Drip {
  const last =
    /(\d+) lookups, (\d+) failed, (\d+) above 500 ms, (\d+) never ended.*median (\S+) p99 (\S+) .* max (\S+) ms/.exec(
      text,
    );
  if (last === null) throw new Error(`drip has not ended: ${text.slice(-300)}`);
  const [lookups, failed, slow, lost, median, p99, max] = last.slice(1).map(Number);
  const events = [...text.matchAll(/at (\S+) s (\S+) (\S+) ms (.*)/g)].map(
    ([, at, name = '', ms, result = '']) => ({ at: Number(at), name, ms: Number(ms), result }),
  );
  return {
    lookups: lookups ?? 0,
    failed: failed ?? 0,
    slow: slow ?? 0,
    lost: lost ?? 0,
    median: median ?? 0,
    p99: p99 ?? 0,
    max: max ?? 0,
    events,
  };
}

export function shown({ lookups, failed, slow, median, max }: Drip): string {
  return `${lookups} lookups, ${failed} failed, ${slow} above 500 ms, median ${median} ms, most ${max} ms`;
}
