import { EventEmitter, once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Test, test } from 'tap';
import { listenTcp, type TcpLimit, type TcpLimits } from '../../src/listen/tcp.ts';
import type { Answer } from '../../src/resolve/stage.ts';
import { RrType } from '../../src/wire/codes.ts';
import { Deframer, frame } from '../../src/wire/frame.ts';
import { readHeader } from '../../src/wire/header.ts';
import { readResponse } from '../../src/wire/message.ts';
import { EMPTY } from '../../src/wire/render.ts';
import { settle } from '../support/hand-clock.ts';
import { queryOctets, record } from '../support/messages.ts';
import { addressesOf, type Echo, echo, soon } from './echo.ts';
import { LOOPBACKS } from './loopback.ts';

const IDLE = 10_000;
const LIFE = 600_000;
const LIMITS: TcpLimits = {
  maxConnections: 10,
  maxConnectionsPerClient: 10,
  maxInFlight: 10,
  idle: IDLE,
  life: LIFE,
};

async function listen(
  t: Test,
  server: Echo,
  { address = '127.0.0.1', ...limits }: Partial<TcpLimits> & { address?: string } = {},
) {
  const signals = new EventEmitter();
  const counts = { opened: 0, closed: 0, refused: 0 };
  const limited: TcpLimit[] = [];
  const tell = (what: keyof typeof counts) => () => {
    counts[what]++;
    signals.emit(what);
  };
  const listener = await listenTcp({ address, port: 0 }, server.responder, {
    limits: { ...LIMITS, ...limits },
    clock: server.clock,
    events: {
      opened: tell('opened'),
      closed: tell('closed'),
      refused: tell('refused'),
      limited: (limit) => limited.push(limit),
    },
  });
  /** Waits for an event that has perhaps been already. */
  const count = async (what: keyof typeof counts, atLeast: number): Promise<void> => {
    while (counts[what] < atLeast) await soon(signals, what);
  };
  const open = async (localAddress?: string): Promise<Client> => {
    const before = counts.opened + counts.refused;
    const options = { host: address, port: listener.endpoint.port, allowHalfOpen: true };
    const socket = connect(localAddress === undefined ? options : { ...options, localAddress });
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    while (counts.opened + counts.refused === before)
      await Promise.race(['opened', 'refused'].map((what) => soon(signals, what)));
    return new Client(socket);
  };
  t.teardown(() => {
    for (const each of server.waiting) each.answer();
    return listener.close().catch(() => undefined);
  });
  return { listener, counts, count, open, limited };
}

/** A client that reads whole messages. */
class Client {
  readonly socket: Socket;
  readonly replies: Uint8Array[] = [];
  private readonly deframer = new Deframer();
  private readonly signals = new EventEmitter();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.replies.push(...this.deframer.push(chunk));
      this.signals.emit('reply');
    });
  }

  ask(...ids: number[]): void {
    const queries = ids.map((id) => frame(queryOctets(`n${id}.example`, RrType.A, { id })));
    this.socket.write(Buffer.concat(queries));
  }

  /** The IDs of the replies, as soon as there are `count`. */
  async ids(count: number): Promise<number[]> {
    while (this.replies.length < count) await soon(this.signals, 'reply');
    return this.replies.map((reply) => readHeader(reply).id);
  }

  async ended(): Promise<void> {
    if (!this.socket.closed && !this.socket.readableEnded) {
      await Promise.race([soon(this.socket, 'end'), soon(this.socket, 'close')]);
    }
  }
}

for (const { address, skip } of LOOPBACKS) {
  test(`L1: over ${address} queries are pipelined and answered in the order of their answers`, {
    skip,
  }, async (t) => {
    const server = echo();
    const { open } = await listen(t, server, { address });
    const client = await open();
    client.ask(1, 2, 3);
    await server.asked(3);
    t.equal(server.waiting[0]?.query.client, address);
    for (const [index, sofar] of [
      [1, [2]],
      [2, [2, 3]],
      [0, [2, 3, 1]],
    ] as const) {
      server.waiting[index]?.answer();
      t.same(await client.ids(sofar.length), sofar);
    }
    t.equal(client.socket.readableEnded, false, 'the connection stays open');
    client.ask(4);
    await server.asked(4);
  });
}

