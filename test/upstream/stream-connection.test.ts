import { test } from 'tap';
import type { Outgoing, UpstreamError } from '../../src/upstream/exchange.ts';
import type { Reply } from '../../src/upstream/reply.ts';
import {
  type InFlight,
  StreamConnection,
  type StreamServer,
} from '../../src/upstream/stream-connection.ts';
import { RrType } from '../../src/wire/codes.ts';
import { putUint16, uint16 } from '../../src/wire/header.ts';
import { readRequest } from '../../src/wire/request.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message, responseOctets } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { outgoing } from './loopback.ts';
import { scriptedDial } from './scripted-socket.ts';

const truth = message({ answer: [a('api.example.', '192.0.2.1')] });

/** A question, and what its listener has heard. */
interface Asked extends InFlight {
  readonly replies: Reply[];
  readonly errors: Error[];
}

/** A connection that has begun; `owner` holds what its owner was told. */
function begin(parts: Partial<Omit<StreamServer, 'dial'>> = {}) {
  const { server, sockets } = scriptedDial(parts);
  const clock = new HandClock();
  const tallies = createUpstreamTallies();
  const owner: { retired: number; lost: { error: UpstreamError; waiting: readonly InFlight[] }[] } =
    { retired: 0, lost: [] };
  const connection = new StreamConnection(server, clock, tallies, {
    onRetired: () => owner.retired++,
    onLost: (error, waiting) => owner.lost.push({ error, waiting }),
  });
  const [socket] = sockets;
  if (socket === undefined) throw new Error('was not dialled');
  const ask = (question: Outgoing = outgoing('api.example.'), edns = true): Asked => {
    const replies: Reply[] = [];
    const errors: Error[] = [];
    const inFlight = {
      ...{ question, edns, replies, errors, fruitless: 0, closed: false },
      listener: {
        onReply: (reply: Reply) => replies.push(reply),
        onFailure: (error: Error) => errors.push(error),
      },
    };
    connection.send(inFlight);
    return inFlight;
  };
  const giveUp = (inFlight: InFlight) => {
    inFlight.closed = true;
    connection.abandon(inFlight);
  };
  /** The answer to the n-th query. */
  const answerTo = (n: number) => responseOctets(socket.queries[n] ?? new Uint8Array(0), truth);
  return { connection, socket, sockets, clock, tallies, owner, ask, giveUp, answerTo };
}

/** The same, with a server that may be written to. */
function opened(parts: Partial<Omit<StreamServer, 'dial'>> = {}) {
  const begun = begin(parts);
  begun.socket.open();
  return begun;
}

test('nothing is written before the server may be told, then all in order (U5)', (t) => {
  const { connection, socket, ask } = begin();
  ask(outgoing('a.example.'));
  ask(outgoing('b.example.'));
  t.same(socket.queries, []);
  t.equal(connection.established, false);
  socket.open();
  t.equal(connection.established, true);
  ask(outgoing('c.example.'));
  t.same(
    socket.queries.map((query) => readRequest(query).question.qname),
    ['a.example.', 'b.example.', 'c.example.'],
  );
  t.end();
});

test('a query is what was asked: DO and CD go along, without EDNS there is no OPT', (t) => {
  const { socket, ask } = opened();
  ask({ ...outgoing('api.example.', RrType.AAAA), dnssecOk: true, checkingDisabled: true });
  ask(outgoing('api.example.'), false);
  const [whole, bare] = socket.queries.map((query) => readRequest(query));
  t.match(whole, { question: { qtype: RrType.AAAA }, edns: { dnssecOk: true } });
  t.equal((whole?.header.flags ?? 0) & 0x10, 0x10, 'CD');
  t.equal(bare?.edns, undefined);
  t.equal((bare?.header.flags ?? 0) & 0x10, 0);
  t.end();
});

