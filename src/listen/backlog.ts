/**
 * Work that waits, in one queue for each client. Clients take turns, and each gives its oldest work first. When there
 * is no room, the client with the most waiting work loses its oldest, so that a client that floods takes nothing from
 * the others (S1).
 */
export class Backlog<T> {
  /** In the order of their turns; a client without waiting work is not in it. */
  private readonly queues = new Map<string, T[]>();
  /** The bound. After it is lowered, the excess is dropped as more arrives. */
  limit: number;
  private count = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.count;
  }

  /** @returns The item that is dropped to make room for it; `undefined` if there is room. */
  push(client: string, item: T): T | undefined {
    const queue = this.queues.get(client);
    if (queue === undefined) this.queues.set(client, [item]);
    else queue.push(item);
    this.count++;
    return this.count > this.limit ? this.takeFrom(this.longest()) : undefined;
  }

  /** Removes the oldest item of the client whose turn it is. */
  shift(): T | undefined {
    const [client] = this.queues.keys();
    if (client === undefined) return undefined;
    const item = this.takeFrom(client);
    const rest = this.queues.get(client);
    if (rest !== undefined) {
      this.queues.delete(client);
      this.queues.set(client, rest);
    }
    return item;
  }

  private takeFrom(client: string): T | undefined {
    const queue = this.queues.get(client);
    const item = queue?.shift();
    if (item !== undefined) this.count--;
    if (queue?.length === 0) this.queues.delete(client);
    return item;
  }

  private longest(): string {
    let longest = '';
    let most = 0;
    for (const [client, { length }] of this.queues) {
      if (length <= most) continue;
      longest = client;
      most = length;
    }
    return longest;
  }
}