test('L1: a query may come one octet at a time, and two in one segment with a third begun', async (t) => {
  const server = echo();
  server.atOnce.on = true;
  const { open } = await listen(t, server);
  const client = await open();
  client.socket.setNoDelay(true);
  for (const octet of frame(queryOctets('slow.example', RrType.A, { id: 1 }))) {
    await new Promise((sent) => client.socket.write(Uint8Array.of(octet), sent));
  }
  t.same(await client.ids(1), [1]);
  const [two, three] = [2, 3].map((id) => frame(queryOctets('a.example', RrType.A, { id })));
  const last = frame(queryOctets('a.example', RrType.A, { id: 4 }));
  client.socket.write(Buffer.concat([two ?? last, three ?? last, last.subarray(0, 1)]));
  t.same(await client.ids(3), [1, 2, 3]);
  client.socket.write(last.subarray(1));
  t.same(await client.ids(4), [1, 2, 3, 4]);
});

test('G4: a client that closes its side still gets what it asked for', async (t) => {
  const server = echo();
  const { open, count } = await listen(t, server);
  const client = await open();
  client.ask(1, 2);
  client.socket.end();
  await server.asked(2);
  server.waiting[1]?.answer();
  t.same(await client.ids(1), [2]);
  server.waiting[0]?.answer();
  t.same(await client.ids(2), [2, 1]);
  await client.ended();
  await count('closed', 1);
  t.equal(server.clock.timers, 0);
});

test('G4: it gets them all, though more were asked than may wait at once', async (t) => {
  const server = echo();
  const { open } = await listen(t, server, { maxInFlight: 2 });
  const client = await open();
  client.ask(1, 2, 3, 4, 5);
  client.socket.end();
  for (let asked = 1; asked <= 5; asked++) {
    await server.asked(asked);
    server.waiting[asked - 1]?.answer();
  }
  t.same(await client.ids(5), [1, 2, 3, 4, 5]);
  await client.ended();
});

test('G4: and if it has closed its side before the first answer', async (t) => {
  const server = echo();
  const { open, count } = await listen(t, server, { maxInFlight: 2 });
  const client = await open();
  client.ask(1, 2, 3, 4, 5);
  client.socket.end();
  await server.asked(2);
  // Its FIN has arrived once a later connection has been served.
  const later = await open();
  later.ask(9);
  await server.asked(3);
  server.waiting[2]?.answer();
  t.same(await later.ids(1), [9]);
  for (const asked of [0, 1, 3, 4, 5]) {
    await server.asked(asked + 1);
    server.waiting[asked]?.answer();
  }
  t.same(await client.ids(5), [1, 2, 3, 4, 5]);
  await client.ended();
  await count('closed', 1);
});

test('S1: past its limit a connection waits for its own answers, and holds up no other', async (t) => {
  const server = echo();
  const { open } = await listen(t, server, { maxInFlight: 2 });
  const greedy = await open();
  greedy.ask(1, 2, 3, 4);
  await server.asked(2);
  const other = await open();
  other.ask(9);
  await server.asked(3);
  t.same(
    server.waiting.map(({ query }) => query.qname),
    ['n1.example.', 'n2.example.', 'n9.example.'],
  );
  server.waiting[0]?.answer();
  await server.asked(4);
  t.equal(server.waiting[3]?.query.qname, 'n3.example.');
});

test('L2: what is no query takes no place and ends nothing', async (t) => {
  const server = echo();
  server.atOnce.on = true;
  const { open } = await listen(t, server, { maxInFlight: 1 });
  const client = await open();
  const response = queryOctets('a.example');
  response[2] = 0x80;
  for (let i = 0; i < 5; i++) {
    client.socket.write(frame(response));
    client.socket.write(frame(new Uint8Array(0)));
  }
  client.ask(7);
  t.same(await client.ids(1), [7]);
});

