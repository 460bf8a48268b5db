/** Counts something, in total and for each client (S1). */
export class ClientCounts {
  private readonly counts = new Map<string | undefined, number>();
  private all = 0;

  get total(): number {
    return this.all;
  }

  /** Only clients with a count above 0, so that an idle client takes no memory. */
  get clients(): number {
    return this.counts.size;
  }

  /** @param client - `undefined` for the program's own. */
  of(client: string | undefined): number {
    return this.counts.get(client) ?? 0;
  }

  add(client: string | undefined): void {
    this.all++;
    this.counts.set(client, this.of(client) + 1);
  }

  /** Subtracts one from this client's count. */
  remove(client: string | undefined): void {
    this.all--;
    const left = this.of(client) - 1;
    if (left === 0) this.counts.delete(client);
    else this.counts.set(client, left);
  }
}
