import { test } from 'tap';
import { LookupWaits } from '../../src/resolve/lookup-waits.ts';
import type { Expansion, Query } from '../../src/resolve/stage.ts';
import { DEADLINE } from '../../src/upstream/timeouts.ts';
import { HandClock } from '../support/hand-clock.ts';
import { query } from './queries.ts';

const SUFFIXES = ['one.', 'two.', 'three.', 'four.'];
/** How long a later step waits once the lookup has waited in vain. */
const SHORT = 100;

const list = {
  expansionOf(qname: string): Expansion | undefined {
    const suffix = SUFFIXES.find((each) => qname.endsWith(`.${each}`));
    if (suffix === undefined) return undefined;
    return { base: qname.slice(0, -suffix.length), suffix, inZone: false };
  },
  isFirstStep: ({ suffix }: Expansion) => suffix === SUFFIXES[0],
};

function scene(ndots = 5) {
  const clock = new HandClock();
  let lastReply = Number.NEGATIVE_INFINITY;
  const waits = new LookupWaits({ list, clock, ndots, lastReplyAt: () => lastReply });
  /** A question that is given up after `span`. */
  const fail = async (qname: string, span: number, more: Partial<Query> = {}): Promise<void> => {
    const came = clock.now();
    await clock.advance(span);
    waits.failed(query(qname, 1, more), came);
  };
  const span = (qname: string, more: Partial<Query> = {}): number =>
    waits.spanOf(query(qname, 1, more));
  const reply = (): void => {
    lastReply = clock.now();
  };
  return { clock, waits, fail, span, reply };
}

test('U2: once a step has waited in vain, the later steps of the lookup wait for 100 ms', async (t) => {
  const { fail, span } = scene();
  t.equal(span('git.two.'), DEADLINE, 'nothing has failed yet');
  await fail('git.one.', DEADLINE);
  t.equal(span('git.two.'), SHORT);
  t.equal(span('git.'), SHORT, 'the name as it is comes last');
  t.equal(span('git.one.'), DEADLINE, 'the same step again: glibc makes two attempts (G1)');
  t.equal(span('other.two.'), DEADLINE, 'another lookup');
  t.equal(span('git.two.', { client: '127.0.0.2' }), DEADLINE, 'another client');
});

test('U2: a first step begins another lookup', async (t) => {
  const { fail, span } = scene();
  await fail('git.two.', DEADLINE);
  t.equal(span('git.three.'), SHORT);
  t.equal(span('git.one.'), DEADLINE);
});

test('U2: a name with ndots dots is asked first as it is', async (t) => {
  const { fail, span } = scene(2);
  await fail('a.b.c.one.', DEADLINE);
  t.equal(span('a.b.c.'), DEADLINE);
  await fail('a.b.one.', DEADLINE);
  t.equal(span('a.b.'), SHORT);
});

test('U2: it was a wait in vain after a second, and the next step comes within a second', async (t) => {
  const { clock, fail, span } = scene();
  await fail('git.one.', 999);
  t.equal(span('git.two.'), DEADLINE, 'failed soon');
  await fail('git.one.', 1_000);
  t.equal(span('git.two.'), SHORT);
  await clock.advance(999);
  t.equal(span('git.two.'), SHORT);
  await clock.advance(1);
  t.equal(span('git.two.'), DEADLINE, 'a lookup of its own');
});

test('U2: each later step that fails counts the second anew', async (t) => {
  const { clock, fail, span } = scene();
  await fail('git.one.', DEADLINE);
  await clock.advance(800);
  await fail('git.two.', SHORT);
  await clock.advance(900);
  t.equal(span('git.three.'), SHORT);
  await clock.advance(100);
  t.equal(span('git.three.'), DEADLINE);
});

test('U2: any reply of upstream after the wait ends it', async (t) => {
  const { clock, waits, fail, span, reply } = scene();
  t.equal(waits.isOver(query('git.two.')), true, 'there was none');
  await fail('git.one.', DEADLINE);
  t.equal(waits.isOver(query('git.two.')), false);
  await clock.advance(1);
  reply();
  t.equal(waits.isOver(query('git.two.')), true);
  t.equal(span('git.two.'), DEADLINE);
});

test('U2: questions of our own neither wait less nor make clients wait less', async (t) => {
  const { fail, span } = scene();
  const own = { client: undefined } as unknown as Partial<Query>;
  await fail('git.one.', DEADLINE, own);
  t.equal(span('git.two.', own), DEADLINE);
  t.equal(span('git.two.'), DEADLINE);
});

test('U2, S1: a lookup that waits for several names at once waits in full for the last four', async (t) => {
  const { clock, waits, span } = scene();
  const came = clock.now();
  await clock.advance(DEADLINE);
  const names = ['git.two.', 'git.three.', 'git.four.', 'git.one.'];
  for (const name of [...names, 'git.one.', 'git.three.']) waits.failed(query(name), came);
  t.strictSame(
    names.map((name) => span(name)),
    [DEADLINE, DEADLINE, DEADLINE, DEADLINE],
  );
  waits.failed(query('git.'), came);
  t.equal(span('git.two.'), SHORT, 'the fifth');
  t.equal(span('git.three.'), DEADLINE, 'failed again, so it is one of the last');
});

test('U2: a wait a second after the last one is of another lookup', async (t) => {
  const { clock, waits, span } = scene();
  const came = clock.now();
  await clock.advance(DEADLINE);
  waits.failed(query('git.two.'), came);
  await clock.advance(999);
  waits.failed(query('git.three.'), came);
  t.equal(span('git.two.'), DEADLINE);
  await clock.advance(1_000);
  waits.failed(query('git.three.'), came);
  t.equal(span('git.two.'), SHORT);
});
