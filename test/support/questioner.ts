import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Milliseconds } from '../../src/clock.ts';
import type { Endpoint } from '../../src/endpoint.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { uint16 } from '../../src/wire/header.ts';
import { queryOctets } from './messages.ts';

/** What one lookup came to: a question, or the pair of both families. */
export interface Outcome {
  readonly name: string;
  /** A reading of performance.now(). */
  readonly askedAt: Milliseconds;
  /** Until the last of its questions was answered, or nobody waited any more. */
  readonly ms: Milliseconds;
  /** Every question was answered with NOERROR, and at least one of them with an address: what a libc calls resolved. */
  readonly ok: boolean;
  /** The highest of the RCODEs; `undefined` where a question stayed without answer. */
  readonly rcode: number | undefined;
  /** The last octet of the A record: who answered. */
  readonly server: number | undefined;
}

/** How long a client waits, and how often it sends: glibc's defaults. */
export interface Patience {
  readonly timeout: Milliseconds;
  readonly tries: number;
}

const GLIBC: Patience = { timeout: 5_000, tries: 2 };
const FAMILIES = [RrType.A, RrType.AAAA];

interface Reply {
  readonly rcode: number;
  readonly octet: number | undefined;
}

/** A client that asks over one UDP socket, as many questions at once as there are message IDs. */
export class Questioner {
  private readonly socket: Socket;
  private readonly waiting = new Map<number, (reply: Buffer | undefined) => void>();
  private lastId = 0;

  private constructor(socket: Socket, onRefused: () => void) {
    this.socket = socket;
    socket.on('message', (reply) => this.waiting.get(uint16(reply, 0))?.(reply));
    socket.on('error', onRefused);
  }

  /**
   * @param onRefused - Called when the server is not there, or has gone. Its questions wait like any other, unless this
   *   closes.
   */
  static async towards(
    { address, port }: Endpoint,
    onRefused: () => void = () => undefined,
  ): Promise<Questioner> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    socket.connect(port, address);
    await once(socket, 'connect');
    return new Questioner(socket, onRefused);
  }

  /** What still waits gets no answer. */
  close(): void {
    for (const end of [...this.waiting.values()]) end(undefined);
    this.socket.close();
  }

  /** One question. */
  single(name: string, patience: Patience = GLIBC): Promise<Outcome> {
    return this.lookUp(name, [RrType.A], patience);
  }

  /** A and AAAA in one moment, as libc asks. */
  pair(name: string, patience: Patience = GLIBC): Promise<Outcome> {
    return this.lookUp(name, FAMILIES, patience);
  }

  private async lookUp(
    name: string,
    qtypes: readonly number[],
    patience: Patience,
  ): Promise<Outcome> {
    const askedAt = performance.now();
    const replies = await Promise.all(qtypes.map((qtype) => this.ask(name, qtype, patience)));
    const rcodes = replies.map((reply) => reply?.rcode);
    return {
      name,
      askedAt,
      ms: performance.now() - askedAt,
      ok:
        replies.every((reply) => reply?.rcode === Rcode.NOERROR) &&
        replies.some((reply) => reply?.octet !== undefined),
      rcode: rcodes.includes(undefined) ? undefined : Math.max(...rcodes.map(Number)),
      server: replies[0]?.octet,
    };
  }

  private ask(
    name: string,
    qtype: number,
    { timeout, tries }: Patience,
  ): Promise<Reply | undefined> {
    const id = this.freeId();
    const query = queryOctets(name, qtype, { id });
    return new Promise((resolve) => {
      let left = tries;
      let timer: NodeJS.Timeout | undefined;
      const end = (reply: Reply | undefined): void => {
        clearTimeout(timer);
        this.waiting.delete(id);
        resolve(reply);
      };
      const send = (): void => {
        if (left-- === 0) {
          end(undefined);
          return;
        }
        timer = setTimeout(send, timeout);
        this.socket.send(query, () => undefined);
      };
      this.waiting.set(id, (reply) => {
        if (reply === undefined) {
          end(undefined);
          return;
        }
        // Without a record the last octet is not an address's.
        const octet = uint16(reply, 6) === 0 ? undefined : reply.at(-1);
        end({ rcode: (reply[3] ?? 0) & 0xf, octet });
      });
      send();
    });
  }

  private freeId(): number {
    do this.lastId = (this.lastId + 1) & 0xffff;
    while (this.waiting.has(this.lastId));
    return this.lastId;
  }
}

/**
 * Starts so many lookups in a second, whatever becomes of those before.
 *
 * @param ask - Starts the lookup of that number, counted from 0.
 * @returns What they came to, in the order they were asked, when the last of them is over.
 */
export async function askAtRate(
  perSecond: number,
  count: number,
  ask: (number: number) => Promise<Outcome>,
): Promise<Outcome[]> {
  const lookups: Promise<Outcome>[] = [];
  await atRate(perSecond, count, (number) => lookups.push(ask(number)));
  return Promise.all(lookups);
}

/** Calls `start` so often in a second, with numbers from 0 on. @returns When it was called for the last time. */
export function atRate(
  perSecond: number,
  count: number,
  start: (number: number) => unknown,
): Promise<void> {
  const began = performance.now();
  let started = 0;
  return new Promise((resolve) => {
    const tick = setInterval(() => {
      const due = Math.min(count, Math.ceil(((performance.now() - began) * perSecond) / 1_000));
      while (started < due) start(started++);
      if (started < count) return;
      clearInterval(tick);
      resolve();
    }, 1);
  });
}

/** Of the times that lookups took: the one that a share of them did not exceed. */
export function percentile(outcomes: readonly Pick<Outcome, 'ms'>[], share: number): Milliseconds {
  const sorted = outcomes.map(({ ms }) => ms).toSorted((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
}
