import { test } from 'tap';
import type { AskListener } from '../../src/upstream/ask-parts.ts';
import {
  type Again,
  type Outgoing,
  UpstreamError,
  type UpstreamFailure,
} from '../../src/upstream/exchange.ts';
import { type FailoverServer, succession } from '../../src/upstream/succession.ts';
import { FAILURE_REASONS } from '../../src/vocabulary.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { HandClock, settle } from '../support/hand-clock.ts';
import { a, message, nxdomain } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { outgoing } from './loopback.ts';
import { promised } from './promised.ts';

/** A server whose words are the test's. */
class FakeServer implements FailoverServer {
  dead = false;
  doubtful = false;
  isClosed = false;
  agains = 0;
  private deathListener = () => {};
  readonly asked: { listener: AskListener; cancelled: boolean }[] = [];

  expectedRoundTrip(): undefined {
    return undefined;
  }

  begin(_question: Outgoing, listener: AskListener) {
    const ask = { listener, cancelled: false };
    this.asked.push(ask);
    return {
      again: () => {
        this.agains++;
      },
      cancel: () => {
        ask.cancelled = true;
      },
    };
  }

  onDeath(listener: () => void): void {
    this.deathListener = listener;
  }

  die(): void {
    this.dead = true;
    this.deathListener();
  }

  close(): void {
    this.isClosed = true;
  }

  get last(): AskListener {
    const listener = this.asked.at(-1)?.listener;
    if (listener === undefined) throw new Error('was not asked');
    return listener;
  }

  answer(word: Message): void {
    this.last.onAnswer(word);
  }

  fail(reason: UpstreamFailure): void {
    this.last.onFailure(new UpstreamError(reason, `scripted: ${reason}`));
  }
}

/** @param shape - How many equals each group has. */
function setup(...shape: number[]) {
  const clock = new HandClock();
  const groups = shape.map((count) => Array.from({ length: count }, () => new FakeServer()));
  const tallies = createUpstreamTallies();
  const upstream = promised(succession({ name: 'udp://192.0.2.53:53', groups, clock, tallies }));
  const servers = groups.flat();
  const counts = () => servers.map(({ asked }) => asked.length);
  const ask = () => upstream.ask(outgoing('api.example.'));
  return { clock, servers, tallies, upstream, counts, ask };
}

const truth = message({ answer: [a('api.example.', '192.0.2.1')] });
const servfail = message({ rcode: Rcode.SERVFAIL });
const refused = message({ rcode: Rcode.REFUSED });

test('the first server answers: the second hears nothing of it (U1)', async (t) => {
  const { clock, servers, counts, ask, tallies } = setup(1, 1);
  const answer = ask();
  await clock.advance(999);
  servers[0]?.answer(truth);
  t.same(await answer, truth);
  t.same(counts(), [1, 0]);
  t.equal(tallies.failovers.value, 0);
  t.equal(clock.timers, 0);
  servers[0]?.die();
  t.same(counts(), [1, 0], 'nor later: who has an answer waits for nobody');
});

test('NXDOMAIN of the first is an answer: nobody else is asked for a better one (U1)', async (t) => {
  const { servers, counts, ask } = setup(1, 1);
  const answer = ask();
  servers[0]?.answer(nxdomain('example.'));
  t.equal((await answer).rcode, Rcode.NXDOMAIN);
  t.same(counts(), [1, 0]);
});

test('the second is asked after 1 s of silence, and the first may still win (U1)', async (t) => {
  for (const winner of [0, 1]) {
    const { clock, servers, tallies, counts, ask } = setup(1, 1);
    const answer = ask();
    await clock.advance(999);
    t.same(counts(), [1, 0]);
    await clock.advance(1);
    t.same(counts(), [1, 1]);
    t.equal(servers[0]?.asked[0]?.cancelled, false, 'the first stays open');
    servers[winner]?.answer(truth);
    t.same(await answer, truth);
    t.equal(servers[1 - winner]?.asked[0]?.cancelled, true, 'the other is closed');
    t.equal(tallies.failovers.value, 1);
    t.equal(clock.timers, 0);
  }
});

