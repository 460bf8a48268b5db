import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { constants as fs } from 'node:fs';
import { isIPv6 } from 'node:net';
import { constants } from 'node:os';
import { type Test, test } from 'tap';
import { type Clock, monotonicClock } from '../../src/clock.ts';
import { batchFailure, batchSupport } from '../../src/listen/batch-support.ts';
import type { Libc } from '../../src/listen/libc.ts';
import { type Hit, ReadyAnswers } from '../../src/listen/ready-answers.ts';
import { Responder } from '../../src/listen/responder.ts';
import { listenUdpBatch } from '../../src/listen/udp-batch.ts';
import { AnswerMemory } from '../../src/memory/answer-memory.ts';
import { Replies } from '../../src/memory/replies.ts';
import type { Answer, Query } from '../../src/resolve/stage.ts';
import { RrType } from '../../src/wire/codes.ts';
import { readHeader } from '../../src/wire/header.ts';
import { readResponse } from '../../src/wire/message.ts';
import { answering } from '../resolve/queries.ts';
import { a, message, queryOctets } from '../support/messages.ts';
import { echo, soon } from './echo.ts';
import { LOOPBACKS } from './loopback.ts';

const support = batchSupport();
const skip = 'libc' in support ? false : `no batches here: ${support.reason}`;

/** A listener whose names are known after they were asked once, but for those that begin with `slow`. */
async function serve(
  t: Test,
  { address = '127.0.0.1', libc = realLibc(), clock = monotonicClock as Clock } = {},
) {
  const asked: Query[] = [];
  const hits: { hit: Hit; count: number }[] = [];
  const answers: (() => void)[] = [];
  const resolve = (query: Query): Promise<Answer> => {
    asked.push(query);
    const answer: Answer = {
      message: message({ answer: [a(query.qname, '192.0.2.1')] }),
      source: 'upstream',
      age: 0,
    };
    if (!query.qname.startsWith('slow')) return Promise.resolve(answer);
    return new Promise((done) => answers.push(() => done(answer)));
  };
  const memory = new AnswerMemory({ octets: 1 << 20, negativeOctets: 1 << 18, seed: 1 });
  const replies = new Replies(memory);
  const ready = new ReadyAnswers({
    replies,
    clock,
    repeat: () => ({ agedAt: clock.now(), until: clock.now() + 60_000, isExpansion: false }),
    onHits: (hit, _transport, count) => hits.push({ hit, count }),
  });
  const ignore = () => undefined;
  const events = {
    asked: ignore,
    answered: ignore,
    rejected: ignore,
    dropped: ignore,
    crowded: () => undefined,
    bug: t.error,
  };
  const responder = new Responder({ resolve: answering(resolve), clock, events, ready });
  const listener = await listenUdpBatch({ address, port: 0 }, responder, { libc, clock });
  t.teardown(() => listener.close());
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return { endpoint: listener.endpoint, socket, asked, hits, answers };
}

function realLibc(): Libc {
  if (!('libc' in support)) throw new Error(support.reason);
  return support.libc;
}

/** As the machine's, with some calls replaced. */
function libcWith(calls: (real: Libc) => Partial<Libc>): Libc {
  const real = realLibc();
  return { ...real, ...calls(real) };
}

function collect(socket: Socket, count: number): Promise<{ octets: Buffer; from: RemoteInfo }[]> {
  const replies: { octets: Buffer; from: RemoteInfo }[] = [];
  return new Promise((resolve) => {
    socket.on('message', (octets, from) => {
      replies.push({ octets, from });
      if (replies.length === count) resolve(replies);
    });
  });
}

const ids = (replies: readonly { octets: Buffer }[]): number[] =>
  replies.map(({ octets }) => readHeader(octets).id).toSorted((one, other) => one - other);

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Asks for a name until it is answered from memory. */
async function learn(socket: Socket, port: number, address: string, name: string): Promise<void> {
  socket.send(queryOctets(name), port, address);
  await soon(socket, 'message');
}

