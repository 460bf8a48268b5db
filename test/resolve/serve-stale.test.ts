import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'tap';
import { type Clock, monotonicClock } from '../../src/clock.ts';
import { serveStale } from '../../src/resolve/serve-stale.ts';
import type { Answer, Query } from '../../src/resolve/stage.ts';
import type { StaleAnswer } from '../../src/resolve/stale-answers.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { HandClock, settle } from '../support/hand-clock.ts';
import { a, nxdomain } from '../support/messages.ts';
import { answer, below, promised, query } from './queries.ts';

const NAME = 'git.example.com.';
const STALE = answer({ answer: [a(NAME, '192.0.2.1', 30)] }, { source: 'stale' });
const FRESH = answer({ answer: [a(NAME, '192.0.2.2', 60)] });
const SERVFAIL = answer({ rcode: Rcode.SERVFAIL });

const never = () => Number.POSITIVE_INFINITY;

interface Setup {
  readonly stale?: Answer;
  readonly silent?: boolean;
  readonly when?: StaleAnswer['when'];
  readonly quietFrom?: () => number;
}

function setup({ stale = STALE, silent = false, when = 'slow', quietFrom = never }: Setup = {}) {
  const clock = new HandClock();
  const { next, asked } = below();
  const staleAnswer = () => ({ answer: stale, when });
  const options = { clock, staleAnswer, isSilent: () => silent, quietFrom };
  const resolve = promised(serveStale(options)(next));
  /** How long the client waits, and for what. */
  const ask = (more: Partial<Query> = {}) => {
    const started = clock.now();
    const told: { after?: number; answer?: Answer } = {};
    void resolve(query(NAME, RrType.A, more)).then((got) => {
      told.after = clock.now() - started;
      told.answer = got;
    });
    return told;
  };
  return { clock, asked, ask };
}

test('C4: an answer in time is told as it is, and leaves no timer', async (t) => {
  const { clock, asked, ask } = setup();
  const told = ask();
  await clock.advance(799);
  asked[0]?.resolve(FRESH);
  await settle();
  t.same(told, { after: 799, answer: FRESH });
  t.equal(clock.timers, 0);
});

test('C4: what nobody asked for yet is not answered with what is over', async (t) => {
  const { clock, asked, ask } = setup();
  const told = ask({ speculative: true });
  await clock.advance(10_000);
  t.same(told, {});
  asked[0]?.resolve(FRESH);
  await settle();
  t.equal(told.answer, FRESH);
});

test('C4: a route that is silent is not waited for, and its failure is nobody’s', async (t) => {
  const { clock, asked, ask } = setup({ silent: true });
  const told = ask();
  await settle();
  t.same(told, { after: 0, answer: STALE });
  t.equal(clock.timers, 0);
  asked[0]?.reject(new Error('timeout'));
  await settle();
  t.equal(asked.length, 1, 'the question stayed out; a rejection that is left would fail the test');
});

test('RFC 8767 §5: for thirty seconds one wait in vain speaks for the name, then it is waited for again', async (t) => {
  const { clock, ask } = setup();
  ask();
  await clock.advance(800);
  const again = ask();
  await settle();
  t.equal(again.after, 0);
  await clock.advance(30_000 - 801);
  const last = ask();
  await settle();
  t.equal(last.after, 0);
  await clock.advance(1);
  const anew = ask();
  await clock.advance(1_000);
  t.equal(anew.after, 800);
});

test('C4: a word ends the wait in vain, a failure does not', async (t) => {
  for (const [said, patience] of [
    [FRESH, 800],
    [SERVFAIL, 0],
  ] as const) {
    const { clock, asked, ask } = setup();
    ask();
    await clock.advance(1_000);
    asked[0]?.resolve(said);
    await settle();
    const next = ask();
    await clock.advance(1_000);
    t.equal(next.after, patience, `RCODE ${said.message.rcode}`);
  }
});

test('C4: a name made since its denial is found on the real clock, with no timer for the denial', async (t) => {
  const denied = answer(nxdomain('example.com.'), { source: 'stale' });
  const delays: number[] = [];
  const clock: Clock = {
    now: monotonicClock.now,
    after: (delay, fire) => {
      delays.push(delay);
      return monotonicClock.after(delay, fire);
    },
  };
  const { next, asked } = below();
  const staleAnswer = () => ({ answer: denied, when: 'away' as const });
  const stage = serveStale({ clock, staleAnswer, isSilent: () => false, quietFrom: never });
  const resolve = promised(stage(next));
  const told = resolve(query(NAME, RrType.A));
  // Real time: a real timer of Infinity fires after 1 ms, one of a clock wound by hand never does.
  await wait(20);
  asked[0]?.resolve(FRESH);
  t.equal(await told, FRESH);
  t.same(delays, [], 'there is nothing to time');
});

test('N9: a denial that is over is told on failure, never for impatience', async (t) => {
  const denied = answer(nxdomain('example.com.'), { source: 'stale' });
  for (const fail of ['SERVFAIL', 'error'] as const) {
    const { clock, asked, ask } = setup({ stale: denied, when: 'away' });
    const told = ask();
    await clock.advance(4_000);
    t.same(told, {});
    if (fail === 'error') asked[0]?.reject(new Error('timeout'));
    else asked[0]?.resolve(SERVFAIL);
    await settle();
    t.equal(told.answer, denied, fail);
    t.equal(clock.timers, 0);
  }
});

test('N9: a denial that a walk goes on from is told when upstream counts as away, not sooner', async (t) => {
  const denied = answer(nxdomain('example.com.'), { source: 'stale' });
  const { clock, ask } = setup({ stale: denied, when: 'quiet', quietFrom: () => 400 });
  const told = ask();
  await clock.advance(399);
  t.same(told, {});
  await clock.advance(1);
  t.same(told, { after: 400, answer: denied });
  t.same(ask(), {}, 'the next one');
  await settle();
  t.equal(clock.timers, 0);
});

test('N9: an upstream that is heard meanwhile is waited for anew', async (t) => {
  let from = 400;
  const denied = answer(nxdomain('example.com.'), { source: 'stale' });
  const { clock, asked, ask } = setup({ stale: denied, when: 'quiet', quietFrom: () => from });
  const told = ask();
  await clock.advance(300);
  from = 700;
  await clock.advance(399);
  t.same(told, {});
  asked[0]?.resolve(FRESH);
  await settle();
  t.same(told, { after: 699, answer: FRESH });
  t.equal(clock.timers, 0);
});

test('C4: an address is told as soon as upstream counts as away, or after 800 ms', async (t) => {
  const { clock, ask } = setup({ quietFrom: () => 400 });
  const told = ask();
  await clock.advance(400);
  t.equal(told.after, 400);
});
