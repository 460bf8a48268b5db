import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type Test, test } from 'tap';
import { redialAfter, tcpTransport } from '../../src/upstream/tcp-exchange.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { Deframer, frame } from '../../src/wire/frame.ts';
import { HEADER_OCTETS, putUint16, uint16 } from '../../src/wire/header.ts';
import { readRequest } from '../../src/wire/request.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message, responseOctets } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { closedPort, outgoing, sendBy, serverAt, tcpServer } from './loopback.ts';

const truth = message({ answer: [a('api.example.', '192.0.2.1')] });

type OnQuery = (query: Uint8Array, socket: Socket, connection: number) => void;

/** A server that hands each query out, and a transport to it. */
async function setup(t: Test, onQuery: OnQuery) {
  const connections: Socket[] = [];
  const arrived: { query: Uint8Array; connection: number }[] = [];
  const waiters: (() => void)[] = [];
  const server = await tcpServer((socket, connection) => {
    connections.push(socket);
    const deframer = new Deframer();
    socket.on('data', (chunk: Buffer) => {
      for (const query of deframer.push(chunk)) {
        arrived.push({ query, connection });
        onQuery(query, socket, connection);
        for (const wake of waiters.splice(0)) wake();
      }
    });
  });
  const clock = new HandClock();
  const tallies = createUpstreamTallies();
  const transport = tcpTransport(server.address, clock, tallies);
  t.teardown(async () => {
    transport.close();
    await server.close();
  });
  /** Until so many queries have arrived. */
  const queries = async (count: number) => {
    while (arrived.length < count) await new Promise<void>((resolve) => waiters.push(resolve));
  };
  return { transport, connections, arrived, queries, clock, tallies };
}

const reply = (query: Uint8Array, word = truth) => frame(responseOctets(query, word));
const hold: OnQuery = () => undefined;
const answerAll: OnQuery = (query, socket) => socket.write(reply(query));

test('questions share one connection, and answers come in any order (RFC 7766 §6.2.1)', async (t) => {
  const held: Uint8Array[] = [];
  const { transport, connections, arrived } = await setup(t, (query, socket) => {
    held.push(query);
    if (held.length < 50) return;
    const answers = held.toReversed().map((each) => {
      const { qname } = readRequest(each).question;
      return reply(each, message({ answer: [a(qname, '192.0.2.1')] }));
    });
    socket.write(Buffer.concat(answers));
  });
  const names = Array.from({ length: 50 }, (_, i) => `n${i}.example.`);
  const replies = await Promise.all(names.map((name) => sendBy(transport, outgoing(name)).reply));
  replies.forEach(({ message: got }, i) => {
    t.same(got.answer, [a(names[i] ?? '', '192.0.2.1')]);
  });
  t.equal(connections.length, 1);
  t.equal(
    new Set(arrived.map(({ query }) => uint16(query, 0))).size,
    50,
    'IDs are unique in flight',
  );
});

test('an answer that comes one octet at a time, length prefix and all (RFC 7766 §8)', async (t) => {
  const { transport } = await setup(t, (query, socket) => {
    socket.setNoDelay(true);
    const octets = reply(query);
    let at = 0;
    const next = () => {
      if (at < octets.length) socket.write(octets.subarray(at, ++at), () => setImmediate(next));
    };
    next();
  });
  t.same((await sendBy(transport, outgoing('api.example.')).reply).message, truth);
});

test('the connection is kept for the next question', async (t) => {
  const { transport, connections } = await setup(t, answerAll);
  for (let i = 0; i < 3; i++) await sendBy(transport, outgoing('api.example.')).reply;
  t.equal(connections.length, 1);
});

test('what was in flight when the server closed is asked once more, nothing is lost (RFC 7766 §6.2.4)', async (t) => {
  const endings: ((socket: Socket) => void)[] = [
    (socket) => socket.end(),
    (socket) => socket.destroy(),
    (socket) => socket.resetAndDestroy(),
  ];
  for (const end of endings) {
    let first = 0;
    const { transport, connections, tallies } = await setup(t, (query, socket, connection) => {
      if (connection > 0) socket.write(reply(query));
      else if (++first === 10) end(socket);
    });
    const sent = Array.from({ length: 10 }, () => sendBy(transport, outgoing('api.example.')));
    for (const { message: got } of await Promise.all(sent.map((each) => each.reply))) {
      t.same(got, truth);
    }
    t.equal(connections.length, 2);
    t.equal(tallies.sends.get('tcp'), 20);
  }
});