test('only what is encrypted is padded, and only in an OPT (RFC 8467)', (t) => {
  const lengths = (padded: boolean) => {
    const { socket, ask } = opened({ padded });
    ask();
    ask(outgoing('api.example.'), false);
    return socket.queries.map(({ length }) => length);
  };
  const question = 12 + 13 + 4;
  t.same(lengths(true), [128, question]);
  t.same(lengths(false), [question + 11, question]);
  t.end();
});

test('an answer reaches who asked, and nobody else', (t) => {
  const { connection, socket, ask, answerTo } = opened();
  const first = ask();
  const second = ask();
  t.equal(connection.waiting, 2);
  socket.arrive(answerTo(1));
  t.same([first.replies.length, second.replies.length], [0, 1]);
  t.same(second.replies[0]?.message, truth);
  t.match(second, { closed: true });
  t.equal(second.connection, undefined);
  t.equal(first.connection, connection);
  t.same([connection.waiting, connection.answered], [1, 1]);
  t.end();
});

test('a second answer to one question is one to none (U3)', (t) => {
  const { connection, socket, tallies, ask, answerTo } = opened();
  const { replies } = ask();
  socket.arrive(answerTo(0), answerTo(0));
  t.equal(replies.length, 1);
  t.equal(tallies.mismatched.value, 1);
  t.equal(connection.answered, 1);
  t.end();
});

test('what is ours but another question is dropped, and waited on (U3)', (t) => {
  const { socket, tallies, ask, answerTo } = opened();
  const { replies, errors } = ask();
  const question = outgoing('evil.example.');
  const id = uint16(socket.queries[0] ?? new Uint8Array(2), 0);
  socket.arrive(responseOctets({ id, question }, truth));
  t.equal(tallies.mismatched.value, 1);
  socket.arrive(answerTo(0));
  t.same([replies.length, errors.length], [1, 0]);
  t.end();
});

test('what is ours but broken fails its question, and names the server (U3)', (t) => {
  const { socket, tallies, ask, answerTo } = opened();
  const { errors, replies } = ask();
  const broken = answerTo(0);
  putUint16(broken, 6, 40);
  socket.arrive(broken, answerTo(0));
  t.match(errors, [
    { reason: 'malformed', message: 'malformed tcp reply from tcp://192.0.2.53:53' },
  ]);
  t.equal(replies.length, 0);
  t.equal(tallies.malformed.value, 1);
  t.end();
});

test('a bug in reading ends its question, not the process', (t) => {
  const { socket, ask, answerTo } = opened();
  let broken = false;
  const { errors } = ask({
    ...outgoing('api.example.'),
    get qname() {
      if (broken) throw new TypeError('a bug');
      return 'api.example.';
    },
  });
  broken = true;
  socket.arrive(answerTo(0));
  t.match(errors, [{ name: 'TypeError', message: 'a bug' }]);
  t.end();
});

test('who gave up hears nothing: the late answer is still known for what it is', (t) => {
  const { connection, socket, tallies, ask, giveUp, answerTo } = opened();
  const given = ask();
  giveUp(given);
  t.equal(connection.waiting, 0);
  t.equal(given.connection, undefined);
  socket.arrive(answerTo(0));
  t.same([given.replies.length, tallies.mismatched.value, connection.answered], [0, 0, 1]);
  t.equal(connection.waiting, 0);
  t.end();
});

test('closed by the server: the owner is told once, with what waits, oldest first', (t) => {
  const error = Object.assign(new Error('gone'), { code: 'ECONNRESET' });
  const endings: [string, string][] = [
    ['end', 'tcp connection to tcp://192.0.2.53:53 was closed by the server'],
    ['close', 'tcp connection to tcp://192.0.2.53:53 was closed by the server'],
    ['error', 'tcp socket to tcp://192.0.2.53:53: ECONNRESET'],
  ];
  for (const [ending, says] of endings) {
    const { connection, socket, clock, owner, ask, giveUp } = opened();
    const first = ask();
    giveUp(ask());
    const last = ask();
    if (ending === 'error') socket.emit('error', error);
    else socket.emit(ending);
    t.equal(
      owner.lost.length,
      ending === 'error' ? 0 : 1,
      'a half-closed one has said its last word',
    );
    socket.emit('close');
    t.equal(owner.lost.length, 1, ending);
    t.match(owner.lost[0]?.error, { reason: 'network', message: says });
    const waiting = owner.lost[0]?.waiting ?? [];
    t.ok(waiting.length === 2 && waiting[0] === first && waiting[1] === last, 'two still wait');
    t.equal(first.connection, undefined);
    t.equal(connection.waiting, 0);
    t.equal(socket.destroyed, true);
    t.equal(clock.timers, 0);
  }
  t.end();
});

