import { test } from 'tap';
import { LookupWatch, SLOW_LOOKUP, type WatchedAnswer } from '../../src/observe/lookup-watch.ts';
import { Histogram, HistogramSet } from '../../src/observe/tally.ts';
import { LOOKUP_OUTCOMES } from '../../src/vocabulary.ts';
import { HandClock } from '../support/hand-clock.ts';

const SUFFIXES = ['job.svc.cluster.local.', 'svc.cluster.local.'];
const EPOCH = 1_700_000_000_000;
const denied: WatchedAnswer = { rcode: 'NXDOMAIN', source: 'cut', hasData: false };
const found: WatchedAnswer = { rcode: 'NOERROR', source: 'upstream', hasData: true };
const nothing: WatchedAnswer = { rcode: 'NOERROR', source: 'upstream', hasData: false };
const failed: WatchedAnswer = { rcode: 'SERVFAIL', source: 'failure', hasData: false };

function setup({ names = false } = {}) {
  const ended: string[] = [];
  const clock = new HandClock();
  const steps = new HistogramSet(LOOKUP_OUTCOMES, [1, 2, 3]);
  const duration = new Histogram([0.1, 1]);
  const watch = new LookupWatch({
    clock,
    wallClock: () => EPOCH + clock.now(),
    names,
    split: (qname) => {
      const suffix = SUFFIXES.find((each) => qname.endsWith(`.${each}`));
      return suffix === undefined ? undefined : { base: qname.slice(0, -suffix.length), suffix };
    },
    steps,
    duration,
    onEnd: ({ outcome }, name) => ended.push(`${name} ${outcome}`),
  });
  const ask = (qname: string, type = 'A', client = '10.0.0.1') =>
    watch.asked({ qname, type, client });
  /** Both families at once, answered `ms` later. */
  const step = async (qname: string, a: WatchedAnswer, aaaa = a, ms = 1) => {
    const answers = [ask(qname, 'A'), ask(qname, 'AAAA')] as const;
    await clock.advance(ms);
    answers[0](a);
    answers[1](aaaa);
  };
  return { clock, watch, steps, duration, ended, ask, step };
}

test('a walk is one lookup: its steps are the names, its time the whole of it', async (t) => {
  const { clock, steps, duration, step } = setup();
  await step('git.example.com.job.svc.cluster.local.', denied);
  await clock.advance(10);
  await step('git.example.com.svc.cluster.local.', denied);
  t.equal(duration.count, 0, 'it goes on');
  await step('git.example.com.', found, nothing);
  t.same([...steps.histogram('found').counts], [0, 0, 1, 0], 'three names');
  t.equal(duration.count, 1);
  t.equal(duration.sum, 0.013);
});

test('a lookup ends when both families have their answer, and one with records is enough', async (t) => {
  const { clock, steps, ask, duration } = setup();
  const a = ask('git.example.com.', 'A');
  const aaaa = ask('git.example.com.', 'AAAA');
  a(found);
  t.equal(duration.count, 0);
  await clock.advance(30);
  aaaa(failed);
  t.equal(duration.sum, 0.03);
  t.equal(steps.histogram('found').count, 1);
});

test('outcomes: nothing there is absent, an error without records is failed', async (t) => {
  const { clock, steps, step, ended } = setup();
  await step('gone.example.com.', denied);
  await step('empty.job.svc.cluster.local.', nothing);
  await step('broken.example.com.', nothing, failed);
  await clock.advance(20);
  t.equal(steps.histogram('absent').count, 2);
  t.equal(steps.histogram('failed').count, 1);
  t.equal(steps.histogram('found').count, 0);
  t.strictSame(ended, ['gone.example.com. absent', 'empty. absent', 'broken.example.com. failed']);
});

test('slow and failed lookups are remembered with their walk, quick ones are not', async (t) => {
  const { clock, watch, step } = setup({ names: true });
  await step('quick.example.com.', found);
  await step('slow.example.com.job.svc.cluster.local.', denied, denied, SLOW_LOOKUP - 1);
  await step('slow.example.com.', found, nothing, 1);
  await step('broken.example.com.', failed);
  await clock.advance(20);
  t.strictSame(
    watch.recent.map(({ name, outcome, took }) => [name, outcome, took]),
    [
      ['broken.example.com.', 'failed', 1],
      ['slow.example.com.', 'found', SLOW_LOOKUP],
    ],
  );
  t.match(watch.recent[1], { endedAt: EPOCH + 501 });
  t.strictSame(
    watch.recent[1]?.steps.map(({ suffix, type, at, took }) => [suffix, type, at, took]),
    [
      ['job.svc.cluster.local.', 'A', 0, 499],
      ['job.svc.cluster.local.', 'AAAA', 0, 499],
      ['', 'A', 499, 1],
      ['', 'AAAA', 499, 1],
    ],
  );
});

