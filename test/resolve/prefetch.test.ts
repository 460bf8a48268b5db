import { test } from 'tap';
import { prefetch, renewableFor } from '../../src/resolve/prefetch.ts';
import type { Answer, Query } from '../../src/resolve/stage.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, cname, message } from '../support/messages.ts';
import { answer, answering, promised, query } from './queries.ts';

const NAME = 'git.example.com.';
/** When the hits of these tests are due for a renewal: after nine tenths of 60 s. */
const DUE = 54_000;
const data = { answer: [a(NAME, '192.0.2.1', 60)] };

/** Asks once at `at`, and says what the stages below were asked: the hit's own question, and a renewal's. */
async function asked(said: Answer, asking: Query = query(NAME), at = DUE): Promise<Query[]> {
  const clock = new HandClock();
  await clock.advance(at);
  const seen: Query[] = [];
  const next = answering(async (each) => {
    seen.push(each);
    return said;
  });
  await promised(prefetch(clock)(next))(asking);
  return seen;
}

test('C5: a hit is renewed from nine tenths of its life on, by the same question', async (t) => {
  const hit = answer(data, { source: 'cache', freshAt: 0 });
  t.equal((await asked(hit, query(NAME), DUE - 1)).length, 1);
  const [own, renewal] = await asked(hit);
  t.same(renewal, { ...own, refresh: true });
});

test('C5: only hits of data that somebody asked for are renewed', async (t) => {
  const hit = { source: 'cache', freshAt: 0 } as const;
  const others: [string, Answer, Query?][] = [
    ['from upstream', answer(data, { source: 'upstream', freshAt: 0 })],
    ['stale', answer(data, { source: 'stale', freshAt: 0 })],
    ['of unknown age', answer(data, { source: 'cache' })],
    ['fetched early', answer(data, hit), query(NAME, 1, { speculative: true })],
    ['an alias to nowhere', answer({ answer: [cname(NAME, 'gone.example.')] }, hit)],
    ['NODATA', answer(message(), hit)],
  ];
  for (const [what, said, asking] of others) t.equal((await asked(said, asking)).length, 1, what);
});

test('C5: five seconds are worth a renewal, less is not', async (t) => {
  t.equal(renewableFor(5), 4.5);
  t.equal(renewableFor(4), Number.POSITIVE_INFINITY);
});