test('destroyed: the owner knows, and nothing is said or written any more', (t) => {
  const { connection, socket, clock, tallies, owner, ask, giveUp } = begin();
  const first = ask();
  giveUp(ask());
  const waiting = connection.destroy();
  t.ok(waiting.length === 1 && waiting[0] === first);
  socket.open();
  socket.arrive(new Uint8Array(12));
  socket.emit('close');
  t.same(socket.queries, []);
  t.equal(connection.established, false);
  t.equal(tallies.mismatched.value, 0);
  t.same(owner, { retired: 0, lost: [] });
  t.equal(clock.timers, 0);
  t.same(begin().connection.destroy(), [], 'also before anything was asked');
  t.end();
});

test('what rests does not keep the process alive, what waits does', (t) => {
  const { socket, ask, giveUp, answerTo } = opened();
  ask();
  t.equal(socket.keepsAlive, true);
  socket.arrive(answerTo(0));
  t.equal(socket.keepsAlive, false);
  const given = ask();
  t.equal(socket.keepsAlive, true);
  giveUp(given);
  t.equal(socket.keepsAlive, false);
  t.end();
});

test('a rest of 5 s ends it, a question in between begins another', async (t) => {
  const { socket, clock, owner, ask, giveUp, answerTo } = opened();
  giveUp(ask());
  await clock.advance(4_999);
  ask();
  socket.arrive(answerTo(1));
  await clock.advance(4_999);
  t.equal(owner.lost.length, 0);
  await clock.advance(1);
  t.match(owner, { retired: 0, lost: [{ waiting: [] }] });
  t.equal(clock.timers, 0);
});

test('silent for as long as it may be: no more questions, until what waits is over', async (t) => {
  const { socket, clock, owner, ask, answerTo } = opened();
  const { replies } = ask();
  await clock.advance(249);
  t.equal(owner.retired, 0);
  await clock.advance(1);
  t.equal(owner.retired, 1);
  await clock.advance(10_000);
  t.equal(owner.lost.length, 0);
  socket.arrive(answerTo(0), new Uint8Array(12));
  t.equal(replies.length, 1);
  t.equal(owner.lost.length, 1);
  t.equal(clock.timers, 0);
});

test('silence counts from the last word, and from the oldest question that still waits', async (t) => {
  const talking = opened();
  talking.ask();
  talking.ask();
  await talking.clock.advance(100);
  talking.socket.arrive(talking.answerTo(0));
  await talking.clock.advance(249);
  t.equal(talking.owner.retired, 0);
  await talking.clock.advance(1);
  t.equal(talking.owner.retired, 1);

  const waiting = opened();
  const given = waiting.ask();
  await waiting.clock.advance(100);
  waiting.ask();
  waiting.giveUp(given);
  await waiting.clock.advance(249);
  t.equal(waiting.owner.retired, 0);
  await waiting.clock.advance(1);
  t.equal(waiting.owner.retired, 1);
});

test('retired while it rests: closed at once; retired again: said once', (t) => {
  const resting = opened();
  resting.connection.retire();
  t.match(resting.owner, { retired: 1, lost: [{ waiting: [] }] });
  const busy = opened();
  const given = busy.ask();
  busy.connection.retire();
  busy.connection.retire();
  t.same(busy.owner, { retired: 1, lost: [] });
  busy.giveUp(given);
  t.equal(busy.owner.lost.length, 1, 'nobody waits any more');
  t.end();
});