test('each further silence asks one more (U1)', async (t) => {
  const { clock, tallies, counts, ask } = setup(1, 1, 1);
  void ask();
  await clock.advance(1_999);
  t.same(counts(), [1, 1, 0]);
  await clock.advance(1);
  t.same(counts(), [1, 1, 1]);
  t.equal(tallies.failovers.value, 2);
});

test('a late answer of the first wins when the second fails (U1)', async (t) => {
  const { clock, servers, ask } = setup(1, 1);
  const answer = ask();
  await clock.advance(1_000);
  servers[1]?.answer(refused);
  await clock.advance(2_500);
  servers[0]?.answer(truth);
  t.same(await answer, truth);
});

test('the second is asked at once on refusal, or an RCODE that is no answer (U1)', async (t) => {
  const words: ((server: FakeServer | undefined) => void)[] = [
    (server) => server?.fail('refused'),
    (server) => server?.fail('network'),
    (server) => server?.fail('malformed'),
    (server) => server?.answer(servfail),
    (server) => server?.answer(refused),
    (server) => server?.answer(message({ rcode: Rcode.FORMERR })),
    (server) => server?.answer(message({ rcode: Rcode.NOTIMP })),
  ];
  for (const say of words) {
    const { servers, counts, ask } = setup(1, 1);
    const answer = ask();
    say(servers[0]);
    t.same(counts(), [1, 1]);
    servers[1]?.answer(truth);
    t.same(await answer, truth);
  }
});

test('NOERROR and NXDOMAIN are answers, and no other server is asked (U1)', async (t) => {
  for (const word of [message(), nxdomain('example.')]) {
    const { servers, counts, ask } = setup(1, 1);
    const answer = ask();
    servers[0]?.answer(word);
    t.same(await answer, word);
    t.same(counts(), [1, 0]);
  }
});

test('a client that asks again has each server asked again that has not answered, and none later (L5)', async (t) => {
  const { clock, servers, upstream } = setup(1, 1, 1);
  const again: Again = {};
  const answer = upstream.ask(outgoing('api.example.'), { again });
  await clock.advance(1_000);
  again.send?.();
  t.same(
    servers.map(({ agains }) => agains),
    [1, 1, 0],
  );
  servers[1]?.answer(servfail);
  again.send?.();
  t.same(
    servers.map(({ agains }) => agains),
    [2, 1, 1],
  );
  servers[0]?.answer(truth);
  t.same(await answer, truth);
  t.equal(again.send, undefined);
});

test('a datagram that is refused asks the second at once, and the first is still heard (U2)', async (t) => {
  const { servers, counts, ask, clock } = setup(1, 1);
  const answer = ask();
  servers[0]?.last.onRefused();
  t.same(counts(), [1, 1]);
  servers[0]?.last.onRefused();
  t.same(counts(), [1, 1], 'no server is asked twice');
  servers[0]?.answer(truth);
  t.same(await answer, truth);
  t.equal(clock.timers, 0);
  const alone = setup(1);
  const waiting = alone.ask();
  alone.servers[0]?.last.onRefused();
  alone.servers[0]?.answer(truth);
  t.same(await waiting, truth, 'where there is no second, it counts as lost');
});

test('the second is asked 100 ms after a reply of the first that cannot be read, which may still have a better one (U1)', async (t) => {
  const { servers, counts, ask, clock } = setup(1, 1);
  const answer = ask();
  servers[0]?.last.onUnread();
  await clock.advance(99);
  t.same(counts(), [1, 0]);
  await clock.advance(1);
  t.same(counts(), [1, 1]);
  servers[0]?.last.onUnread();
  await clock.advance(100);
  t.same(counts(), [1, 1], 'no server is asked twice');
  servers[0]?.answer(truth);
  t.same(await answer, truth);
  t.equal(clock.timers, 0);
});

test('a SERVFAIL of the second does not wait for a first whose datagrams are refused (U2)', async (t) => {
  const { servers, ask, clock } = setup(1, 1);
  const answer = ask();
  servers[0]?.last.onRefused();
  servers[1]?.answer(servfail);
  t.same(await answer, servfail);
  t.equal(clock.timers, 0);
});

