import { randomHex } from '../random.ts';
import { RrType } from '../wire/codes.ts';
import { joinNames, type Name } from '../wire/name.ts';
import { NOBODY, ownQuery, type Resolve, type Stage } from './stage.ts';

/**
 * Finds out whether an upstream leads back to this process: it sends a question that no other process can have made,
 * and recognises it when it arrives (U1).
 */
export class LoopProbe {
  private readonly name: Name;
  private readonly onLoop: () => void;

  /**
   * @param zone - The zone of the name: one with a server nearby, so that the question travels no further than needed.
   * @param onLoop - Called when the question arrives at our own listener.
   */
  constructor(zone: Name, onLoop: () => void) {
    this.name = joinNames(`${randomHex(16)}.sidestub-probe.`, zone);
    this.onLoop = onLoop;
  }

  /** Watches for the question; everything else passes. */
  stage(): Stage {
    return (next) => (query, asker) => {
      // It came in by a listener: our own questions do not pass this stage.
      if (query.qname === this.name) this.onLoop();
      next(query, asker);
    };
  }

  /** Asks upstream once: whether it is answered does not matter. */
  ask(upstream: Resolve): void {
    upstream(ownQuery(this.name, RrType.TXT), NOBODY);
  }
}
