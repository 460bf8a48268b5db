/** A body that is on its way. */
export interface BodyShare {
  /** More of it has come. */
  take(octets: number): void;
  /** It is whole, or given up. Harmless afterwards. */
  end(): void;
}

/**
 * Bounds what all the bodies that are on their way hold together (S1).
 *
 * The oldest gives way: a review comes whole within milliseconds, and what has been coming for longest is least likely to.
 */
export class BodyBudget {
  private readonly maxOctets: number;
  private held = 0;
  /** In the order in which they began. */
  private readonly bodies = new Map<BodyShare, { octets: number; readonly cut: () => void }>();

  constructor(maxOctets: number) {
    this.maxOctets = maxOctets;
  }

  /** @param cut - Called when the body has to give way. */
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