test('a SERVFAIL of the first waits 1 s for a second whose datagrams are refused: it may still have the answer (F5)', async (t) => {
  const { servers, counts, ask, clock } = setup(1, 1, 1);
  const answer = ask();
  servers[0]?.answer(servfail);
  servers[1]?.last.onRefused();
  t.same(counts(), [1, 1, 1]);
  servers[2]?.last.onRefused();
  t.equal(await waitOf(answer, clock), 1_000);
  t.same(await now(answer), servfail);
  t.equal(clock.timers, 0);
});

test('with a SERVFAIL of the first, a second whose reply cannot be read has 100 ms for a better one (U1)', async (t) => {
  const { servers, ask, clock } = setup(1, 1);
  const answer = ask();
  servers[0]?.answer(servfail);
  servers[1]?.last.onUnread();
  t.equal(await waitOf(answer, clock), 100);
  t.same(await now(answer), servfail);
  t.equal(clock.timers, 0);
});

test('when the next fails too, the first word stands: a SERVFAIL is returned, not thrown (U1)', async (t) => {
  const { servers, ask, clock } = setup(1, 1, 1);
  const answer = ask();
  servers[0]?.fail('refused');
  servers[1]?.answer(servfail);
  servers[2]?.answer(refused);
  t.same(await answer, servfail);
  t.equal(clock.timers, 0);
});

test('the first server has the first word, however late (U1)', async (t) => {
  const { clock, servers, ask } = setup(1, 1);
  const answer = ask();
  await clock.advance(1_000);
  servers[1]?.answer(refused);
  servers[0]?.answer(servfail);
  t.same(await answer, servfail);
});

test('a failure of one that silence has moved on from asks nobody else (U1)', async (t) => {
  const { clock, servers, counts, ask } = setup(1, 1, 1);
  const answer = ask();
  await clock.advance(1_000);
  servers[0]?.fail('refused');
  t.same(counts(), [1, 1, 0]);
  servers[1]?.answer(truth);
  t.same(await answer, truth);
});

test('a failure of the one asked last asks the next at once, whoever else is silent (U1)', async (t) => {
  const { clock, servers, counts, ask } = setup(1, 1, 1);
  void ask();
  await clock.advance(1_000);
  servers[1]?.fail('refused');
  t.same(counts(), [1, 1, 1]);
});

test('one that comes back is asked when all others have failed (U1)', async (t) => {
  const { clock, servers, counts, ask } = setup(1, 1, 1);
  const [first, second, third] = servers;
  third?.die();
  const answer = ask();
  await clock.advance(1_000);
  second?.answer(servfail);
  t.same(counts(), [1, 1, 0], 'a dead one has nothing better than the word that is there');
  if (third !== undefined) third.dead = false;
  first?.fail('network');
  t.same(counts(), [1, 1, 1]);
  third?.answer(truth);
  t.same(await answer, truth);
});

test('where nobody has said anything, even one that is known dead is asked (U1)', async (t) => {
  const { servers, counts, ask } = setup(1, 1);
  servers[1]?.die();
  const answer = ask();
  servers[0]?.fail('refused');
  t.same(counts(), [1, 1]);
  servers[1]?.answer(truth);
  t.same(await answer, truth);
});

test('with a word in hand, silence of the next is waited for 1 s, not 4.5 s', async (t) => {
  const { clock, servers, ask } = setup(1, 1);
  const answer = ask();
  servers[0]?.answer(servfail);
  await clock.advance(999);
  t.equal(await now(answer), undefined);
  await clock.advance(1);
  t.same(await answer, servfail);
});

test('a word does not end the wait for one before it, though one behind it is silent too (U1)', async (t) => {
  const { clock, servers, counts, ask } = setup(1, 1, 1);
  const answer = ask();
  await clock.advance(1_000);
  servers[1]?.answer(servfail);
  t.same(counts(), [1, 1, 1]);
  await clock.advance(3_499);
  servers[0]?.answer(truth);
  t.same(await answer, truth);
});

test('a word that comes after the patience is over is given 1 s too', async (t) => {
  const { clock, servers, ask } = setup(1, 1);
  const answer = ask();
  await clock.advance(2_500);
  servers[0]?.answer(servfail);
  await clock.advance(999);
  t.equal(await now(answer), undefined);
  await clock.advance(1);
  t.same(await answer, servfail);
});

