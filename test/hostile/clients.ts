import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Endpoint } from '../../src/endpoint.ts';
import { RrType } from '../../src/wire/codes.ts';
import { Deframer, frame } from '../../src/wire/frame.ts';
import { putUint16, uint16 } from '../../src/wire/header.ts';
import { type Response, readResponse } from '../../src/wire/message.ts';
import { queryOctets } from '../support/messages.ts';
import type { Owner } from './hostile-daemon.ts';

/** Nobody is kept waiting longer by the daemon, and by this machine not by far. */
const BOUND = 30_000;
/** Milliseconds between two looks at how slow the machine is. */
const PAUSE = 50;

/** A client that sends octets and matches replies to them by ID. */
export interface Client {
  /** Sends octets as they are; what comes back goes to {@link Client.strays}, unless it answers a question. */
  send(octets: Uint8Array): void;
  /** Asks with an ID of its own; `undefined` when nothing comes. */
  ask(
    qname: string,
    qtype?: number,
    options?: Parameters<typeof queryOctets>[2],
  ): Promise<Answered>;
  /** The same for octets; their ID is replaced. */
  askOctets(octets: Uint8Array, bound?: number): Promise<Answered>;
  /** What came without having been asked for by {@link Client.ask}. */
  readonly strays: Uint8Array[];
  close(): void;
}

export interface Answered {
  readonly octets: Uint8Array;
  readonly response: Response;
  /** Milliseconds. */
  readonly took: number;
}

class Matching {
  readonly strays: Uint8Array[] = [];
  private nextId = 1;
  private readonly waiting = new Map<number, (octets: Uint8Array | undefined) => void>();
  private readonly write: (octets: Uint8Array) => void;

  constructor(write: (octets: Uint8Array) => void) {
    this.write = write;
  }

  take(octets: Uint8Array): void {
    const waiter = octets.length >= 2 ? this.waiting.get(uint16(octets, 0)) : undefined;
    if (waiter === undefined) this.strays.push(octets);
    else waiter(octets);
  }

  async askOctets(query: Uint8Array, bound = BOUND): Promise<Answered> {
    const octets = Uint8Array.from(query);
    while (this.waiting.has(this.nextId)) this.nextId = (this.nextId % 0xffff) + 1;
    const id = this.nextId;
    this.nextId = (id % 0xffff) + 1;
    putUint16(octets, 0, id);
    const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
    this.waiting.set(id, resolve);
    const timer = setTimeout(() => resolve(undefined), bound);
    const begun = performance.now();
    this.write(octets);
    const reply = await promise;
    const took = performance.now() - begun;
    clearTimeout(timer);
    this.waiting.delete(id);
    if (reply === undefined) throw new Error(`no answer in ${bound} ms`);
    return { octets: reply, response: readResponse(reply), took };
  }
}

function clientOver(write: (octets: Uint8Array) => void, close: () => void) {
  const matching = new Matching(write);
  const client: Client = {
    send: write,
    ask: (qname, qtype = RrType.A, options = {}) =>
      matching.askOctets(queryOctets(qname, qtype, options)),
    askOctets: (octets, bound) => matching.askOctets(octets, bound),
    strays: matching.strays,
    close,
  };
  return { client, take: (octets: Uint8Array) => matching.take(octets) };
}

/** @param from - The address that it asks from: another one is another client. */
export async function udpClient(
  t: Owner,
  { address, port }: Endpoint,
  from = '127.0.0.1',
): Promise<Client & { readonly socket: UdpSocket }> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  socket.bind(0, from);
  await once(socket, 'listening');
  socket.connect(port, address);
  await once(socket, 'connect');
  // ECONNREFUSED, when the daemon has gone.
  socket.on('error', () => undefined);
  let closed = false;
  const close = () => {
    if (!closed) socket.close();
    closed = true;
  };
  t.teardown(close);
  const { client, take } = clientOver((octets) => {
    socket.send(octets, () => undefined);
  }, close);
  socket.on('message', (octets) => take(Uint8Array.from(octets)));
  return { ...client, socket };
}

/**
 * Measures how slow this machine is at the moment: how long the daemon takes, at worst, to answer what needs no upstream.
 * A limit in milliseconds that is to hold on any machine adds a few of these.
 */
export function startLag(client: Client): { stop(): Promise<number> } {
  let isOver = false;
  const measure = async (): Promise<number> => {
    let worst = 0;
    while (!isOver) {
      // The timer counts as well: it is late where the test's own process has no CPU.
      const begun = performance.now();
      await client.ask('localhost.');
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      worst = Math.max(worst, performance.now() - begun - PAUSE);
    }
    return worst;
  };
  const worst = measure();
  return {
    stop: () => {
      isOver = true;
      return worst;
    },
  };
}

export async function tcpClient(
  t: Owner,
  { address, port }: Endpoint,
  from = '127.0.0.1',
): Promise<Client & { readonly socket: Socket }> {
  const socket = connect({ host: address, port, localAddress: from });
  socket.on('error', () => undefined);
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  t.teardown(() => socket.destroy());
  const { client, take } = clientOver(
    (octets) => {
      if (!socket.destroyed) socket.write(frame(octets));
    },
    () => socket.destroy(),
  );
  const deframer = new Deframer();
  socket.on('data', (chunk: Buffer) => {
    for (const octets of deframer.push(chunk)) take(octets);
  });
  return { ...client, socket };
}
