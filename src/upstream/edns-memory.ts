import type { Clock, Milliseconds, Timer } from '../clock.ts';
import type { Exchange } from './transport.ts';

/**
 * Remembers that a server does not understand EDNS (U4): one that refuses an OPT, for ten minutes; one that drops or
 * damages messages with an OPT, until it answers a probe of ours.
 *
 * Silence is judged with care, since loss looks the same. Where a question was answered without an OPT after the same
 * question with one got no answer, six probes with an OPT have to stay unanswered too; until then the server is doubted,
 * and questions go without, or each would wait for a timer. For a server that has ever answered an OPT it takes twelve
 * questions in a row, and three probes. Any answer to an OPT clears everything.
 */
export class EdnsMemory {
  private readonly clock: Clock;
  private readonly probe: () => Exchange | undefined;
  private plainUntil: Milliseconds = Number.NEGATIVE_INFINITY;
  private isPlain = false;
  /** How many questions in a row were answered only without an OPT. */
  private silent = 0;
  private knowsOpt = false;
  private probes = 0;
  private probing: Exchange | undefined;
  private nextProbe: Timer | undefined;

  /** @param probe - Sends a question with an OPT; its answer is reported by {@link answered}. */
  constructor(clock: Clock, probe: () => Exchange | undefined) {
    this.clock = clock;
    this.probe = probe;
  }

  /** Whether to send an OPT. */
  get usable(): boolean {
    return !this.isPlain && !this.isRefused;
  }

  /** Whether it is unknown if the server takes an OPT: probes ask. */
  get isDoubted(): boolean {
    return !this.knowsOpt && this.nextProbe !== undefined;
  }

  /** Whether the server has said so itself. */
  get isRefused(): boolean {
    return this.clock.now() < this.plainUntil;
  }

  /** The server refused an OPT and answered without one. */
  refuse(): void {
    this.plainUntil = this.clock.now() + FORGET_AFTER;
  }

  /** A message with an OPT got a readable answer: earlier silence no longer counts. */
  answered(): void {
    this.knowsOpt = true;
    this.silent = 0;
    this.isPlain = false;
    this.close();
  }

  /** A question was answered without an OPT after it got no answer, or a malformed one, with an OPT. */
  droppedOpt(): void {
    this.silent++;
    const enough = this.knowsOpt ? SILENT_QUESTIONS_OF_A_KNOWER : 1;
    if (this.silent >= enough && this.nextProbe === undefined) this.probeNow();
  }

  close(): void {
    this.nextProbe?.cancel();
    this.nextProbe = undefined;
    this.probing?.close();
    this.probing = undefined;
    this.probes = 0;
  }

  /** The first few show whether it was loss; later ones, whether the server has changed. */
  private probeNow(): void {
    this.probing?.close();
    this.probing = this.probe();
    this.isPlain = this.probes >= (this.knowsOpt ? SILENT_PROBES_OF_A_KNOWER : SILENT_PROBES);
    const interval = this.isPlain ? PROBE_AGAIN : PROBE_EVERY;
    this.probes++;
    this.nextProbe = this.clock.after(interval, () => this.probeNow());
  }
}

/** How long an upgrade or a changed DNAT choice may go unnoticed; asking again costs one round trip. */
const FORGET_AFTER: Milliseconds = 600_000;
/** A server that once understood EDNS has more likely lost datagrams: by chance less than once in 10^8 at 20 % loss. */
const SILENT_QUESTIONS_OF_A_KNOWER = 12;
const SILENT_PROBES_OF_A_KNOWER = 3;
/** At 20 % loss they and the question are lost by chance once in 80,000 beginnings. */
const SILENT_PROBES = 6;
/** Longer than a recursion's usual round trip to the root's servers. */
const PROBE_EVERY: Milliseconds = 250;
/** How late a server that has learned EDNS is noticed; no load for one that has not. */
const PROBE_AGAIN: Milliseconds = 60_000;
