import { test } from 'tap';
import { HalfTimes } from '../../src/resolve/half-times.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message, nodata, nxdomain } from '../support/messages.ts';
import { answer, query } from './queries.ts';

const NAME = 'git.example.com.';
const A = query(NAME, RrType.A);
const NEVER = Number.NEGATIVE_INFINITY;
const ADDRESSES = message({ answer: [a(NAME, '192.0.2.7')] });

async function scene() {
  const clock = new HandClock();
  await clock.advance(100);
  return { clock, times: new HalfTimes(clock) };
}

test('F3, F5: addresses, a denial and a refusal have a time each, the last one of its kind', async (t) => {
  const { clock, times } = await scene();
  const all = () => [times.arrivedAt(A), times.deniedAt(A), times.refusedAt(A)];
  t.strictSame(all(), [NEVER, NEVER, NEVER]);
  times.note(A, answer(ADDRESSES));
  t.strictSame(all(), [100, NEVER, NEVER]);
  await clock.advance(10);
  times.note(A, answer(nxdomain('example.com.')));
  t.strictSame(all(), [100, 110, NEVER]);
  await clock.advance(10);
  times.note(A, answer(nodata('example.com.')));
  times.noteRefusal(A);
  t.strictSame(all(), [100, 120, 120]);
  await clock.advance(10);
  times.note(A, answer(ADDRESSES));
  t.strictSame(all(), [130, 120, 120]);
  t.equal(times.arrivedAt(query(NAME, RrType.AAAA)), NEVER, 'the other half has its own');
});

test('F3, F5: only what upstream says now has a time', async (t) => {
  const { times } = await scene();
  for (const source of ['stale', 'failure'] as const) {
    times.note(A, answer(ADDRESSES, { source }));
    times.note(A, answer(nxdomain('example.com.'), { source }));
  }
  times.note(A, answer(message({ rcode: Rcode.SERVFAIL })));
  t.strictSame([times.arrivedAt(A), times.deniedAt(A)], [NEVER, NEVER]);
});