test('L4: over TCP an answer is whole', async (t) => {
  const server = echo();
  const { open } = await listen(t, server);
  const client = await open();
  client.ask(1);
  await server.asked(1);
  const [asked] = server.waiting;
  if (asked !== undefined) asked.answer(addressesOf(asked.query, 2_000));
  await client.ids(1);
  const { truncated, message } = readResponse(client.replies[0] ?? new Uint8Array());
  t.equal(truncated, false);
  t.equal(message.answer.length, 2_000);
});

test('L1: an idle connection is closed; a whole query or an answer starts the time anew', async (t) => {
  const server = echo();
  server.atOnce.on = true;
  const { open, count, counts } = await listen(t, server);
  const client = await open();
  await server.clock.advance(IDLE - 1);
  client.ask(1);
  await client.ids(1);
  await server.clock.advance(IDLE - 1);
  t.equal(counts.closed, 0);
  await server.clock.advance(1);
  await count('closed', 1);
  await client.ended();
  t.equal(server.clock.timers, 0);
});

test('S1: an octet now and then keeps no connection open (slowloris)', async (t) => {
  const server = echo();
  const { open, count } = await listen(t, server);
  const client = await open();
  const query = frame(queryOctets('slow.example'));
  for (let at = 0; at < 4; at++) {
    await new Promise((sent) => client.socket.write(query.subarray(at, at + 1), sent));
    await server.clock.advance(IDLE / 4);
  }
  await count('closed', 1);
  t.same(server.events, []);
});

test('U2: who waits for an answer is not idle', async (t) => {
  const server = echo();
  const { open, counts } = await listen(t, server, { idle: 1_000 });
  const client = await open();
  client.ask(1);
  await server.asked(1);
  await server.clock.advance(4_400);
  t.equal(counts.closed, 0);
  server.waiting[0]?.answer();
  t.same(await client.ids(1), [1]);
});

test('S1: past the limits connections are refused, and there is room when one closes', async (t) => {
  const server = echo();
  const limits = { maxConnections: 3, maxConnectionsPerClient: 2 };
  const { open, counts, count } = await listen(t, server, limits);
  const first = await open();
  await open();
  await (await open()).ended();
  t.same(counts, { opened: 2, closed: 0, refused: 1 }, 'two for one client');
  await open('127.0.0.2');
  await (await open('127.0.0.2')).ended();
  t.same(counts, { opened: 3, closed: 0, refused: 2 }, 'three in all');
  first.socket.destroy();
  await count('closed', 1);
  await open();
  t.same(counts, { opened: 4, closed: 1, refused: 2 });
});

test('S1: a connection that is of no use gives way to a new one, the idlest first', async (t) => {
  const server = echo();
  const { open, count, counts, limited } = await listen(t, server, { maxConnections: 2 });
  const slow = await open();
  await server.clock.advance(100);
  const busy = await open();
  busy.ask(1);
  await server.asked(1);
  await server.clock.advance(99);
  await (await open()).ended();
  t.equal(counts.refused, 1, 'nobody has been idle for 200 ms');
  await server.clock.advance(1);
  const third = await open();
  await slow.ended();
  await count('closed', 1);
  t.same(limited, ['tcp_connections', 'tcp_connections']);
  await server.clock.advance(10_000);
  await open();
  await third.ended();
  server.waiting[0]?.answer();
  t.same(await busy.ids(1), [1], 'who waits for an answer never gives way');
});

test('S1: of a client with too many connections, its own gives way', async (t) => {
  const server = echo();
  const { open } = await listen(t, server, { maxConnectionsPerClient: 1 });
  const other = await open('127.0.0.2');
  await server.clock.advance(1_000);
  const own = await open();
  await server.clock.advance(200);
  await open();
  await own.ended();
  t.equal(other.socket.readableEnded, false);
});

test('S1: a client that has most gives way to one that has fewer, were it busy', async (t) => {
  const server = echo();
  const { open, counts, count } = await listen(t, server, { maxConnections: 4 });
  const greedy = [await open(), await open(), await open(), await open()];
  for (const [index, client] of greedy.entries()) {
    client.ask(index + 1);
    await server.asked(index + 1);
  }
  await open('127.0.0.2');
  await open('127.0.0.2');
  await count('closed', 2);
  await (await open('127.0.0.2')).ended();
  t.same(counts, { opened: 6, closed: 2, refused: 1 }, 'two each, and no more');
});