test('a server that closes on every question is asked twice, no more', async (t) => {
  const { transport, connections } = await setup(t, (_query, socket) => socket.end());
  const { reply: failed } = sendBy(transport, outgoing('api.example.'));
  await t.rejects(failed, { name: 'UpstreamError', reason: 'network' });
  t.equal(connections.length, 2);
});

test('a refused connection fails at once, and is not tried again (U2)', async (t) => {
  const address = serverAt('tcp', await closedPort());
  const tallies = createUpstreamTallies();
  const transport = tcpTransport(address, new HandClock(), tallies);
  const { reply: failed } = sendBy(transport, outgoing('api.example.'));
  await t.rejects(failed, {
    name: 'UpstreamError',
    reason: 'refused',
    message: `tcp socket to ${address.name}: ECONNREFUSED`,
  });
  t.equal(tallies.sends.get('tcp'), 1);
});

test('wrong IDs and wrong questions are dropped and counted, and the truth wins (U3)', async (t) => {
  const { transport, tallies } = await setup(t, (query, socket) => {
    const id = uint16(query, 0);
    const asks = (qname: string, qtype: number = RrType.A) =>
      frame(responseOctets({ id, question: { qname, qtype, qclass: 1 } }, message()));
    socket.write(
      Buffer.concat([
        frame(responseOctets(query, message(), { id: (id + 1) & 0xffff })),
        asks('evil.example.'),
        asks('api.example.', RrType.AAAA),
        frame(query),
        frame(new Uint8Array(0)),
        frame(query.subarray(0, 11)),
        reply(query),
      ]),
    );
  });
  t.same((await sendBy(transport, outgoing('api.example.')).reply).message, truth);
  t.equal(tallies.mismatched.value, 6);
});

test('a malformed reply fails at once: no other will come on this connection (U3)', async (t) => {
  const { transport, tallies, connections } = await setup(t, (query, socket) => {
    const broken = responseOctets(query, truth);
    putUint16(broken, 6, 40);
    const { qname } = readRequest(query).question;
    socket.write(qname === 'broken.example.' ? frame(broken) : reply(query));
  });
  const { reply: failed } = sendBy(transport, outgoing('broken.example.'));
  const next = sendBy(transport, outgoing('api.example.'));
  await t.rejects(failed, { name: 'UpstreamError', reason: 'malformed' });
  t.same((await next.reply).message, truth, 'the others on it are answered');
  t.equal(tallies.malformed.value, 1);
  t.equal(connections.length, 1);
});

test('a bare FORMERR is an answer over TCP too (U4)', async (t) => {
  const { transport } = await setup(t, (query, socket) => {
    const bare = new Uint8Array(HEADER_OCTETS);
    putUint16(bare, 0, uint16(query, 0));
    putUint16(bare, 2, 0x8000 | Rcode.FORMERR);
    socket.write(frame(bare));
  });
  const got = await sendBy(transport, outgoing('api.example.')).reply;
  t.same(got, { message: message({ rcode: Rcode.FORMERR }), truncated: false, edns: false });
});

test('5 s without questions close the connection, the next one opens another', async (t) => {
  const { transport, connections, clock } = await setup(t, answerAll);
  await sendBy(transport, outgoing('api.example.')).reply;
  await clock.advance(4_999);
  await sendBy(transport, outgoing('api.example.')).reply;
  t.equal(connections.length, 1, 'a question starts the rest anew');
  const [first] = connections;
  const ended = first === undefined ? undefined : once(first, 'end');
  await clock.advance(5_000);
  await ended;
  t.equal(clock.timers, 0);
  await sendBy(transport, outgoing('api.example.')).reply;
  t.equal(connections.length, 2);
});

test('250 ms of silence: new questions go elsewhere, old ones are still heard (U1)', async (t) => {
  const { transport, connections, queries, clock, arrived } = await setup(
    t,
    (query, socket, connection) => {
      if (connection > 0) socket.write(reply(query));
    },
  );
  const slow = sendBy(transport, outgoing('api.example.'));
  await queries(1);
  await clock.advance(250);
  await sendBy(transport, outgoing('api.example.')).reply;
  t.equal(connections.length, 2);
  const [first] = connections;
  const ended = first === undefined ? undefined : once(first, 'end');
  first?.write(reply(arrived[0]?.query ?? new Uint8Array(0)));
  t.same((await slow.reply).message, truth);
  await ended;
});

