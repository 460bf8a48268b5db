import { test } from 'tap';
import { failureMemory } from '../../src/resolve/failure-memory.ts';
import type { Answer, Query } from '../../src/resolve/stage.ts';
import { UpstreamError, type UpstreamFailure } from '../../src/upstream/exchange.ts';
import { EdeCode, Rcode, RrType } from '../../src/wire/codes.ts';
import { HandClock } from '../support/hand-clock.ts';
import { answer, promised, query } from './queries.ts';

const NAME = 'broken.example.com.';
const REFUSED = answer({ rcode: Rcode.REFUSED });
const TIMEOUT = new UpstreamError('timeout', 'no answer');

/** The stages below take 100 ms to say what a test has them say, and whoever answers was heard just now unless told. */
function setup() {
  const clock = new HandClock();
  const below = {
    says: REFUSED as Answer | Error,
    lastReplyAt: Number.POSITIVE_INFINITY,
    silent: false,
    addresses: [] as number[],
  };
  let asked = 0;
  const stage = failureMemory({
    clock,
    lastReplyAt: () => below.lastReplyAt,
    isSilent: () => below.silent,
    hasAddresses: ({ qname, qtype }) => qname === NAME && below.addresses.includes(qtype),
  });
  const resolve = promised(
    stage((_query, asker) => {
      asked++;
      const { says } = below;
      clock.after(100, () => {
        if (says instanceof Error) asker.onFailure(says);
        else asker.onAnswer(says);
      });
    }),
  );
  /** Asks once. @returns What was told, and whether the stages below were asked for it. */
  const ask = async (asking: Query = query(NAME, RrType.TXT)) => {
    const before = asked;
    let told: Answer | undefined;
    void resolve(asking).then(
      (got) => {
        told = got;
      },
      () => undefined,
    );
    await clock.advance(100);
    return { told, wasAsked: asked > before };
  };
  /** How long after a question that was asked the next one is. */
  const pause = async (asking?: Query) => {
    const failed = clock.now();
    do await clock.advance(400);
    while (!(await ask(asking)).wasAsked);
    return clock.now() - 100 - failed;
  };
  return { clock, below, ask, pause };
}

test('C6: what is remembered is told as it was, with the reason why nobody was asked', async (t) => {
  const { ask } = setup();
  t.equal((await ask()).told, REFUSED);
  const { told, wasAsked } = await ask();
  t.notOk(wasAsked);
  t.equal(told?.message, REFUSED.message);
  t.equal(told?.source, 'failure');
  t.same(told?.ede, {
    code: EdeCode.CACHED_ERROR,
    text: 'upstream failed to answer this a moment ago',
  });
});

test('C6: no answer is remembered as SERVFAIL, for the first second of its life', async (t) => {
  const { ask, below, clock } = setup();
  below.says = TIMEOUT;
  await ask();
  await clock.advance(899);
  const { told, wasAsked } = await ask();
  t.equal(told?.message.rcode, Rcode.SERVFAIL);
  t.notOk(wasAsked, 'after 899 ms');
  await clock.advance(1);
  t.ok((await ask()).wasAsked, 'after a second');
});

test('C6: a failure is told from memory with a reason by which another sidestub knows its kind', async (t) => {
  for (const [says, code, text] of [
    [TIMEOUT, EdeCode.NO_REACHABLE_AUTHORITY, 'upstream did not answer this a moment ago'],
    [
      new UpstreamError('local', 'EPERM'),
      EdeCode.NETWORK_ERROR,
      'not delivered: upstream was not reached a moment ago',
    ],
  ] as const) {
    const { ask, below } = setup();
    below.says = says;
    await ask();
    const { told, wasAsked } = await ask();
    t.notOk(wasAsked);
    t.same(told?.ede, { code, text });
    t.equal(told?.wasSaid, false);
  }
});

test('C6: what a forwarder says of its own upstream is not remembered: it does that itself', async (t) => {
  const { ask, below } = setup();
  const message = {
    ...REFUSED.message,
    rcode: Rcode.SERVFAIL,
    unreached: true,
    undelivered: true,
  } as const;
  below.says = { ...REFUSED, message };
  await ask();
  t.ok((await ask()).wasAsked);
});

