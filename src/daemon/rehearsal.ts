import { type Clock, elapsed, type Milliseconds } from '../clock.ts';
import type { Settings } from '../config/settings.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Log } from '../observe/log.ts';
import { parseServerAddress } from '../upstream/server-address.ts';
import type { Name } from '../wire/name.ts';
import { askPair } from './rehearsal-client.ts';
import { type RehearsalNames, rehearsalNames } from './rehearsal-names.ts';
import { startRehearsalServer } from './rehearsal-server.ts';

/** A daemon for the rehearsal alone. */
export interface RehearsalDaemon {
  readonly endpoints: readonly Endpoint[];
  stop(): Promise<unknown>;
}

/** What a rehearsal needs of the daemon that it warms up. */
export interface RehearsalParts {
  readonly settings: Settings;
  readonly clock: Clock;
  /** How many questions that daemon was asked so far. */
  readonly asked: () => number;
  /** Ends the rehearsal before its time. */
  readonly signal: AbortSignal;
  /**
   * Returns memory to the system that only the start has needed. Called before the first lookup, which then takes what
   * lookups need; it waits for `pause` between its parts.
   */
  readonly tidy?: ((pause: () => Promise<void>) => Promise<void>) | undefined;
  /** Starts another daemon in this process. */
  readonly start: (own: {
    readonly settings: Settings;
    readonly log: Log;
  }) => Promise<RehearsalDaemon>;
}

/**
 * How many rounds of lookups. V8 should know the types at each place of the code, but not yet run its optimizing
 * compiler: that would inline the rehearsal's own functions and discard the result at the first real question
 * (docs/decisions/001-rehearsal.md).
 */
const ROUNDS = 3;
/** After a real question, the next one of the same lookup will come soon. */
const QUIET: Milliseconds = 50;
/**
 * After each lookup the rehearsal pauses for this many times as long as the lookup took. Once the daemon is ready, the
 * next container of its pod starts, and on a small node it shares the cores.
 */
const RESTS = 2;
/** More than enough for the names of a rehearsal. */
const CACHE_OCTETS = 1 << 20;

/**
 * Looks up names of its own, so that V8 has compiled the code that a job's first lookup runs: listener, stages,
 * sockets, timers, reading, rendering, counting.
 *
 * A second daemon does it, between a client and a cluster DNS of its own on the loopback, so that the first daemon's
 * metrics, log and cache are not touched. It yields to real questions. Any error ends it silently: it never rejects.
 */
export async function rehearse(parts: RehearsalParts): Promise<void> {
  const { settings, start } = parts;
  const names = rehearsalNames(settings.search.suffixes, settings.cluster.domain);
  const closers: (() => unknown)[] = [];
  try {
    const server = await startRehearsalServer(names.answer);
    closers.push(() => server.close());
    const daemon = await start({ settings: rehearsed(settings, server.port), log: SILENT });
    closers.unshift(() => daemon.stop());
    const [endpoint] = daemon.endpoints;
    if (endpoint !== undefined) await new Rounds(parts, names, endpoint).run();
  } catch {
    // A rehearsal that was cut short has still warmed up the code.
  } finally {
    for (const close of closers) await close();
  }
}

/** The lookups, one after the other. */
class Rounds {
  private readonly parts: RehearsalParts;
  private readonly names: RehearsalNames;
  private readonly endpoint: Endpoint;
  /** How many real questions there were at the last check. */
  private seen: number;

  constructor(parts: RehearsalParts, names: RehearsalNames, endpoint: Endpoint) {
    this.parts = parts;
    this.names = names;
    this.endpoint = endpoint;
    this.seen = parts.asked();
  }

  async run(): Promise<void> {
    const { names, parts } = this;
    await parts.tidy?.(() => this.pause());
    for (let n = 0; n < ROUNDS; n++) {
      // The first time from upstream, the second time from memory.
      for (const steps of [
        names.outside(n),
        names.outside(n),
        names.service(n),
        names.service(n),
      ]) {
        await this.lookUp(steps, { edns: n === 1 });
      }
    }
    // Its answer comes over TCP.
    await this.lookUp([names.long], { edns: true });
  }

  private async lookUp(
    steps: readonly Name[],
    { edns }: { readonly edns: boolean },
  ): Promise<void> {
    const { clock, signal } = this.parts;
    let took: Milliseconds = 0;
    for (const qname of steps) {
      await this.quiet();
      const began = clock.now();
      await askPair(this.endpoint, qname, { clock, edns });
      took += clock.now() - began;
    }
    await elapsed(clock, RESTS * took, { signal });
  }

  /** Lets the event loop turn, and waits as before a lookup. */
  private async pause(): Promise<void> {
    const { clock, signal } = this.parts;
    await elapsed(clock, 1, { signal });
    await this.quiet();
  }

  /** Waits until no real question has come for a moment. @throws When the rehearsal shall end. */
  private async quiet(): Promise<void> {
    const { asked, clock, signal } = this.parts;
    while (this.seen !== asked() && !signal.aborted) {
      this.seen = asked();
      await elapsed(clock, QUIET, { signal });
    }
    signal.throwIfAborted();
  }
}

const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** The settings that decide how questions are answered, with sockets that no client knows of. */
function rehearsed(settings: Settings, port: number): Settings {
  return {
    ...settings,
    listen: { ...settings.listen, addresses: [{ address: '127.0.0.1', port: 0 }], allow: [] },
    threads: 1,
    upstreams: [[parseServerAddress(`udp://127.0.0.1:${port}`)]],
    routes: [],
    cache: { ...settings.cache, octets: CACHE_OCTETS, negativeOctets: CACHE_OCTETS },
    hosts: undefined,
    rehearsal: false,
    status: { ...settings.status, address: undefined },
    queryLog: { ...settings.queryLog, to: undefined },
    shutdown: { ...settings.shutdown, lameduck: 0, grace: 0 },
  };
}
