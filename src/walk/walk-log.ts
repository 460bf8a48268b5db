import type { Clock, Milliseconds } from '../clock.ts';
import type { Reply } from './reply.ts';
import type { Candidate } from './search-order.ts';
import type { Meaning, Outcome, Step, Walk } from './walk.ts';

/** The result of one candidate in a model. */
export interface StepResult {
  /** Index 0 is A; absent where no answer was accepted. */
  readonly replies: readonly (Reply | undefined)[];
  readonly addresses: readonly string[];
  readonly meaning: Meaning;
  readonly queries: number;
}

/** Records a walk, step by step, with times that count from its start. */
export class WalkLog {
  private readonly clock: Clock;
  private readonly start: Milliseconds;
  private readonly steps: Step[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
    this.start = clock.now();
  }

  /** Runs a step and records its result. @param take - Asks for one candidate. */
  async step<R extends StepResult>(candidate: Candidate, take: () => Promise<R>): Promise<R> {
    const started = this.elapsed;
    const result = await take();
    const [a, aaaa] = result.replies;
    this.steps.push({
      ...candidate,
      started,
      ended: this.elapsed,
      queries: result.queries,
      ...(a === undefined ? {} : { rcodeA: a.header.rcode }),
      ...(aaaa === undefined ? {} : { rcodeAAAA: aaaa.header.rcode }),
      addresses: result.addresses,
      meaning: result.meaning,
    });
    return result;
  }

  found(addresses: readonly string[]): Walk {
    return this.end('found', addresses);
  }

  /** Ends without an address. */
  end(outcome: Outcome, addresses: readonly string[] = []): Walk {
    return { outcome, addresses, steps: this.steps, elapsed: this.elapsed };
  }

  private get elapsed(): Milliseconds {
    return this.clock.now() - this.start;
  }
}