for (const { address, skip: noAddress } of LOOPBACKS) {
  test(`a burst over ${address} is answered whole, hits and misses, from the address that was asked (L1)`, {
    skip: skip || noAddress,
  }, async (t) => {
    const { endpoint, socket, hits, asked } = await serve(t, { address });
    await learn(socket, endpoint.port, address, 'known.example');
    const replies = collect(socket, 200);
    for (const id of upTo(200)) {
      const name = id % 4 === 0 ? `miss${id}.example` : 'Known.example';
      socket.send(queryOctets(name, RrType.A, { id }), endpoint.port, address);
    }
    const all = await replies;
    t.same(ids(all), upTo(200));
    for (const { octets, from } of all) {
      if (from.address !== address || from.port !== endpoint.port) t.fail('from elsewhere');
      if (readResponse(octets).message.answer.length !== 1) t.fail('no address');
    }
    t.equal(asked.length, 51, 'misses and the first question');
    const counted = hits.reduce((sum, { count }) => sum + count, 0);
    t.equal(counted, 150);
    t.same(hits[0]?.hit, { type: 'A', rcode: 0, source: 'cache', isExpansion: false });
    t.equal(asked[0]?.client, address);
  });
}

test('what the kernel does not take at once is sent later, and nobody loses by it', {
  skip,
}, async (t) => {
  // Of each batch one reply leaves, then the buffer is full, then a client cannot be reached.
  const script = ['one', 'EAGAIN', 'one', 'ENOBUFS', 'all'];
  const { errno } = constants;
  let failure = 0;
  const libc = libcWith((real) => ({
    sendmmsg: (fd, headers, count, flags) => {
      const turn = script.shift() ?? 'all';
      if (turn === 'one') return real.sendmmsg(fd, headers, 1, flags);
      if (turn === 'all') return real.sendmmsg(fd, headers, count, flags);
      failure = turn === 'EAGAIN' ? errno.EAGAIN : errno.ENOBUFS;
      return -1;
    },
    errno: () => failure || real.errno(),
  }));
  const { endpoint, socket } = await serve(t, { libc });
  await learn(socket, endpoint.port, '127.0.0.1', 'known.example');
  const replies = collect(socket, 120);
  for (const id of upTo(120)) {
    socket.send(queryOctets('known.example', RrType.A, { id }), endpoint.port, '127.0.0.1');
  }
  t.same(ids(await replies), upTo(120));
  t.notOk(script.includes('EAGAIN'), 'the script was played');
});

test('a client that cannot be reached keeps nothing from the others', { skip }, async (t) => {
  let refusals = 1;
  const libc = libcWith((real) => ({
    sendmmsg: (fd, headers, count, flags) =>
      refusals-- > 0 ? -1 : real.sendmmsg(fd, headers, count, flags),
    errno: () => constants.errno.EPERM,
  }));
  const { endpoint, socket } = await serve(t, { libc });
  await learn(socket, endpoint.port, '127.0.0.1', 'known.example');
  const replies = collect(socket, 49);
  for (const id of upTo(50)) {
    socket.send(queryOctets('known.example', RrType.A, { id }), endpoint.port, '127.0.0.1');
  }
  const all = await replies;
  t.equal(new Set(ids(all)).size, 49, 'one is lost, the one that the kernel refused');
});

/** A machine on which a batch always waits, and a clock on which each look takes a tenth of a millisecond. */
function flood(t: Test) {
  let receives = 0;
  let flooding = false;
  let time = 0;
  const libc = libcWith((real) => ({
    recvmmsg: (...args) => {
      const count = real.recvmmsg(...args);
      if (!flooding) return count;
      receives++;
      return 64;
    },
  }));
  const clock: Clock = {
    now: () => {
      time += 0.1;
      return time;
    },
    after: monotonicClock.after,
  };
  return {
    server: serve(t, { libc, clock }),
    start: () => {
      flooding = true;
    },
    stop: () => {
      flooding = false;
    },
    takeReceives: () => receives,
  };
}

test('under a flood the event loop goes on after two milliseconds', { skip }, async (t) => {
  const { server, start, stop, takeReceives } = flood(t);
  const { endpoint, socket } = await server;
  await learn(socket, endpoint.port, '127.0.0.1', 'known.example');
  start();
  socket.send(queryOctets('known.example'), endpoint.port, '127.0.0.1');
  await soon(socket, 'message');
  stop();
  // One wake-up: as many batches as fit into two milliseconds of that clock.
  t.ok(takeReceives() > 0 && takeReceives() <= 20, `batches: ${takeReceives()}`);
});

