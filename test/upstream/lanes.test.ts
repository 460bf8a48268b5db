import { test } from 'tap';
import type { Outgoing, Upstream, Waited } from '../../src/upstream/exchange.ts';
import { type LaneOrder, lanes, type PairOrder } from '../../src/upstream/lanes.ts';
import { RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { HandClock, settle } from '../support/hand-clock.ts';
import { message } from '../support/messages.ts';
import { outgoing } from './loopback.ts';
import { promised } from './promised.ts';

interface Asked {
  readonly question: Outgoing;
  readonly waited: Waited | undefined;
  readonly onSlow: () => void;
  readonly answer: (message: Message) => void;
  readonly fail: (error: Error) => void;
}

function setup(order: LaneOrder, stagger?: PairOrder) {
  const clock = new HandClock();
  const asked: Asked[] = [];
  const upstream: Upstream & { isClosed: boolean } = {
    name: 'udp://192.0.2.53:53',
    isClosed: false,
    ask: (question, listener, waited) => {
      asked.push({
        question,
        waited,
        onSlow: () => listener.onSlow?.(),
        answer: (said) => listener.onAnswer(said),
        fail: (error) => listener.onFailure(error),
      });
    },
    close: () => {
      upstream.isClosed = true;
    },
  };
  const laned = promised(lanes({ order, upstream, clock, staggerOf: () => stagger }));
  const types = () => asked.map(({ question }) => question.qtype);
  return { clock, asked, upstream, laned, types };
}

const A = outgoing('api.example.');
const AAAA = outgoing('api.example.', RrType.AAAA);
const serial: LaneOrder = { kind: 'serial' };

test('serial: the second of a pair goes when the first is answered (F2)', async (t) => {
  const { asked, laned, types } = setup(serial);
  const first = laned.ask(AAAA);
  const second = laned.ask(A);
  t.same(types(), [RrType.AAAA], 'in the order they came');
  asked[0]?.answer(message({ rcode: 3 }));
  t.same(await first, message({ rcode: 3 }));
  await settle();
  t.same(types(), [RrType.AAAA, RrType.A]);
  asked[1]?.answer(message());
  t.same(await second, message());
});

test('serial: the second goes when the timer of the first fires (F2)', async (t) => {
  const { asked, laned, types } = setup(serial);
  void laned.ask(A);
  void laned.ask(AAAA);
  asked[0]?.onSlow();
  t.same(types(), [RrType.A, RrType.AAAA]);
  t.doesNotThrow(() => asked[1]?.onSlow(), 'nobody need wait above');
});

test('serial: the second goes when the first fails, and is not told of it', async (t) => {
  const { asked, laned } = setup(serial);
  const first = laned.ask(A);
  const second = laned.ask(AAAA);
  asked[0]?.fail(new Error('silent'));
  await t.rejects(first, new Error('silent'));
  await settle();
  asked[1]?.answer(message());
  t.same(await second, message());
});

test('a timer and an answer release one question, not two (F2)', async (t) => {
  const { asked, laned, types } = setup(serial);
  void laned.ask(A);
  void laned.ask(AAAA);
  void laned.ask(A);
  asked[0]?.onSlow();
  asked[0]?.onSlow();
  asked[0]?.answer(message());
  await settle();
  t.same(types(), [RrType.A, RrType.AAAA]);
  asked[1]?.answer(message());
  await settle();
  t.same(types(), [RrType.A, RrType.AAAA, RrType.A]);
});

test('whoever waits above hears of the timer too', async (t) => {
  const { asked, laned } = setup(serial);
  const heard: string[] = [];
  void laned.ask(A, { onSlow: () => heard.push('A') });
  void laned.ask(AAAA, { onSlow: () => heard.push('AAAA') });
  asked[0]?.onSlow();
  asked[1]?.onSlow();
  t.same(heard, ['A', 'AAAA']);
});

test('the time in the lane counts towards the deadline (U2)', async (t) => {
  const { asked, clock, laned } = setup(serial);
  await clock.advance(1_000);
  void laned.ask(A);
  void laned.ask(AAAA);
  await clock.advance(150);
  asked[0]?.onSlow();
  t.equal(asked[1]?.waited?.since, 1_000);
});

test('the time before the lane counts too (U2)', async (t) => {
  const { clock, asked, laned } = setup(serial);
  void laned.ask(A);
  await clock.advance(400);
  void laned.ask(AAAA, { onSlow: () => undefined, since: 100 });
  asked[0]?.onSlow();
  t.equal(asked[1]?.waited?.since, 100);
});

test('whoever waits for one that stays silent is told since when; after an answer there is no silence (U1)', async (t) => {
  const { asked, clock, laned } = setup(serial);
  await clock.advance(1_000);
  void laned.ask(A);
  void laned.ask(AAAA);
  await clock.advance(150);
  asked[0]?.onSlow();
  t.equal(asked[1]?.waited?.silentSince, 1_000);
  const answered = setup(serial);
  void answered.laned.ask(A);
  void answered.laned.ask(AAAA);
  answered.asked[0]?.answer(message());
  await settle();
  t.equal(answered.asked.length, 2);
  t.equal(answered.asked[1]?.waited?.silentSince, undefined);
});

test('different names, classes, DO and CD do not wait for each other', (t) => {
  const { asked, laned } = setup(serial);
  const others: Outgoing[] = [
    outgoing('www.example.', RrType.AAAA),
    { ...AAAA, qclass: 3 },
    { ...AAAA, dnssecOk: true },
    { ...AAAA, checkingDisabled: true },
  ];
  void laned.ask(A);
  for (const other of others) void laned.ask(other);
  t.equal(asked.length, 1 + others.length);
  t.end();
});

test('other types have no lane', (t) => {
  const { laned, types } = setup(serial);
  void laned.ask(A);
  void laned.ask(outgoing('api.example.', RrType.SRV));
  void laned.ask(outgoing('api.example.', RrType.HTTPS));
  t.same(types(), [RrType.A, RrType.SRV, RrType.HTTPS]);
  t.end();
});

test('a lane is forgotten when nothing is in it: the next pair starts at once', async (t) => {
  const { asked, laned, types } = setup(serial);
  const first = laned.ask(A);
  asked[0]?.answer(message());
  await first;
  await settle();
  void laned.ask(AAAA);
  t.same(types(), [RrType.A, RrType.AAAA]);
});

test('staggered: the second goes after the delay at the latest (F2)', async (t) => {
  const { clock, laned, types } = setup({ kind: 'staggered', delay: 20 });
  void laned.ask(A);
  void laned.ask(AAAA);
  await clock.advance(19);
  t.same(types(), [RrType.A]);
  await clock.advance(1);
  t.same(types(), [RrType.A, RrType.AAAA]);
});

test('staggered: an answer comes before the delay, and no timer is left', async (t) => {
  const { asked, clock, laned, types } = setup({ kind: 'staggered', delay: 20 });
  void laned.ask(A);
  void laned.ask(AAAA);
  asked[0]?.answer(message());
  await settle();
  t.same(types(), [RrType.A, RrType.AAAA]);
  asked[1]?.answer(message());
  await settle();
  t.equal(clock.timers, 0);
});

/** `auto` with a server whose stagger the test sees. */
function setupAuto() {
  const staggered = { isOn: true, saw: [] as boolean[] };
  const stagger = {
    get isOn() {
      return staggered.isOn;
    },
    saw: (isClash: boolean) => staggered.saw.push(isClash),
  };
  return { ...setup({ kind: 'auto' }, stagger), staggered };
}

test('auto: the second goes in the turn after the first, or when that is answered (F2)', async (t) => {
  const { clock, laned, types } = setupAuto();
  void laned.ask(A);
  t.same(types(), [RrType.A]);
  void laned.ask(AAAA);
  t.same(types(), [RrType.A], 'never in the same moment');
  await clock.advance(0);
  t.same(types(), [RrType.A, RrType.AAAA]);
  const near = setupAuto();
  void near.laned.ask(A);
  void near.laned.ask(AAAA);
  near.asked[0]?.answer(message());
  t.same(near.types(), [RrType.A, RrType.AAAA], 'as serial where DNS is near');
  await near.clock.advance(0);
  near.asked[1]?.onSlow();
  t.same(near.staggered.saw, [], 'one after the other they say nothing of two at once');
});

test('auto: a second that comes later waits for its next turn alone (F2)', async (t) => {
  const { clock, laned, types } = setupAuto();
  void laned.ask(A);
  await clock.advance(5);
  void laned.ask(AAAA);
  await clock.advance(0);
  t.same(types(), [RrType.A, RrType.AAAA]);
});

test('auto: where the server has its pairs serial, the second waits for the first (F2)', async (t) => {
  const { clock, laned, asked, types, staggered } = setupAuto();
  staggered.isOn = false;
  void laned.ask(A);
  void laned.ask(AAAA);
  await clock.advance(100);
  t.same(types(), [RrType.A]);
  asked[0]?.answer(message());
  t.same(types(), [RrType.A, RrType.AAAA]);
});

type Fate = 'answered' | 'slow' | 'failed';

/** What the stagger sees of a pair of which both are out, when these things come of its questions one after the other. */
async function seenOf(fates: readonly (readonly [index: number, fate: Fate])[]) {
  const { clock, laned, asked, staggered } = setupAuto();
  for (const each of [A, AAAA]) laned.ask(each).catch(() => undefined);
  await clock.advance(0);
  for (const [index, fate] of fates) {
    if (fate === 'slow') asked[index]?.onSlow();
    // What becomes of it after the timer has fired changes nothing.
    if (fate === 'failed') asked[index]?.fail(new Error('refused'));
    else asked[index]?.answer(message());
  }
  return staggered.saw;
}

test('auto: a pair clashes where the second is resent and the first was answered without (F2)', async (t) => {
  const pairs: [first: Fate, second: Fate, clash: boolean][] = [
    ['answered', 'slow', true],
    ['answered', 'answered', false],
    ['slow', 'slow', false],
    ['slow', 'answered', false],
    ['failed', 'slow', false],
    ['answered', 'failed', false],
  ];
  for (const [first, second, clash] of pairs) {
    const [one, other] = [[0, first] as const, [1, second] as const];
    t.same(await seenOf([one, other]), [clash], `A ${first}, then AAAA ${second}`);
    t.same(await seenOf([other, one]), [clash], `AAAA ${second}, then A ${first}`);
  }
});

test('parallel: both at once', (t) => {
  const { laned, types } = setup({ kind: 'parallel' });
  void laned.ask(A);
  void laned.ask(AAAA);
  t.same(types(), [RrType.A, RrType.AAAA]);
  t.end();
});

test('closing rejects who waits, and closes what is below', async (t) => {
  const { asked, laned, upstream } = setup(serial);
  const first = laned.ask(A);
  const second = laned.ask(AAAA);
  laned.close();
  const text = 'udp://192.0.2.53:53 was closed';
  await t.rejects(second, { name: 'UpstreamError', reason: 'closed', message: text });
  t.ok(upstream.isClosed);
  asked[0]?.fail(new Error('closed'));
  await t.rejects(first);
  t.equal(asked.length, 1, 'who was rejected is not asked for');
});
