import { test } from 'tap';
import { HalfTimes } from '../../src/resolve/half-times.ts';
import { HeadStart, headStartParts } from '../../src/resolve/head-start.ts';
import type { Answer } from '../../src/resolve/stage.ts';
import { RrType } from '../../src/wire/codes.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message, nodata, nxdomain } from '../support/messages.ts';
import { answer, query } from './queries.ts';

const NAME = 'api.corp.example.';

/** The A of an expansion, and what it has told the AAAA that waits for it. */
function headStart() {
  const clock = new HandClock();
  const times = new HalfTimes(clock);
  const askedAt: number[] = [];
  const denials: Answer[] = [];
  const own = query(NAME, RrType.A);
  const held = {
    ask: () => void askedAt.push(clock.now()),
    onDenial: (denial: Answer) => void denials.push(denial),
  };
  const first = new HeadStart(headStartParts(clock, times), own, held);
  return { clock, times, own, askedAt, denials, first };
}

test('F3: AAAA is asked 200 ms after the A, or after the span that is chosen', async (t) => {
  const usual = headStart();
  usual.first.limit(undefined);
  const chosen = headStart();
  chosen.first.limit(50);
  await usual.clock.advance(1_000);
  await chosen.clock.advance(1_000);
  t.strictSame(usual.askedAt, [200]);
  t.strictSame(chosen.askedAt, [50]);
});

test('F3: AAAA is asked once, as soon as the A has any other outcome than NXDOMAIN, and leaves no timer', async (t) => {
  const outcomes = {
    addresses: ({ first }: ReturnType<typeof headStart>) =>
      first.onAnswer(answer(message({ answer: [a(NAME, '192.0.2.1')] }))),
    nodata: ({ first }: ReturnType<typeof headStart>) => first.onAnswer(answer(nodata('example.'))),
    failure: ({ first }: ReturnType<typeof headStart>) => first.onFailure(),
  };
  for (const [outcome, happens] of Object.entries(outcomes)) {
    for (const span of [undefined, 50]) {
      const before = headStart();
      happens(before);
      before.first.limit(span);
      t.strictSame(before.askedAt, [0], `${outcome} at once, limit ${span}`);
      t.equal(before.clock.timers, 0, 'no timer');
      const later = headStart();
      later.first.limit(span);
      await later.clock.advance(20);
      happens(later);
      t.equal(later.clock.timers, 0, `${outcome}, limit ${span}: no timer`);
      await later.clock.advance(1_000);
      t.strictSame(later.askedAt, [20], `${outcome} after 20 ms, limit ${span}`);
      const late = headStart();
      late.first.limit(span);
      await late.clock.advance(300);
      happens(late);
      t.equal(
        late.askedAt.length,
        1,
        `${outcome} after the limit of ${span}: it was asked by then`,
      );
    }
  }
});

test("F3: the A's NXDOMAIN reaches AAAA; other answers do not", (t) => {
  const denied = headStart();
  const denial = answer(nxdomain('example.'));
  denied.first.onAnswer(denial);
  t.strictSame(denied.denials, [denial]);
  const empty = headStart();
  empty.first.onAnswer(answer(nodata('example.')));
  t.strictSame(empty.denials, []);
  t.end();
});

test('F5: when the A had addresses, or was denied, is recorded for the other half', async (t) => {
  const found = headStart();
  await found.clock.advance(30);
  found.first.onAnswer(answer(message({ answer: [a(NAME, '192.0.2.1')] })));
  t.equal(found.times.arrivedAt(found.own), 30);
  const denied = headStart();
  await denied.clock.advance(40);
  denied.first.onAnswer(answer(nxdomain('example.')));
  t.equal(denied.times.deniedAt(denied.own), 40);
});
