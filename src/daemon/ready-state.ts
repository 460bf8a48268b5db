import type { Clock, Milliseconds } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';

/** A condition for readiness in addition to an upstream that answers. */
export interface ReadyGate {
  /** Resolves when it is open. @param endpoints - Where the daemon listens. */
  opened(endpoints: readonly Endpoint[]): Promise<void>;
  /** What it waits for, a reason each. */
  reasons(): readonly string[];
  /** Stops what {@link ReadyGate.opened} waits for: nobody needs it any more. */
  close(): void;
}

/** Whether names can be looked up: upstream has answered, and the gate is open. Once so, it stays so until the end. */
export class ReadyState {
  private readonly clock: Clock;
  private readonly gate: ReadyGate | undefined;
  private readonly onReady: () => void;
  private heard = false;
  private failure: string | undefined;
  private stopping = false;
  private since: Milliseconds | undefined;

  /** @param options.onReady - Called once. */
  constructor(options: { clock: Clock; gate: ReadyGate | undefined; onReady: () => void }) {
    this.clock = options.clock;
    this.gate = options.gate;
    this.onReady = options.onReady;
  }

  get ready(): boolean {
    return this.since !== undefined && !this.stopping;
  }

  /** When the daemon became ready. */
  get readyAt(): Milliseconds | undefined {
    return this.since;
  }

  /** What keeps it from being ready; empty when it is. */
  reasons(): readonly string[] {
    if (this.ready) return [];
    if (this.stopping) return ['it is stopping'];
    if (this.heard) return this.gate?.reasons() ?? [];
    const why = this.failure === undefined ? '' : `: ${this.failure}`;
    return [`no upstream has answered yet${why}`];
  }

  /**
   * Records that upstream was asked and gave no answer, with the reason.
   *
   * @returns Whether the reason differs from the last one.
   */
  fail(reason: string): boolean {
    const isNew = reason !== this.failure;
    this.failure = reason;
    return isNew;
  }

  /** Records that upstream has answered. Only the first answer counts: a reload does not make jobs wait again. */
  async hear(endpoints: readonly Endpoint[]): Promise<void> {
    if (this.heard) return;
    this.heard = true;
    // Without a gate at once: a client that asks now must find it ready.
    if (this.gate !== undefined) await this.gate.opened(endpoints);
    if (this.stopping) return;
    this.since = this.clock.now();
    this.onReady();
  }

  stop(): void {
    this.stopping = true;
    this.gate?.close();
  }
}