test('nobody has a word: what went wrong first is told, and counted', async (t) => {
  const { servers, tallies, ask } = setup(1, 1);
  const answer = ask();
  servers[0]?.fail('refused');
  servers[1]?.fail('network');
  await t.rejects(answer, { name: 'UpstreamError', reason: 'refused' });
  t.equal(tallies.failures.get('refused'), 1);
});

test('a bug is passed on as it is: it is no failure of the servers', async (t) => {
  const { servers, tallies, ask } = setup(1);
  const answer = ask();
  servers[0]?.last.onFailure(new TypeError('a bug'));
  await t.rejects(answer, { name: 'TypeError', message: 'a bug' });
  t.ok(FAILURE_REASONS.every((reason) => tallies.failures.get(reason) === 0));
});

test('all silent: over at 4.5 s (U2)', async (t) => {
  const { clock, tallies, ask } = setup(1, 1);
  const message = 'no answer from udp://192.0.2.53:53';
  const failed = t.rejects(ask(), { name: 'UpstreamError', reason: 'timeout', message });
  await clock.advance(4_499);
  t.equal(tallies.failures.get('timeout'), 0);
  await clock.advance(1);
  await failed;
  t.equal(tallies.failures.get('timeout'), 1);
  t.equal(clock.timers, 0);
});

test('the deadline counts from where the question came from (U2)', async (t) => {
  const { clock, tallies, upstream } = setup(1);
  await clock.advance(500);
  const progress = { onSlow: () => undefined, since: 100 };
  const failed = t.rejects(upstream.ask(outgoing('api.example.'), progress), {
    name: 'UpstreamError',
  });
  await clock.advance(4_099);
  t.equal(tallies.failures.get('timeout'), 0);
  await clock.advance(1);
  await failed;
});

test('who has waited elsewhere for 4 s has half a second left, less than silence takes (U2)', async (t) => {
  const { clock, tallies, upstream } = setup(1, 1);
  await clock.advance(4_000);
  const progress = { onSlow: () => undefined, since: 0 };
  const failed = t.rejects(upstream.ask(outgoing('api.example.'), progress));
  await clock.advance(499);
  t.equal(tallies.failures.get('timeout'), 0);
  await clock.advance(1);
  await failed;
  t.equal(tallies.failures.get('timeout'), 1);
});

test('one failure after the other does not prolong the 4.5 s (U2)', async (t) => {
  const { clock, servers, ask } = setup(1, 1, 1, 1, 1, 1);
  const failed = t.rejects(ask(), { name: 'UpstreamError', reason: 'network' });
  for (const server of servers.slice(0, 4)) {
    await clock.advance(900);
    server.fail('network');
  }
  await clock.advance(900);
  await failed;
  t.equal(clock.timers, 0);
});

test('while the first is known dead the others go first, and it is not waited for (U1)', async (t) => {
  const { servers, counts, ask } = setup(1, 1);
  const [first, second] = servers;
  if (first !== undefined) first.dead = true;
  const answer = ask();
  t.same(counts(), [0, 1]);
  second?.answer(servfail);
  t.same(await answer, servfail, 'a dead one has nothing better');
  t.same(counts(), [0, 1]);
});

test('all known dead: all are asked at once, and waited for, since one may be back (U2)', async (t) => {
  const { clock, servers, counts, ask } = setup(1, 1);
  for (const server of servers) server.dead = true;
  const failed = t.rejects(ask(), { name: 'UpstreamError', reason: 'timeout' });
  t.same(counts(), [1, 1]);
  await clock.advance(4_499);
  t.ok(servers.every(({ asked }) => asked.length === 1));
  await clock.advance(1);
  await failed;
  const answer = ask();
  servers[1]?.answer(truth);
  t.same(await answer, truth, 'one that has come back is heard');
});

test('some known dead: the others have their 4.5 s (U2)', async (t) => {
  const { clock, servers, counts, ask } = setup(1, 1);
  servers[1]?.die();
  const answer = ask();
  await clock.advance(4_499);
  t.same(counts(), [1, 1]);
  servers[0]?.answer(truth);
  t.same(await answer, truth);
});