test('it blocks for the next query only where nothing else is to be done', { skip }, async (t) => {
  const polls: number[] = [];
  const libc = libcWith((real) => ({
    poll: (polled, count, timeout) => {
      polls.push(timeout);
      return real.poll(polled, count, timeout);
    },
  }));
  let time = 0;
  const clock: Clock = { now: () => time, after: monotonicClock.after };
  const { endpoint, socket, answers, asked } = await serve(t, { libc, clock });
  const ask = async (name: string) => {
    socket.send(queryOctets(name), endpoint.port, '127.0.0.1');
    await soon(socket, 'message');
  };
  await ask('known.example');
  t.same(polls, [], 'not after a first query: nobody knows when the next comes');
  time += 10;
  await ask('known.example');
  t.same(polls, [], 'nor after one that came long after it');
  await ask('known.example');
  t.ok(polls.length > 0, 'after one that came close behind');
  t.ok(
    polls.every((timeout) => timeout === 1),
    'for a millisecond',
  );
  socket.send(queryOctets('slow.example'), endpoint.port, '127.0.0.1');
  while (asked.length < 2) await new Promise((resolve) => setImmediate(resolve));
  const before = polls.length;
  await ask('known.example');
  t.equal(polls.length, before, 'not while a question is out: its answer would wait');
  answers[0]?.();
  await soon(socket, 'message');
});

/** Asks the same thing again and again, each time when the answer is there, on a clock that stands still. */
async function stream(t: Test, calls: (real: Libc) => Partial<Libc>) {
  const received: number[] = [];
  let polls = 0;
  const libc = libcWith((real) => ({
    recvmmsg: (fd, headers, count, flags, timeout) => {
      received.push(flags);
      return real.recvmmsg(fd, headers, count, flags, timeout);
    },
    poll: (...args) => {
      polls++;
      return real.poll(...args);
    },
    ...calls(real),
  }));
  const clock: Clock = { now: () => 0, after: monotonicClock.after };
  const { endpoint, socket } = await serve(t, { libc, clock });
  for (let i = 0; i < 12; i++) {
    socket.send(queryOctets('known.example'), endpoint.port, '127.0.0.1');
    await soon(socket, 'message');
  }
  return { received, polls };
}
const WAIT_FOR_ONE = 0x10000;
const F_SETFL = 4;

test('a stream of queries is waited for in recvmmsg itself, a pair of them by poll', {
  skip,
}, async (t) => {
  const settings: number[] = [];
  const { received } = await stream(t, (real) => ({
    fcntl: (fd, command, value) => {
      if (command === F_SETFL) settings.push(value & fs.O_NONBLOCK);
      return real.fcntl(fd, command, value);
    },
  }));
  const first = received.indexOf(WAIT_FOR_ONE);
  t.ok(first > 8, `the first that blocks is number ${first}`);
  t.ok(settings.length > 0 && settings.length % 2 === 0, `settings: ${settings.length}`);
  t.ok(
    settings.every((nonblocking, i) => (nonblocking === 0) === (i % 2 === 0)),
    'each time node gets the socket back as it needs it',
  );
});

test('a socket whose flags cannot be set is waited for by poll alone', { skip }, async (t) => {
  const { received, polls } = await stream(t, () => ({ fcntl: () => -1 }));
  t.notOk(received.includes(WAIT_FOR_ONE));
  t.ok(polls >= 11, `polls: ${polls}`);
  t.ok(received.length < 100, `it does not spin: ${received.length}`);
});

test('an address that is taken is told as such (S3)', { skip }, async (t) => {
  const { endpoint } = await serve(t);
  const { responder } = echo();
  const again = listenUdpBatch(endpoint, responder, { libc: realLibc(), clock: monotonicClock });
  await t.rejects(again, { name: 'ListenError', message: /already in use by another process/ });
});

test('a machine whose structures are other than we think is found out', { skip }, (t) => {
  t.equal(batchFailure(realLibc()), undefined);
  const shifted = libcWith((real) => ({
    recvmmsg: (fd, headers, count, flags, timeout) =>
      real.recvmmsg(fd, headers + 64, count, flags, timeout),
  }));
  t.match(batchFailure(shifted), /changed|sender/);
  const one = libcWith((real) => ({
    sendmmsg: (fd, headers, _count, flags) => real.sendmmsg(fd, headers, 1, flags) && 2,
  }));
  t.equal(batchFailure(one), 'recvmmsg took 1 of 2');
  const none = libcWith(() => ({ sendmmsg: () => -1, errno: () => constants.errno.EAGAIN }));
  t.equal(batchFailure(none), 'sendmmsg sent nothing');
  t.end();
});
