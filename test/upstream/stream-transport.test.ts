import { test } from 'tap';
import type { UpstreamError } from '../../src/upstream/exchange.ts';
import { MAX_SENDS } from '../../src/upstream/retransmission.ts';
import { streamTransport } from '../../src/upstream/stream-transport.ts';
import { readRequest } from '../../src/wire/request.ts';
import { HandClock, settle } from '../support/hand-clock.ts';
import { a, message, responseOctets } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { outgoing } from './loopback.ts';
import { type ScriptedSocket, scriptedDial } from './scripted-socket.ts';

const truth = message({ answer: [a('api.example.', '192.0.2.1')] });

/** A transport whose connections the test plays. */
function setup(maxWaiting?: number) {
  const { server, sockets } = scriptedDial();
  const changeable = { ...server, generation: 0 };
  const tallies = createUpstreamTallies();
  const clock = new HandClock();
  const transport = streamTransport(changeable, clock, tallies, maxWaiting);
  const ask = (qname = 'api.example.', onFailure = () => {}, isLast?: boolean) => {
    const heard: { replies: number; errors: UpstreamError[] } = { replies: 0, errors: [] };
    let sends = 1;
    const exchange = transport.send(outgoing(qname), true, {
      onReply: () => heard.replies++,
      takeSend: () => sends++ < MAX_SENDS,
      ...(isLast === undefined ? {} : { isLast }),
      onFailure: (error) => {
        heard.errors.push(error as UpstreamError);
        onFailure();
      },
    });
    return { heard, close: () => exchange.close() };
  };
  const askMany = (count: number) => Array.from({ length: count }, (_, i) => ask(`n${i}.example.`));
  /** The n-th connection; open from now on. */
  const opened = (n: number): ScriptedSocket => {
    const socket = sockets[n];
    if (socket === undefined) throw new Error(`no connection: ${n}`);
    socket.open();
    return socket;
  };
  return { clock, transport, server: changeable, sockets, tallies, ask, askMany, opened };
}

/** Answers the oldest `count` queries of a connection. */
function answer(socket: ScriptedSocket, count = socket.queries.length): void {
  socket.arrive(...socket.queries.slice(0, count).map((query) => responseOctets(query, truth)));
}

const namesOf = ({ queries }: ScriptedSocket) =>
  queries.map((query) => readRequest(query).question.qname);

test('all questions share one connection, also the next ones (RFC 7766 §6.2.1)', (t) => {
  const { sockets, tallies, askMany, opened } = setup();
  const first = askMany(20);
  answer(opened(0));
  const second = askMany(20);
  answer(opened(0));
  t.equal(sockets.length, 1);
  t.ok([...first, ...second].every(({ heard }) => heard.replies === 1));
  t.equal(tallies.sends.get('tcp'), 40);
  t.end();
});

test('what waits is bounded over all connections: one more fails, later, and is not sent (S1)', async (t) => {
  const { server, sockets, tallies, ask, opened } = setup(2);
  ask();
  server.generation++;
  ask();
  t.equal(sockets.length, 2);
  const { heard } = ask();
  const given = ask();
  t.same(heard.errors, [], 'nothing before send returns');
  given.close();
  await settle();
  t.match(heard.errors, [
    { reason: 'full', message: 'tcp questions waiting for tcp://192.0.2.53:53: 2' },
  ]);
  t.same(given.heard.errors, []);
  t.equal(tallies.sends.get('tcp'), 2);
  answer(opened(0));
  ask();
  t.equal(tallies.sends.get('tcp'), 3, 'an answer makes room');
});

test('4,096 may wait without a bound of the caller (S1)', async (t) => {
  const { tallies, ask, askMany } = setup();
  askMany(4_096);
  const { heard } = ask();
  await settle();
  t.match(heard.errors, [{ reason: 'full' }]);
  t.equal(tallies.sends.get('tcp'), 4_096);
});

test('closing fails what waits, wherever it waits, and tells nobody else', (t) => {
  const { transport, server, sockets, ask, opened } = setup();
  const first = ask();
  server.generation++;
  const second = ask();
  const given = ask();
  given.close();
  transport.close();
  for (const { heard } of [first, second]) {
    t.match(heard.errors, [
      { reason: 'closed', message: 'tcp connection to tcp://192.0.2.53:53 was closed' },
    ]);
  }
  t.same(given.heard.errors, []);
  t.ok(sockets.every(({ destroyed }) => destroyed));
  const late = ask();
  answer(opened(2));
  t.equal(late.heard.replies, 1, 'nothing goes to what was closed');
  t.end();
});

test('after a change, connections from before take no more questions (U5)', (t) => {
  const { server, sockets, ask, opened } = setup();
  const before = ask('before.example.');
  server.generation++;
  const after = ask('after.example.');
  t.same(namesOf(opened(1)), ['after.example.']);
  answer(opened(0));
  t.equal(before.heard.replies, 1, 'what waits is still heard');
  t.equal(sockets[0]?.destroyed, true);
  answer(opened(1));
  t.equal(after.heard.replies, 1);
  server.generation++;
  ask();
  t.equal(sockets[1]?.destroyed, true, 'what rests is closed at once');
  t.end();
});

