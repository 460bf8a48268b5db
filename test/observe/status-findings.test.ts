import { test } from 'tap';
import { createMetrics, type Metrics } from '../../src/observe/metrics.ts';
import { findings } from '../../src/observe/status-findings.ts';
import type { StatusSources } from '../../src/observe/status-view.ts';
import type { UpstreamFailure } from '../../src/upstream/exchange.ts';
import { serverTallies } from '../../src/upstream/upstream-tallies.ts';
import { HandClock } from '../support/hand-clock.ts';
import { plainStatus } from './plain-status.ts';

/** What stands out a minute after the start, when this has happened. */
async function after(
  happened: (metrics: Metrics) => void,
  more: Partial<StatusSources> = {},
): Promise<string[]> {
  const clock = new HandClock();
  const metrics = createMetrics();
  serverTallies(metrics.upstream, 'udp://10.96.0.10').latency.observe(0.01);
  metrics.listen.queries.add('udp', 'A', 100);
  metrics.listen.responses.add('NOERROR', 'cache', 100);
  metrics.lookups.duration.observe(0.02, 100);
  happened(metrics);
  await clock.advance(60_000);
  const view = plainStatus(metrics, clock, more);
  return findings(view()).map(({ level, what, next }) =>
    `${level}: ${what} ${next}`.replaceAll('\u00a0', ' '),
  );
}

test('where all is well, that is said, with what there was', async (t) => {
  t.strictSame(await after(() => {}), [
    'good: Nothing stands out now; no lookup has failed or taken more than a second.',
  ]);
  const past = await after(({ lookups }) => {
    lookups.steps.observe('failed', 1);
    lookups.duration.observe(0.1);
  });
  t.match(past[0], /since the start, 1 of 101 lookups failed and 0 took more than a second/);
});

test('each thing that is wrong is said, with what to look at next', async (t) => {
  const server = (name: string, trouble?: UpstreamFailure) => (metrics: Metrics) => {
    Object.assign(serverTallies(metrics.upstream, name), { dead: true, trouble });
  };
  const cases: readonly [RegExp, (metrics: Metrics) => void, Partial<StatusSources>?][] = [
    [/^bad: Not ready: it is stopping\./, () => {}, { ready: () => ['it is stopping'] }],
    [/^bad: It met 2 of its own bugs/, ({ daemon }) => daemon.bugs.add(2)],
    [/^bad: udp:\/\/10\.96\.0\.10: no answer\. Only what is cached/, server('udp://10.96.0.10')],
    [/^warn: udp:\/\/10\.96\.0\.11: no answer\. The others/, server('udp://10.96.0.11')],
    [/^bad: udp:.*: refused, nothing listens there\. Only/, server('udp://10.96.0.10', 'refused')],
    [/^bad: udp:.*: this machine refuses to send to it\./, server('udp://10.96.0.10', 'local')],
    [/^bad: udp:.*: its replies cannot be read\. Ask it/, server('udp://10.96.0.10', 'malformed')],
    [
      /^bad: 2\.9 % of the answers are SERVFAIL\. Upstream itself/,
      ({ listen }) => listen.responses.add('SERVFAIL', 'upstream', 3),
    ],
    [
      /^bad: 2\.9 % of the answers are SERVFAIL\. .* timeout 3\.$/,
      ({ listen, upstream }) => {
        listen.responses.add('SERVFAIL', 'failure', 3);
        upstream.failures.add('timeout', 3);
      },
    ],
    [
      /^bad: One lookup in a hundred takes 4\.\d s\./,
      ({ lookups }) => lookups.duration.observe(4, 5),
    ],
    [
      /^warn: 10 % of the questions have to be sent again\. Datagrams get lost/,
      ({ upstream }) => {
        upstream.sends.add('udp', 100);
        upstream.retransmissions.add(10);
        upstream.rescues.add(9);
      },
    ],
    [
      /^warn: 10 % .* later than they used to/,
      ({ upstream }) => {
        upstream.sends.add('udp', 100);
        upstream.retransmissions.add(10);
      },
    ],
    [
      /^warn: cluster\.local\. does not deny/,
      ({ conformance }) => conformance.verdicts.set('cluster.local.', 'nonconforming'),
    ],
  ];
  for (const [expected, happened, more] of cases) {
    const said = await after(happened, more);
    t.equal(said.length, 1, said.join('\n'));
    t.match(said[0], expected);
  }
});

test('a share of next to nothing says nothing', async (t) => {
  const said = await after(({ listen, upstream }) => {
    listen.responses.add('SERVFAIL', 'upstream', 1);
    upstream.sends.add('udp', 10);
    upstream.retransmissions.add(5);
  });
  t.match(said, [/^good/]);
});

test('who is asked nothing says so', async (t) => {
  const said = await after((metrics) => {
    for (const [, , tally] of metrics.listen.queries.entries()) tally.value = 0;
  });
  t.match(said, [/^warn: No program has asked anything for 60 s\. Does \/etc\/resolv\.conf/]);
});