test('S1: a connection ends with its life, behind its last answer', async (t) => {
  const server = echo();
  const { open, limited, count } = await listen(t, server, { idle: 3_600_000 });
  const [quiet, busy] = [await open(), await open()];
  busy.ask(1);
  await server.asked(1);
  await server.clock.advance(LIFE - 1);
  t.same(limited, []);
  await server.clock.advance(1);
  await quiet.ended();
  t.equal(busy.socket.readableEnded, false);
  server.waiting[0]?.answer();
  t.same(await busy.ids(1), [1]);
  await busy.ended();
  await count('closed', 2);
  t.same(limited, ['tcp_life', 'tcp_life']);
  t.equal(server.clock.timers, 0);
});

test('S1: who asks and never reads is cut off before it fills memory', async (t) => {
  const large = (): Answer => ({
    message: { ...EMPTY, answer: [record('a.example', RrType.TXT, new Uint8Array(60_000))] },
    source: 'upstream',
    age: 0,
  });
  const server = echo((_query, asker) => asker.onAnswer(large()));
  const { open, count } = await listen(t, server, { maxInFlight: 1_000 });
  const client = await open();
  client.socket.pause();
  // 48 MB of answers: more than the kernel keeps for one connection.
  const query = frame(queryOctets('a.example', RrType.TXT));
  for (let i = 0; i < 800; i++) client.socket.write(query);
  await count('closed', 1);
  t.same(server.bugs, []);
  t.equal(server.clock.timers, 0);
});

test('what is answered at once to many queries of one segment leaves together, and cuts nobody off who reads', async (t) => {
  const server = echo();
  // 800 kB of answers that are known, three times what may wait for a client.
  const ready = { copy: (query: Uint8Array) => Uint8Array.from({ ...query, length: 4_000 }) };
  Object.assign(server.responder, { ready });
  const { open, limited } = await listen(t, server);
  const client = await open();
  const ids = Array.from({ length: 200 }, (_, i) => i);
  client.ask(...ids);
  t.same(await client.ids(200), ids);
  t.same(limited, []);
});

test('an answer to a connection that is gone is dropped, and leaves no timer', async (t) => {
  const server = echo();
  const { open, count } = await listen(t, server);
  const client = await open();
  client.ask(1);
  await server.asked(1);
  client.socket.resetAndDestroy();
  await count('closed', 1);
  server.waiting[0]?.answer();
  await settle();
  t.same(server.bugs, []);
  t.equal(server.clock.timers, 0);
  t.equal(server.responder.inFlight, 0);
});

test('S2: close answers what is in flight, takes nothing new, and then is over', async (t) => {
  const server = echo();
  const { listener, open } = await listen(t, server);
  const idle = await open();
  const busy = await open();
  busy.ask(1);
  await server.asked(1);
  let closed = false;
  const closing = listener.close().then(() => {
    closed = true;
  });
  await idle.ended();
  busy.ask(2);
  const late = connect(listener.endpoint.port, '127.0.0.1');
  await t.rejects(soon(late, 'connect'), { code: 'ECONNREFUSED' });
  t.equal(closed, false);
  server.waiting[0]?.answer();
  t.same(await busy.ids(1), [1]);
  await closing;
  t.equal(server.waiting.length, 1, 'the second was not taken');
  t.equal(server.clock.timers, 0);
});

test('S3: an address that is taken, or is not there, is told by name', async (t) => {
  const server = echo();
  const { listener } = await listen(t, server);
  const { endpoint } = listener;
  const options = {
    limits: LIMITS,
    clock: server.clock,
    events: {
      opened: () => undefined,
      closed: () => undefined,
      refused: () => undefined,
      limited: () => undefined,
    },
  };
  await t.rejects(listenTcp(endpoint, server.responder, options), {
    name: 'ListenError',
    message: `listen tcp 127.0.0.1:${endpoint.port}: already in use by another process`,
  });
  await t.rejects(listenTcp({ address: '192.0.2.1', port: 0 }, server.responder, options), {
    name: 'ListenError',
    message: 'listen tcp 192.0.2.1:0: no interface has this address',
  });
});