test('among equals the first resend goes to another, once (U1)', async (t) => {
  const { servers, counts, ask } = setup(3, 1);
  const answer = ask();
  const asked = servers.find(({ asked }) => asked.length > 0);
  t.equal(asked?.last.takeResend(), true);
  t.equal(asked?.last.takeResend(), false);
  t.same(counts().toSorted(), [0, 0, 1, 1]);
  const other = servers.find((server) => server !== asked && server.asked.length > 0);
  t.equal(other?.last.takeResend(), false);
  other?.answer(truth);
  t.same(await answer, truth);
});

test('no resend goes to the next group, which is no equal, nor to a dead one, nor to nobody (U1)', (t) => {
  const ordered = setup(1, 1);
  void ordered.ask();
  t.equal(ordered.servers[0]?.last.takeResend(), false);
  t.same(ordered.counts(), [1, 0]);
  const withDead = setup(2);
  const [, second] = withDead.servers;
  if (second !== undefined) second.dead = true;
  void withDead.ask();
  t.equal(withDead.servers[0]?.last.takeResend(), false);
  const alone = setup(1);
  void alone.ask();
  t.equal(alone.servers[0]?.last.takeResend(), false);
  t.end();
});

test('no resend goes to an equal where silence has moved on already (U1)', async (t) => {
  const { clock, servers, counts, ask } = setup(3);
  void ask();
  const first = servers.find(({ asked }) => asked.length > 0);
  await clock.advance(1_000);
  t.equal(first?.last.takeResend(), false);
  t.same(counts().toSorted(), [0, 1, 1]);
});

test('who waits for a server that is found dead goes on to the next one at once (U1)', async (t) => {
  const { servers, counts, ask } = setup(1, 1);
  const answer = ask();
  servers[0]?.die();
  t.same(counts(), [1, 1]);
  servers[1]?.answer(truth);
  t.same(await answer, truth);
  const both = setup(1, 1);
  both.ask().catch(() => undefined);
  both.servers[0]?.die();
  both.servers[1]?.die();
  t.same(both.counts(), [1, 1], 'each once');
  t.equal(both.tallies.failovers.value, 1);
  both.upstream.close();
});

test('the death of another changes nothing, nor does going on to one that is dead (U1)', (t) => {
  const { servers, counts, ask } = setup(1, 1, 1);
  const [first, second, third] = servers;
  void ask();
  third?.die();
  t.same(counts(), [1, 0, 0]);
  second?.die();
  first?.die();
  t.same(counts(), [1, 0, 0]);
  t.end();
});

test('no resend goes to an equal that is in doubt (U6)', (t) => {
  const { servers, counts, ask } = setup(2);
  for (const server of servers) server.doubtful = true;
  void ask();
  t.equal(servers.find(({ asked }) => asked.length > 0)?.last.takeResend(), false);
  t.equal(
    counts().reduce((sum, count) => sum + count),
    1,
  );
  t.end();
});

test('the second of a pair does not wait through a silence that the first has waited through (U1)', async (t) => {
  const { clock, upstream, counts } = setup(1, 1);
  await clock.advance(500);
  const progress = { onSlow: () => undefined, silentSince: 100 };
  void upstream.ask(outgoing('api.example.', RrType.AAAA), progress);
  await clock.advance(599);
  t.same(counts(), [1, 0]);
  await clock.advance(1);
  t.same(counts(), [1, 1]);
});

test('a server in doubt is waited for 150 ms: others have waited 1 s for it in vain (U1)', async (t) => {
  const { clock, servers, counts, ask } = setup(1, 1);
  const [first, second] = servers;
  if (first !== undefined) first.doubtful = true;
  const answer = ask();
  await clock.advance(149);
  t.same(counts(), [1, 0]);
  await clock.advance(1);
  t.same(counts(), [1, 1]);
  t.equal(first?.asked[0]?.cancelled, false, 'the first stays open');
  second?.answer(truth);
  t.same(await answer, truth);
  t.equal(clock.timers, 0);
});

test('a server in doubt that replies to anybody within 150 ms is waited for 1 s (U1)', async (t) => {
  const { clock, servers, counts, ask } = setup(1, 1);
  const [first] = servers;
  if (first !== undefined) first.doubtful = true;
  void ask();
  await clock.advance(149);
  if (first !== undefined) first.doubtful = false;
  await clock.advance(850);
  t.same(counts(), [1, 0]);
  await clock.advance(1);
  t.same(counts(), [1, 1]);
});

