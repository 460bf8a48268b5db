import { test } from 'tap';
import { createMetrics } from '../../src/observe/metrics.ts';
import { totalsFields, totalsOf, totalsText } from '../../src/observe/totals.ts';

function busy() {
  const metrics = createMetrics();
  metrics.listen.queries.add('udp', 'A', 5);
  metrics.listen.queries.add('tcp', 'other', 2);
  metrics.listen.responses.add('NXDOMAIN', 'cut', 4);
  metrics.listen.responses.add('NOERROR', 'upstream', 2);
  metrics.listen.responses.add('SERVFAIL', 'failure', 1);
  metrics.upstream.sends.add('udp', 6);
  metrics.upstream.sends.add('tcp', 1);
  metrics.upstream.failures.add('timeout', 3);
  metrics.upstream.rescues.add(2);
  metrics.lookups.duration.observe(0.044);
  metrics.lookups.duration.observe(1.5);
  metrics.lookups.steps.observe('failed', 1);
  metrics.daemon.startup.readBy(() => 0.25);
  return metrics;
}

test('totals are the sums of what was counted', (t) => {
  const totals = totalsOf(busy(), 31.25);
  t.match(totals, {
    uptimeSeconds: 31.25,
    startupSeconds: 0.25,
    queries: 7,
    answered: { cut: 4, upstream: 2, failure: 1, cache: 0 },
    upstreamQueries: 7,
    savedQueries: 4,
    lookups: 2,
    slowestMs: 1_500,
    slow: 1,
    failed: 1,
    failures: { timeout: 3, refused: 0 },
    rescues: 2,
  });
  t.end();
});

test('as fields of a log line they are flat, and what did not happen is left out', (t) => {
  const fields = totalsFields(totalsOf(busy(), 31.25));
  t.match(fields, { uptime_seconds: 31.25, from_cut: 4, failed_timeout: 3, queries: 7, failed: 1 });
  t.notOk(Object.hasOwn(fields, 'from_cache'));
  t.notOk(Object.hasOwn(fields, 'failed_refused'));
  t.notOk(Object.values(fields).some((value) => typeof value === 'object'));
  t.end();
});

test('as text they are one line for people', (t) => {
  t.equal(
    totalsText(totalsOf(busy(), 31.25), '1.2.3'),
    'sidestub 1.2.3: 7 queries in 31.25 s; 7 sent upstream, 4 saved (about 0 s); 2 lookups, slowest 1500 ms, 1 above 1 s, 1 failed (upstream: timeout 3); ready after 0.25 s',
  );
  const quiet = totalsText(totalsOf(createMetrics(), 1), '1.2.3');
  t.match(quiet, /0 lookups, slowest 0 ms, 0 above 1 s, 0 failed; ready/);
  t.end();
});