test('C6: each failure in a row is remembered for twice as long, up to 30 s', async (t) => {
  const { ask, pause } = setup();
  await ask();
  const pauses: number[] = [];
  for (let turn = 0; turn < 7; turn++) pauses.push(await pause());
  t.same(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].map(onGrid));
});

/** The next moment at which {@link setup}'s `pause` asks, every 500 ms, 400 ms after the failure at first. */
function onGrid(span: number): number {
  return 400 + 500 * Math.ceil((span - 400) / 500);
}

test('C6: a failure half a minute after the last was forgotten is no longer in a row', async (t) => {
  for (const [idle, grows] of [
    [30_999, true],
    [31_000, false],
  ] as const) {
    const { ask, clock } = setup();
    await ask();
    // The second failure is noted 100 ms after it was asked.
    await clock.advance(idle - 100);
    await ask();
    await clock.advance(1_000);
    t.equal((await ask()).wasAsked, !grows, `${idle} ms`);
  }
});

test('C6: an answer ends the row', async (t) => {
  const { ask, below, clock } = setup();
  await ask();
  await clock.advance(1_000);
  below.says = answer();
  t.ok((await ask()).wasAsked);
  t.ok((await ask()).wasAsked, 'nothing is remembered');
  below.says = REFUSED;
  await ask();
  await clock.advance(1_000);
  t.ok((await ask()).wasAsked, 'a second again');
});

test('C6: our own doing, and a bug, say nothing of upstream', async (t) => {
  const ours: UpstreamFailure[] = ['full', 'closed'];
  const errors = [...ours.map((reason) => new UpstreamError(reason, reason)), new Error('bug')];
  for (const error of errors) {
    const { ask, below } = setup();
    below.says = error;
    await ask();
    t.ok((await ask()).wasAsked, error.message);
  }
});

test('C6: where the whole route was silent meanwhile nothing is told from memory', async (t) => {
  const { ask, below, clock } = setup();
  await clock.advance(5_000);
  for (const says of [TIMEOUT, REFUSED]) {
    below.says = says;
    below.lastReplyAt = clock.now() - 1;
    await ask();
    below.lastReplyAt = clock.now();
    t.ok((await ask()).wasAsked, 'asked again at once');
    below.lastReplyAt = Number.POSITIVE_INFINITY;
    await clock.advance(60_000);
  }
});

test('C6: an answer to any name in the very moment of the question is one', async (t) => {
  const { ask, below, clock, pause } = setup();
  await clock.advance(5_000);
  below.lastReplyAt = clock.now();
  await ask();
  below.lastReplyAt = Number.POSITIVE_INFINITY;
  await pause();
  t.equal(await pause(), onGrid(2_000), 'no silence, so that the memory grows');
});

test('C6: what was asked into a silence is not remembered, any other failure is', async (t) => {
  for (const [silent, isRemembered] of [
    [true, false],
    [false, true],
  ] as const) {
    const { ask, below, clock } = setup();
    await clock.advance(5_000);
    below.says = TIMEOUT;
    below.silent = silent;
    below.lastReplyAt = clock.now();
    await ask();
    t.equal((await ask()).wasAsked, !isRemembered, `silent ${silent}`);
  }
});

test('C6, F5: beside a family that has addresses an address is asked for every second', async (t) => {
  for (const [qtype, sibling] of [
    [RrType.A, RrType.AAAA],
    [RrType.AAAA, RrType.A],
  ] as const) {
    const { ask, below, pause } = setup();
    below.addresses = [sibling];
    await ask(query(NAME, qtype));
    const pauses: number[] = [];
    for (let turn = 0; turn < 4; turn++) pauses.push(await pause(query(NAME, qtype)));
    t.same(pauses, Array(4).fill(onGrid(1_000)));
  }
});

test('C6: addresses beside another type change nothing', async (t) => {
  const { ask, below, pause } = setup();
  below.addresses = [RrType.A, RrType.AAAA];
  await ask();
  await pause();
  t.equal(await pause(), onGrid(2_000));
});