test('a server in doubt is waited for 1 s where no other is better (U1)', async (t) => {
  for (const shape of [[1], [1, 1]]) {
    const { clock, servers, counts, upstream, ask } = setup(...shape);
    for (const server of servers) server.doubtful = true;
    let slow = 0;
    void upstream.ask(outgoing('api.example.'), { onSlow: () => slow++ });
    void ask();
    await clock.advance(999);
    t.same(counts(), shape.length === 1 ? [2] : [2, 0]);
    t.equal(slow, 0);
    await clock.advance(1);
    t.same(counts(), shape.length === 1 ? [2] : [2, 2]);
    t.equal(slow, 1);
  }
});

test('of three servers the third is asked 300 ms after two in doubt (U1)', async (t) => {
  const { clock, servers, counts, ask } = setup(1, 1, 1);
  for (const server of servers.slice(0, 2)) server.doubtful = true;
  void ask();
  await clock.advance(299);
  t.same(counts(), [1, 1, 0]);
  await clock.advance(1);
  t.same(counts(), [1, 1, 1]);
});

test('what is left of 1 s is less than 150 ms: a server in doubt has no more (U1)', async (t) => {
  const { clock, servers, upstream, counts } = setup(1, 1);
  const [first] = servers;
  if (first !== undefined) first.doubtful = true;
  await clock.advance(950);
  void upstream.ask(outgoing('api.example.', RrType.AAAA), {
    onSlow: () => undefined,
    silentSince: 0,
  });
  await clock.advance(49);
  t.same(counts(), [1, 0]);
  await clock.advance(1);
  t.same(counts(), [1, 1]);
});

test('a resend to an equal does not prolong the silence of its group (U1)', async (t) => {
  const { clock, servers, counts, ask } = setup(2, 1);
  void ask();
  await clock.advance(150);
  servers.find(({ asked }) => asked.length > 0)?.last.takeResend();
  await clock.advance(849);
  t.same(counts(), [1, 1, 0]);
  await clock.advance(1);
  t.same(counts(), [1, 1, 1]);
});

test('slowness is told once, whoever is slow (F2)', async (t) => {
  const { clock, servers, upstream } = setup(1, 1);
  let slow = 0;
  void upstream.ask(outgoing('api.example.'), { onSlow: () => slow++ });
  servers[0]?.last.onSlow();
  t.equal(slow, 1);
  await clock.advance(1_000);
  servers[1]?.last.onSlow();
  t.equal(slow, 1);
});

test('1 s of silence is slow, also where one of two equals has failed meanwhile (F2)', async (t) => {
  const { clock, servers, upstream } = setup(2);
  let slow = 0;
  void upstream.ask(outgoing('api.example.'), { onSlow: () => slow++ });
  const first = servers.find(({ asked }) => asked.length > 0);
  await clock.advance(150);
  first?.last.takeResend();
  await clock.advance(350);
  first?.fail('network');
  await clock.advance(499);
  t.equal(slow, 0);
  await clock.advance(1);
  t.equal(slow, 1);
});

test('closing rejects what is in flight, and closes every server', async (t) => {
  const { clock, servers, upstream, ask } = setup(2, 1);
  const message = 'udp://192.0.2.53:53 was closed';
  const failed = t.rejects(ask(), { name: 'UpstreamError', reason: 'closed', message });
  upstream.close();
  await failed;
  await t.rejects(ask(), { name: 'UpstreamError', reason: 'closed' }, 'what comes later too');
  t.ok(servers.every(({ isClosed }) => isClosed));
  t.equal(clock.timers, 0);
});

/** Winds the clock by milliseconds until there is an answer. @returns How many that took. */
async function waitOf(promise: Promise<Message>, clock: HandClock): Promise<number> {
  for (let waited = 0; waited < 10_000; waited++) {
    if ((await now(promise)) !== undefined) return waited;
    await clock.advance(1);
  }
  throw new Error('no answer');
}

/** What the promise holds by now. */
async function now(promise: Promise<Message>): Promise<Message | undefined> {
  return Promise.race([promise, settle().then(() => undefined)]);
}
