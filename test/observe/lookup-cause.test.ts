import { test } from 'tap';
import { causeOf } from '../../src/observe/lookup-cause.ts';
import type { LookupStep } from '../../src/observe/lookup-watch.ts';

function step(at: number, took: number, more: Partial<LookupStep> = {}): LookupStep {
  return {
    suffix: 'corp.example.',
    type: 'A',
    rcode: 'NXDOMAIN',
    source: 'upstream',
    hasData: false,
    at,
    took,
    ...more,
  };
}

test('where most of the time went is why a lookup was slow', (t) => {
  const cut = (at: number, took = 0.1) => step(at, took, { source: 'cut' });
  const cause = (took: number, ...steps: LookupStep[]) =>
    causeOf({ outcome: 'found', took, steps });
  t.match(cause(802, cut(0), step(1, 600), step(1, 801)), { kind: 'upstream', took: 801 });
  t.match(cause(802, cut(0), step(1, 600), step(2, 800)).step, { took: 800 });
  t.match(cause(700, cut(0), cut(690)), { kind: 'client', step: undefined });
  t.match(cause(650, cut(0, 640), step(645, 5)), { kind: 'sidestub', took: 640 });
  t.match(cause(810, step(0, 805, { source: 'stale' })), { kind: 'upstream' });
  t.end();
});

test('the two questions of a pair are waited for together, not one after the other', (t) => {
  const steps = [step(0, 300), step(0, 300, { type: 'AAAA' })];
  t.match(causeOf({ outcome: 'found', took: 1_000, steps }), { kind: 'client', took: 700 });
  t.end();
});

test('a failure was said, or nobody said anything, or that is remembered', (t) => {
  const failed = (...steps: LookupStep[]) => causeOf({ outcome: 'failed', took: 5_000, steps });
  const servfail = { rcode: 'SERVFAIL' } as const;
  const own = { ...servfail, source: 'failure' } as const;
  t.match(failed(step(0, 14, servfail), step(15, 0.2, own)), { kind: 'servfail', took: 14 });
  t.match(failed(step(0, 4_500, own), step(4_501, 0.2, own)), { kind: 'silence', took: 4_500 });
  const unreadable = step(0, 1_700, { ...own, failure: 'malformed' });
  t.match(failed(unreadable), { kind: 'malformed', took: 1_700 });
  t.match(failed(step(0, 1_700, { ...own, failure: 'timeout' })), { kind: 'silence' });
  t.match(failed(step(0, 0.2, own), step(1, 0.3, own)), { kind: 'remembered' });
  t.match(failed(step(0, 4_500)), { kind: 'upstream' }, 'no step says why');
  t.end();
});

test('a lookup without steps has a cause all the same', (t) => {
  t.match(causeOf({ outcome: 'found', took: 900, steps: [] }), { kind: 'client', took: 900 });
  t.end();
});
