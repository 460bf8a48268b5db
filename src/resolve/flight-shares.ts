/** How many questions each client has in flight, so that the client with the most loses one first (S1). */
export class FlightShares {
  /** The keys of each client's questions, oldest first. */
  private readonly shares = new Map<string | undefined, Set<string>>();

  /** @param client - `undefined` for the program's own questions. */
  add(client: string | undefined, key: string): void {
    const share = this.shares.get(client);
    if (share === undefined) this.shares.set(client, new Set([key]));
    else share.add(key);
  }

  remove(client: string | undefined, key: string): void {
    const share = this.shares.get(client);
    share?.delete(key);
    if (share?.size === 0) this.shares.delete(client);
  }

  of(client: string | undefined): ReadonlySet<string> {
    return this.shares.get(client) ?? NOTHING;
  }

  /**
   * The questions of the client that has the most; `client`'s own if no other has more. It looks at all clients, so it
   * is called only when there is no room.
   */
  largest(client: string | undefined): ReadonlySet<string> {
    let largest = this.of(client);
    for (const share of this.shares.values()) if (share.size > largest.size) largest = share;
    return largest;
  }
}

const NOTHING: ReadonlySet<string> = new Set();
