import type { Clock, Milliseconds, Timer } from '../clock.ts';
import type { Exchange } from './transport.ts';

/**
 * Whether a server is known to be dead: silent for 3 s with at least three questions unanswered (U1); and before that,
 * whether it is in doubt: two questions in a row went unanswered, which hardly ever happens to a live server.
 *
 * From the first doubt on it is probed in the background until it replies: clients' questions are not used for that,
 * since each of them would wait.
 */
export class Health {
  private readonly clock: Clock;
  private readonly probe: () => Exchange | undefined;
  private readonly onChange: (dead: boolean) => void;
  private readonly onBack: (silentSince: Milliseconds) => void;
  private readonly isAwaited: () => boolean;
  private unanswered = 0;
  private silentSince: Milliseconds = 0;
  private isDead = false;
  private lastReply: Milliseconds = Number.NEGATIVE_INFINITY;
  private probing: Exchange | undefined;
  /** From the third unanswered question until its next reply. */
  private dying: Timer | undefined;
  private nextProbe: Timer | undefined;

  /**
   * @param probe - Sends a question of its own; the receiver of its reply calls {@link heard}.
   * @param onChange - Called when the server dies and when it returns.
   * @param onBack - Called when it replies after it had left a question unanswered, with when it last did before.
   * @param isAwaited - Whether a question waits for it.
   */
  constructor(
    clock: Clock,
    probe: () => Exchange | undefined,
    onChange: (dead: boolean) => void,
    onBack: (silentSince: Milliseconds) => void,
    isAwaited: () => boolean,
  ) {
    this.clock = clock;
    this.probe = probe;
    this.onChange = onChange;
    this.onBack = onBack;
    this.isAwaited = isAwaited;
  }

  get dead(): boolean {
    return this.isDead;
  }

  /** Not dead, but its equals should be preferred (U6). */
  get doubtful(): boolean {
    return this.unanswered >= DOUBTFUL_QUESTIONS;
  }

  /** When it last replied to any question. */
  get lastReplyAt(): Milliseconds {
    return this.lastReply;
  }

  /** The server replied to a question: earlier silence no longer counts. */
  heard(): void {
    const before = this.lastReply;
    this.lastReply = this.clock.now();
    if (this.unanswered === 0) return;
    this.unanswered = 0;
    this.stop();
    if (this.isDead) {
      this.isDead = false;
      this.onChange(false);
    }
    this.onBack(before);
  }

  /** A question that was sent at `since` counts as unanswered. */
  missed(since: Milliseconds): void {
    this.silentSince = this.unanswered === 0 ? since : Math.min(this.silentSince, since);
    this.unanswered++;
    if (this.doubtful && this.nextProbe === undefined) this.probeEvery(FIRST_PROBE);
    if (this.dying !== undefined || this.unanswered < DEAD_QUESTIONS) return;
    const left = this.silentSince + DEAD_SILENCE - this.clock.now();
    this.dying = this.clock.after(left, () => this.die());
  }

  close(): void {
    this.stop();
  }

  private die(): void {
    this.isDead = true;
    this.onChange(true);
  }

  private probeEvery(interval: Milliseconds): void {
    this.probing?.close();
    this.probing = this.probe();
    const next = Math.min(interval, this.isAwaited() ? AWAITED_PROBE : LAST_PROBE);
    this.nextProbe = this.clock.after(next, () => this.probeEvery(2 * next));
  }

  private stop(): void {
    this.dying?.cancel();
    this.dying = undefined;
    this.nextProbe?.cancel();
    this.nextProbe = undefined;
    this.probing?.close();
    this.probing = undefined;
  }
}

/**
 * One may be a lost datagram; two in a row are lost once in 400 at 5 % loss, which only moves questions to an equal.
 */
const DOUBTFUL_QUESTIONS = 2;
const DEAD_QUESTIONS = 3;
const DEAD_SILENCE: Milliseconds = 3_000;
/**
 * A restarted server is back after some hundred milliseconds; one probe a second is no load for one that stays away. A
 * question that waits has been sent as often as it may be: nothing else shows as soon that the server is back.
 */
const FIRST_PROBE: Milliseconds = 250;
const AWAITED_PROBE: Milliseconds = 500;
const LAST_PROBE: Milliseconds = 1_000;