test('retired, it stays until the last of those that wait is answered', (t) => {
  const { connection, socket, owner, ask, answerTo } = opened();
  const first = ask();
  const last = ask();
  connection.retire();
  socket.arrive(answerTo(0));
  t.equal(owner.lost.length, 0);
  socket.arrive(answerTo(1));
  t.equal(owner.lost.length, 1);
  t.same([first.replies.length, last.replies.length], [1, 1]);
  t.end();
});

test('what comes behind the last answer of a retired one is not read any more', (t) => {
  const { connection, socket, tallies, ask, answerTo } = opened();
  ask();
  connection.retire();
  socket.arrive(new Uint8Array(12), answerTo(0), new Uint8Array(12));
  t.equal(tallies.mismatched.value, 1, 'what came before');
  t.end();
});

test('1,024 IDs, answered or not, are all that one connection takes (S1)', (t) => {
  const { socket, owner, ask, giveUp } = opened();
  for (let i = 0; i < 1_023; i++) giveUp(ask());
  t.equal(owner.retired, 0);
  ask();
  t.equal(owner.retired, 1);
  t.equal(new Set(socket.queries.map((query) => uint16(query, 0))).size, 1_024);
  t.end();
});

/** A connection whose first socket does not open, and a question that waits. */
function undecided() {
  const begun = begin({ redialAfter: 30 });
  return { ...begun, asked: begun.ask() };
}

test('a socket that does not open gets others beside it, six in all (U2)', async (t) => {
  const { clock, sockets, connection } = undecided();
  await clock.advance(29);
  t.equal(sockets.length, 1);
  await clock.advance(1);
  t.equal(sockets.length, 2);
  await clock.advance(1_000);
  t.equal(sockets.length, 6);
  connection.destroy();
  t.ok(sockets.every(({ destroyed }) => destroyed));
  t.equal(clock.timers, 0);
});

test('the first socket that opens has the questions, each once; the others are closed (U2)', async (t) => {
  const { clock, sockets, owner, ask, asked, connection } = undecided();
  await clock.advance(60);
  const [first, second, third] = sockets;
  second?.open();
  t.equal(connection.established, true);
  first?.open();
  t.same([first?.destroyed, second?.destroyed, third?.destroyed], [true, false, true]);
  for (const socket of [first, third]) socket?.emit('close');
  t.equal(owner.lost.length, 0);
  ask();
  t.same(
    sockets.map(({ queries }) => queries.length),
    [0, 2, 0],
  );
  second?.arrive(responseOctets(second.queries[0] ?? new Uint8Array(0), truth));
  t.equal(asked.replies.length, 1);
  await clock.advance(200);
  t.equal(sockets.length, 3, 'and no more are opened');
});

test('refused alone it is lost at once; beside others that may open it is not, and says nothing later (U2)', async (t) => {
  const error = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  const alone = undecided();
  alone.socket.emit('error', error);
  alone.socket.emit('close');
  t.match(alone.owner.lost, [{ error: { reason: 'refused' } }]);
  t.equal(alone.clock.timers, 0);
  const { clock, sockets, owner } = undecided();
  await clock.advance(30);
  const [first, second] = sockets;
  second?.emit('error', error);
  second?.emit('close');
  t.equal(owner.lost.length, 0);
  first?.open();
  first?.emit('close');
  t.match(owner.lost, [{ error: { reason: 'network' } }]);
});

test('no socket is opened where nothing waits, or to a server that is not to be dialled twice', async (t) => {
  const given = undecided();
  given.giveUp(given.asked);
  await given.clock.advance(30);
  t.equal(given.sockets.length, 1);
  given.ask();
  await given.clock.advance(30);
  t.equal(given.sockets.length, 2, 'until something waits again');
  const once = begin();
  once.ask();
  await once.clock.advance(1_000);
  t.equal(once.sockets.length, 1);
});