test('names are kept only where they are asked for (S4)', async (t) => {
  const { clock, watch, step } = setup({ names: false });
  await step('secret.example.com.job.svc.cluster.local.', failed);
  await clock.advance(20);
  t.equal(watch.recent.length, 1);
  t.notMatch(JSON.stringify(watch.recent), /secret/);
  t.notOk(Object.hasOwn(watch.recent[0] ?? {}, 'name'));
});

test('two clients that ask the same are two lookups', (t) => {
  const { ask, duration } = setup();
  const one = ask('git.example.com.', 'TXT', '10.0.0.1');
  const other = ask('git.example.com.', 'TXT', '10.0.0.2');
  one(found);
  t.equal(duration.count, 1);
  other(found);
  t.equal(duration.count, 2);
  t.end();
});

test('a second family that is read after the first was answered belongs to the same lookup', async (t) => {
  const { clock, ask, duration } = setup();
  ask('git.example.com.', 'A')(found);
  await clock.advance(19);
  const late = ask('git.example.com.', 'AAAA');
  await clock.advance(40);
  late(nothing);
  t.equal(duration.count, 1);
  t.equal(duration.sum, 0.059);
  t.equal(clock.timers, 0);
});

test('a program that asks one family only has its lookup counted too', async (t) => {
  const { clock, ask, duration, steps } = setup();
  ask('git.example.com.', 'AAAA')(found);
  t.equal(duration.count, 0);
  await clock.advance(20);
  t.equal(duration.count, 1);
  t.equal(duration.sum, 0, 'what it waited in vain is no part of it');
  t.equal(steps.histogram('found').count, 1);
});

test('at the end, what a client still asks again is counted as it stands', async (t) => {
  const { clock, ask, watch, steps } = setup();
  ask('git.example.com.', 'A')(failed);
  const late = ask('git.example.com.', 'A');
  ask('other.example.com.job.svc.cluster.local.', 'A')(denied);
  await clock.advance(100);
  t.equal(steps.histogram('failed').count, 0);
  watch.close();
  t.equal(steps.histogram('failed').count, 1);
  t.equal(steps.histogram('absent').count, 0, 'a walk without an end is none');
  late(failed);
  await clock.advance(100);
  t.equal(steps.histogram('failed').count, 1, 'what comes after that is not counted again');
  t.equal(clock.timers, 0);
});

test('a client that asks again at once after a failure is at the same lookup (M4)', async (t) => {
  const { clock, step, steps } = setup();
  await step('broken.example.com.', failed);
  await clock.advance(5);
  await step('broken.example.com.', failed, found);
  t.equal(steps.histogram('failed').count, 0);
  t.equal(steps.histogram('found').count, 1);
});

test('a walk that its client gave up is no part of the next one', async (t) => {
  const { clock, steps, step, duration } = setup();
  await step('git.example.com.job.svc.cluster.local.', denied);
  await clock.advance(60_000);
  await step('git.example.com.', found);
  t.same([...steps.histogram('found').counts], [1, 0, 0, 0]);
  t.equal(duration.sum, 0.001);
});

test('what is remembered is bounded, whoever asks what (S1)', async (t) => {
  const { clock, watch, ask, duration } = setup({ names: true });
  for (let n = 0; n < 200; n++) ask(`n${n}.example.com.`, 'TXT')(failed);
  await clock.advance(20);
  t.equal(watch.recent.length, 50);
  t.equal(watch.recent[0]?.name, 'n199.example.com.');
  // Walks that are never ended, as a flood of expansions makes them.
  const pending = Array.from({ length: 5_000 }, (_, n) =>
    ask(`n${n}.example.com.job.svc.cluster.local.`, 'TXT'),
  );
  const before = duration.count;
  for (const answer of pending) answer(found);
  t.equal(duration.count, before + 5_000, 'even those that were forgotten are counted');
  for (let n = 0; n < 500; n++) ask('again.example.com.job.svc.cluster.local.')(denied);
  ask('again.example.com.', 'TXT')(failed);
  await clock.advance(20);
  t.equal(watch.recent[0]?.steps.length, 64);
});

test('in a flood of failures the first are over before their grace is (S1)', async (t) => {
  const { clock, duration, ended, ask } = setup();
  for (let n = 0; n < 65; n++) ask(`n${n}.example.com.`, 'TXT')(failed);
  t.same(ended, ['n0.example.com. failed'], 'at once');
  await clock.advance(10);
  // Asked again within its grace: it is the same lookup still, and its grace begins anew.
  ask('n1.example.com.', 'TXT')(failed);
  await clock.advance(10);
  t.equal(duration.count, 64);
  t.notOk(ended.includes('n1.example.com. failed'));
  await clock.advance(10);
  t.equal(duration.count, 65);
});

test('a client that repeats itself for long has asked for no fewer names (S1)', async (t) => {
  const { steps, ask } = setup();
  for (let n = 0; n < 100; n++) ask('git.example.com.job.svc.cluster.local.')(denied);
  ask('git.example.com.', 'TXT')(found);
  t.same([...steps.histogram('found').counts], [0, 1, 0, 0], 'two names');
});
