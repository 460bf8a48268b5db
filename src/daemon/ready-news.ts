import { type Clock, elapsed, type Milliseconds } from '../clock.ts';

/** A postStart hook asks each 5 ms; on a busy machine it may not run yet when the daemon is ready. */
const HOOK_ASKS_WITHIN: Milliseconds = 100;
/** A timer runs behind what is written at once. */
const BEHIND_ITS_ANSWER: Milliseconds = 1;

/**
 * Resolves when the daemon has told a client that it is ready, or when no client has asked for a while.
 *
 * What takes the daemon's thread for long has to wait for that: a rehearsal at the moment of readiness held back the
 * answer to a pod's hook, and so the job, for 30 ms.
 */
export class ReadyNews {
  private readonly clock: Clock;
  private readonly first = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Records that a client is being told. */
  tell(): void {
    this.first.resolve();
  }

  /** Resolves behind the answer to the first client, or when none has asked for a while. */
  async spread(): Promise<void> {
    await Promise.race([this.first.promise, elapsed(this.clock, HOOK_ASKS_WITHIN)]);
    await elapsed(this.clock, BEHIND_ITS_ANSWER);
  }
}
