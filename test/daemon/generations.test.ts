import { getHeapStatistics, queryObjects } from 'node:v8';
import { type Test, test } from 'tap';
import { loadSettings } from '../../src/config/load.ts';
import { Generations } from '../../src/daemon/generations.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { Tally } from '../../src/observe/tally.ts';
import { AnswerCache } from '../../src/resolve/answer-cache.ts';
import { ownQuery } from '../../src/resolve/stage.ts';
import { RrType } from '../../src/wire/codes.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message } from '../support/messages.ts';

function settingsFor(upstream: string) {
  const readFile = () => 'search job.svc.cluster.local svc.cluster.local cluster.local\n';
  const env = { SIDESTUB_UPSTREAMS: upstream };
  return loadSettings({ flags: {}, env, readFile, machine: ['127.0.0.1'] }).settings;
}

function setup(t: Test) {
  const clock = new HandClock();
  const metrics = createMetrics();
  const first = settingsFor('192.0.2.1');
  const tallies = {
    cache: metrics.cache,
    coalesced: metrics.flights.coalesced,
    flights: { full: new Tally(), crowded: new Tally() },
    repairs: metrics.families.repairs,
    silentRouteFull: metrics.limits.reached.tally('silent_route_full'),
    fates: metrics.search.fates,
    speculations: metrics.search.speculations,
  };
  const generations = new Generations(
    {
      clock,
      metrics,
      tallies,
      onVerdict: () => undefined,
      onReady: () => undefined,
      onLoop: () => t.fail('no upstream is sidestub'),
      onBug: (error) => t.fail(String(error)),
      onUntrusted: (reason) => t.fail(reason),
      onOrder: undefined,
      onHealth: undefined,
    },
    { settings: first },
  );
  t.teardown(() => generations.close());
  return { clock, generations, first };
}

test('V8 counts the memory of answers from the first reload on', (t) => {
  const counted = () => getHeapStatistics().external_memory;
  const before = counted();
  const { generations, first } = setup(t);
  const { octets } = first.cache;
  t.ok(counted() - before < octets / 4, 'not that which the first lookups find');
  const started = counted();
  generations.replace({ settings: first });
  t.ok(counted() - started >= octets);
  t.end();
});

const QUERY = ownQuery('git.example.com.', RrType.A);

test('a reload takes over what the same servers have said, and nothing of others', (t) => {
  const { generations, first } = setup(t);
  const known = () => generations.resolver.cache.has(QUERY);
  generations.resolver.cache.store(
    QUERY,
    message({ answer: [a('git.example.com.', '192.0.2.7', 60)] }),
  );
  generations.replace({ settings: first });
  t.equal(known(), true);
  generations.replace({ settings: settingsFor('192.0.2.2') });
  t.equal(known(), false);
  generations.stop();
  t.end();
});

test('a generation that was replaced leaves nothing behind, however many there were (S1)', async (t) => {
  const { clock, generations, first } = setup(t);
  for (let turn = 0; turn < 5; turn++) {
    generations.replace({ settings: first });
    // Past every deadline: what the old one had in flight is over.
    await clock.advance(10_000);
  }
  generations.stop();
  // It collects garbage first.
  t.equal(queryObjects(AnswerCache, { format: 'count' }), 1);
});