test('what was left is asked again on one connection, oldest first (RFC 7766 §6.2.4)', (t) => {
  const { sockets, tallies, askMany, opened } = setup();
  const asked = askMany(3);
  opened(0).emit('end');
  t.equal(sockets.length, 2);
  t.same(namesOf(opened(1)), ['n0.example.', 'n1.example.', 'n2.example.']);
  answer(opened(1));
  t.ok(asked.every(({ heard }) => heard.replies === 1 && heard.errors.length === 0));
  t.equal(tallies.sends.get('tcp'), 6);
  t.end();
});

test('a connection that never stood is not tried again (U2)', (t) => {
  const { sockets, ask } = setup();
  const { heard } = ask();
  sockets[0]?.emit('error', Object.assign(new Error('no'), { code: 'ECONNREFUSED' }));
  sockets[0]?.emit('close');
  t.match(heard.errors, [{ reason: 'refused' }]);
  t.equal(sockets.length, 1);
  t.end();
});

test('a question on which connections are lost is asked twice, no more', (t) => {
  const { sockets, ask, opened } = setup();
  const { heard } = ask();
  opened(0).emit('end');
  t.same(heard.errors, []);
  opened(1).emit('end');
  t.match(heard.errors, [{ reason: 'network' }]);
  t.equal(sockets.length, 2);
  t.end();
});

test('a question that is always left while others are answered is asked three times, no more (RFC 9520 §3.1)', (t) => {
  const { sockets, ask, askMany, opened } = setup();
  const { heard } = ask('left.example.');
  for (let n = 0; n < 3; n++) {
    t.same([heard.errors.length, sockets.length], [0, n + 1]);
    askMany(64);
    const socket = opened(n);
    const [, ...others] = socket.queries;
    socket.arrive(...others.map((query) => responseOctets(query, truth)));
    socket.emit('end');
  }
  t.match(heard.errors, [{ reason: 'network' }]);
  t.equal(sockets.length, 3);
  t.end();
});

test('nobody who counts sends, no send of our own: a probe is lost with its connection (RFC 9520 §3.1)', (t) => {
  const { transport, sockets, opened } = setup();
  const errors: unknown[] = [];
  transport.send(outgoing('.'), true, {
    onReply: () => t.fail('no answer came'),
    onFailure: (error) => errors.push(error),
  });
  opened(0).emit('end');
  t.match(errors, [{ reason: 'network' }]);
  t.equal(sockets.length, 1);
  t.end();
});

test('a server that closes after each answer: 100 questions, none lost, each sent twice at most', (t) => {
  const { sockets, tallies, askMany, opened } = setup();
  const asked = askMany(100);
  let most = 0;
  for (let n = 0; n < sockets.length; n++) {
    most = Math.max(most, sockets.filter(({ destroyed }) => !destroyed).length);
    const socket = opened(n);
    answer(socket, 1);
    socket.emit('end');
  }
  t.ok(asked.every(({ heard }) => heard.replies === 1 && heard.errors.length === 0));
  t.equal(most, 8, 'connections at a time');
  t.equal(tallies.sends.get('tcp'), 100 + 99);
  t.end();
});

test('a server that closes after three answers is asked three questions a connection', (t) => {
  const { sockets, askMany, opened } = setup();
  askMany(20);
  answer(opened(0), 3);
  opened(0).emit('end');
  t.same(
    sockets.slice(1).map((_, n) => opened(n + 1).queries.length),
    [3, 3, 3, 3, 3, 2],
  );
  const [, full] = sockets;
  if (full !== undefined) answer(full);
  t.equal(full?.destroyed, true, 'closed by us, with nothing on its way');
  t.end();
});

test('a connection from before that is known gets no more questions than the later ones', async (t) => {
  const { clock, sockets, ask, askMany, opened } = setup();
  const asked = askMany(12);
  opened(0);
  await clock.advance(250);
  asked.push(ask('later.example.'));
  answer(opened(0), 1);
  opened(0).emit('end');
  t.same(namesOf(opened(1)), ['later.example.']);
  t.equal(sockets.length, 1 + 8);
  for (let n = 1; n < sockets.length; n++) {
    const socket = opened(n);
    answer(socket, 1);
    socket.emit('end');
  }
  t.ok(asked.every(({ heard }) => heard.replies === 1));
  t.ok(sockets.slice(1).every(({ queries }) => queries.length === 1));
});

test('a question that is sent for the last time is not lost with a connection that another answer ends (RFC 9520 §3.1)', (t) => {
  const { sockets, ask, opened } = setup();
  ask('probe.example.');
  const last = ask('last.example.', undefined, true);
  ask('next.example.', undefined, false);
  t.same(sockets.map(namesOf), [[], []], 'two connections');
  t.same(namesOf(opened(0)), ['probe.example.', 'next.example.']);
  t.same(namesOf(opened(1)), ['last.example.']);
  answer(opened(0), 1);
  opened(0).emit('end');
  answer(opened(1));
  t.equal(last.heard.replies, 1);
  t.equal(opened(1).destroyed, true, 'it has no other use');
  t.end();
});

