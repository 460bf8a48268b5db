import { test } from 'tap';
import {
  FailedHalves,
  FailedWith,
  nothingInsteadOfFailure,
  STILL_SILENT,
} from '../../src/resolve/failed-halves.ts';
import { EdeCode, Rcode, RrType } from '../../src/wire/codes.ts';
import { HandClock } from '../support/hand-clock.ts';
import { message } from '../support/messages.ts';
import { answer, query } from './queries.ts';

const BASE = query('git.example.com.', RrType.A);
const EXPANSION = query('git.example.com.corp.example.', RrType.A, {
  expansion: { base: 'git.example.com.', suffix: 'corp.example.', inZone: false },
});
const SERVFAIL = message({ rcode: Rcode.SERVFAIL });

test('F5: a failure counts for a pair that was asked up to 50 ms after it', async (t) => {
  const clock = new HandClock();
  const failures = new FailedHalves(clock);
  const failed = new FailedWith(new Error('no answer'));
  await clock.advance(1_000);
  failures.note(BASE, failed);
  t.equal(failures.since(BASE, 0), failed, 'asked before');
  t.equal(failures.since(BASE, 1_050), failed, 'a busy daemon reads the second half later');
  t.equal(failures.since(BASE, 1_051), undefined, 'another lookup');
  t.equal(failures.since(query('git.example.com.', RrType.AAAA), 0), undefined, 'the other half');
});

test("F5: of an expansion, upstream's own SERVFAIL is no failure of the pair; of a base it is", (t) => {
  const passedOn = message({ rcode: Rcode.SERVFAIL, unreached: true });
  for (const [title, outcome, counts] of [
    ['upstream says it', answer(SERVFAIL), false],
    [
      'our memory has what upstream said',
      answer(SERVFAIL, { source: 'failure', wasSaid: true }),
      false,
    ],
    ['our own', answer(SERVFAIL, { source: 'failure' }), true],
    ['a forwarder says that its upstream is silent', answer(passedOn), true],
    ['no answer', new FailedWith(new Error('no answer')), true],
  ] as const) {
    const failures = new FailedHalves(new HandClock());
    failures.note(BASE, outcome);
    failures.note(EXPANSION, outcome);
    t.equal(failures.since(BASE, 0), outcome, `base: ${title}`);
    t.equal(failures.since(EXPANSION, 0), counts ? outcome : undefined, `expansion: ${title}`);
  }
  t.end();
});

test('F5: a family that is still unanswered has the error of a silent one', (t) => {
  t.match(STILL_SILENT.error, {
    reason: 'timeout',
    message: 'no answer from the other family: timeout',
  });
  t.end();
});

test('F5: the NODATA in place of a failure lives for 5 s, and says why', (t) => {
  const { message: said, ...rest } = nothingInsteadOfFailure(BASE);
  t.match(said, { rcode: Rcode.NOERROR, answer: [], authority: [{ ttl: 5 }] });
  t.strictSame(rest, {
    source: 'failure',
    age: 0,
    ede: {
      code: EdeCode.OTHER,
      text: 'this address family failed upstream, the other has answers',
    },
  });
  t.end();
});
