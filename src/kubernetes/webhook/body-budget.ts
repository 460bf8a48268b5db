/** A body that is still arriving. */
export interface BodyShare {
  /** Counts octets that have arrived. */
  take(octets: number): void;
  /** The body is complete, or was given up. May be called again. */
  end(): void;
}

/**
 * Bounds the octets of all bodies that are still arriving (S1).
 *
 * Past the bound the oldest is cut: a review arrives whole within milliseconds, so that one is the least likely to
 * complete.
 */
export class BodyBudget {
  private readonly maxOctets: number;
  private held = 0;
  /** Oldest first. */
  private readonly bodies = new Map<BodyShare, { octets: number; readonly cut: () => void }>();

  constructor(maxOctets: number) {
    this.maxOctets = maxOctets;
  }

  /** @param cut - Called when the body is cut. */
  begin(cut: () => void): BodyShare {
    const share: BodyShare = {
      take: (octets) => {
        const body = this.bodies.get(share);
        if (body === undefined) return;
        body.octets += octets;
        this.held += octets;
        while (this.held > this.maxOctets) this.cutOldest();
      },
      end: () => this.forget(share),
    };
    this.bodies.set(share, { octets: 0, cut });
    return share;
  }

  private cutOldest(): void {
    const [oldest] = this.bodies;
    if (oldest === undefined) return;
    const [share, { cut }] = oldest;
    this.forget(share);
    cut();
  }

  private forget(share: BodyShare): void {
    this.held -= this.bodies.get(share)?.octets ?? 0;
    this.bodies.delete(share);
  }
}