test('so it is where a lost connection has it sent for the last time (RFC 7766 §6.2.4)', (t) => {
  const { sockets, transport, ask, opened } = setup();
  let sends = 2;
  transport.send(outgoing('lost.example.'), true, {
    onReply: () => {},
    onFailure: () => {},
    takeSend: () => sends++ < MAX_SENDS,
    get isLast() {
      return sends >= MAX_SENDS;
    },
  });
  opened(0);
  ask('other.example.');
  opened(0).emit('end');
  t.same(
    sockets.slice(1).map((_, n) => namesOf(opened(n + 1))),
    [['lost.example.'], ['other.example.']],
  );
  t.end();
});

test('seven connections at a time are of one question each, and the others share one (S1)', (t) => {
  const { sockets, ask, opened } = setup();
  const asked = Array.from({ length: 20 }, (_, n) => ask(`n${n}.example.`, undefined, true));
  ask('other.example.');
  const counts = sockets.map((_, n) => opened(n).queries.length);
  t.same(counts, [1, 1, 1, 1, 1, 1, 1, 14]);
  for (let n = 0; n < sockets.length; n++) answer(opened(n));
  t.ok(asked.every(({ heard }) => heard.replies === 1));
  t.end();
});

test('questions that wait for a connection can be given up, count as waiting, and fail when all is closed', async (t) => {
  const { sockets, tallies, transport, ask, askMany, opened } = setup(12);
  askMany(2);
  answer(opened(0), 1);
  opened(0).emit('end');
  const placed = askMany(7);
  const given = ask('given.example.');
  const queued = askMany(3);
  t.equal(sockets.length, 9, 'the one that was lost, and eight');
  const { heard } = ask();
  await settle();
  t.match(heard.errors, [{ reason: 'full' }]);
  given.close();
  answer(opened(1));
  t.equal(sockets.length, 10);
  t.same(namesOf(opened(9)), ['n0.example.']);
  t.equal(tallies.sends.get('tcp'), 2 + 8 + 1);
  transport.close();
  for (const { heard } of [...placed, ...queued]) t.match(heard.errors, [{ reason: 'closed' }]);
  t.same([given.heard.errors, given.heard.replies], [[], 0]);
  t.end();
});

test('connections that went silent make room for what waits', async (t) => {
  const { clock, sockets, askMany, opened } = setup();
  askMany(12);
  answer(opened(0), 1);
  opened(0).emit('end');
  for (let n = 1; n < 9; n++) opened(n);
  await clock.advance(250);
  t.equal(sockets.length, 1 + 8 + 3);
});

test('a connection that has gone silent takes no more questions, and is still heard (U1)', async (t) => {
  const { clock, sockets, ask, opened } = setup();
  const slow = ask();
  const socket = opened(0);
  await clock.advance(250);
  ask();
  t.equal(sockets.length, 2);
  answer(socket);
  t.equal(slow.heard.replies, 1);
});

test('a server that has answered 64 has kept its connection: one new one will do', (t) => {
  for (const [answered, connections] of [
    [63, 3],
    [64, 2],
  ] as const) {
    const { sockets, askMany, opened } = setup();
    askMany(answered + 65);
    answer(opened(0), answered);
    opened(0).emit('end');
    t.equal(sockets.length, connections, `${answered}`);
  }
  t.end();
});

test('a server that closes what rests does not close early', (t) => {
  const { sockets, askMany, opened } = setup();
  askMany(1);
  answer(opened(0));
  opened(0).emit('end');
  askMany(2);
  t.equal(sockets.length, 2);
  t.end();
});

test('a server that no longer closes early is asked over one connection again', (t) => {
  const { sockets, ask, askMany, opened } = setup();
  askMany(2);
  answer(opened(0), 1);
  opened(0).emit('end');
  // One question a connection, two, four …: each after 512 answers.
  for (let n = 1; n < 6 * 512 + 10; n++) {
    for (let i = sockets.length - 1; i >= 0 && sockets[i]?.destroyed === false; i--) {
      answer(opened(i));
      const { queries } = opened(i);
      queries.length = 0;
    }
    ask();
  }
  const before = sockets.length;
  askMany(1_000);
  t.ok(sockets.length - before <= 1, `${sockets.length - before} new ones`);
  t.end();
});

test('what is closed while others are told of a loss is neither asked again nor told', (t) => {
  const { tallies, ask, opened } = setup();
  const first = ask('first.example.', () => second.close());
  opened(0).emit('end');
  const second = ask('second.example.');
  const third = ask('third.example.');
  opened(1).emit('end');
  t.equal(first.heard.errors.length, 1);
  t.same(namesOf(opened(2)), ['third.example.']);
  t.same([second.heard.errors, third.heard.errors], [[], []]);
  t.equal(tallies.sends.get('tcp'), 5);
  t.end();
});