test('a connection on which others are answered is not silent', async (t) => {
  const { transport, connections, queries, clock } = await setup(t, (query, socket) => {
    if (readRequest(query).question.qname !== 'slow.example.') socket.write(reply(query));
  });
  void sendBy(transport, outgoing('slow.example.')).reply.catch(() => undefined);
  await queries(1);
  for (let i = 0; i < 5; i++) {
    await clock.advance(200);
    await sendBy(transport, outgoing('api.example.')).reply;
  }
  t.equal(connections.length, 1);
});

test('the answer to a closed exchange is taken in silence', async (t) => {
  const held: (() => void)[] = [];
  const { transport, queries, tallies } = await setup(t, (query, socket) => {
    held.push(() => socket.write(reply(query)));
  });
  const given = sendBy(transport, outgoing('api.example.'));
  const kept = sendBy(transport, outgoing('api.example.'));
  await queries(2);
  given.exchange.close();
  given.exchange.close();
  for (const release of held) release();
  t.same((await kept.reply).message, truth);
  t.equal(tallies.mismatched.value, 0);
  t.equal(await Promise.race([given.reply, Promise.resolve('silent')]), 'silent');
});

test('what nobody waits for is not asked again', async (t) => {
  const { transport, queries, connections, arrived } = await setup(
    t,
    (query, socket, connection) => {
      if (connection > 0) socket.write(reply(query));
    },
  );
  const given = sendBy(transport, outgoing('given.example.'));
  const kept = sendBy(transport, outgoing('kept.example.'));
  await queries(2);
  given.exchange.close();
  connections[0]?.end();
  await kept.reply.catch(() => undefined);
  t.same(
    arrived.slice(2).map(({ query }) => readRequest(query).question.qname),
    ['kept.example.'],
  );
});

test('what is closed while others are told of a loss is not asked again', async (t) => {
  const { transport, queries, connections, tallies } = await setup(t, hold);
  const { promise: failed, resolve } = Promise.withResolvers<void>();
  transport.send(outgoing('first.example.'), true, {
    onReply: () => undefined,
    takeSend: () => true,
    onFailure: () => {
      second.exchange.close();
      resolve();
    },
  });
  await queries(1);
  connections[0]?.end();
  await queries(2);
  const second = sendBy(transport, outgoing('second.example.'));
  await queries(3);
  connections[1]?.end();
  await failed;
  t.equal(tallies.sends.get('tcp'), 3);
});

test('IDs that are never answered do not use a connection up (S1)', async (t) => {
  const { transport, connections, queries } = await setup(t, (query, socket) => {
    if (readRequest(query).question.qname === 'api.example.') socket.write(reply(query));
  });
  const kept = sendBy(transport, outgoing('kept.example.'));
  kept.reply.catch(() => undefined);
  for (let i = 0; i < 1_023; i++) sendBy(transport, outgoing('given.example.')).exchange.close();
  await queries(1_024);
  t.equal(connections.length, 1);
  await sendBy(transport, outgoing('api.example.')).reply;
  t.equal(connections.length, 2);
});

test('what waits is bounded: one more fails at once (S1)', async (t) => {
  const { transport } = await setup(t, hold);
  const waiting = Array.from({ length: 4_096 }, () => sendBy(transport, outgoing('api.example.')));
  const { reply: failed } = sendBy(transport, outgoing('api.example.'));
  await t.rejects(failed, { name: 'UpstreamError', reason: 'full' });
  const closed = Promise.allSettled(waiting.map((each) => each.reply));
  transport.close();
  const reasons = (await closed).map((each) => each.status === 'rejected' && each.reason.reason);
  t.ok(reasons.every((reason) => reason === 'closed'));
});

test('another socket is tried after two handshakes, within what a resend and a silent connection take (U2)', (t) => {
  t.equal(redialAfter(1), 30);
  t.equal(redialAfter(40), 80);
  t.equal(redialAfter(1_000), 250, 'whose first SYN was lost');
  t.end();
});
