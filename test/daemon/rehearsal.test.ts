// The rehearsal as the daemon runs it: a second daemon between sockets on the loopback.
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'tap';
import { monotonicClock } from '../../src/clock.ts';
import { loadSettings } from '../../src/config/load.ts';
import { type Daemon, startDaemon } from '../../src/daemon/daemon.ts';
import { type RehearsalParts, rehearse } from '../../src/daemon/rehearsal.ts';
import type { Totals } from '../../src/observe/totals.ts';
import { sources } from '../config/written-sources.ts';
import { startSidestub } from '../observe/running-sidestub.ts';

const { settings } = loadSettings(sources());

/** A rehearsal that has begun, and the daemon that it goes through. */
function begin(more: Partial<RehearsalParts> = {}) {
  let daemon: Daemon | undefined;
  let last: Totals | undefined;
  const ended = rehearse({
    settings,
    clock: monotonicClock,
    asked: () => 0,
    signal: new AbortController().signal,
    start: async (own) => {
      const onFatal = (): void => undefined;
      const started = await startDaemon({ ...own, clock: monotonicClock, version: '1', onFatal });
      daemon = started;
      const stop = () => {
        last = started.totals();
        return started.stop();
      };
      return { endpoints: started.endpoints, stop };
    },
    ...more,
  });
  return { ended, daemon: () => daemon, totals: () => last ?? daemon?.totals() };
}

test('a rehearsal meets what a job meets: misses, hits, cuts, one name over TCP', async (t) => {
  const { ended, daemon, totals } = begin();
  await ended;
  const { answered, failed } = totals() ?? {};
  t.equal(failed, 0);
  for (const source of ['upstream', 'cache', 'cut'] as const) {
    t.ok((answered?.[source] ?? 0) > 0, source);
  }
  t.equal(answered?.failure, 0);
  t.equal(daemon()?.metrics.upstream.sends.get('tcp'), 2);
  t.equal(daemon()?.metrics.daemon.bugs.value, 0);
  const [endpoint] = daemon()?.endpoints ?? [];
  t.equal(endpoint, undefined, 'it listens no more');
});

test('a rehearsal waits as long as real questions come', async (t) => {
  let questions = 0;
  let busy = true;
  const { ended, totals } = begin({ asked: () => (busy ? ++questions : questions) });
  while (totals() === undefined) await wait(20);
  await wait(500);
  t.equal(totals()?.queries, 0);
  busy = false;
  await ended;
  t.ok((totals()?.queries ?? 0) > 0);
});

test('memory is tidied before the lookups, and waits for real questions and the end as they do', async (t) => {
  let questions = 0;
  let pauses = 0;
  const early = begin({
    asked: () => (pauses === 1 && questions < 9 ? ++questions : questions),
    tidy: async (pause) => {
      for (; pauses < 2; pauses++) await pause();
      t.equal(questions, 9);
      t.equal(early.totals()?.queries, 0);
    },
  });
  await early.ended;
  t.equal(pauses, 2);
  t.ok((early.totals()?.queries ?? 0) > 0);
  const stopping = new AbortController();
  let passed = 0;
  const stopped = begin({
    signal: stopping.signal,
    tidy: async (pause) => {
      await pause();
      passed++;
      stopping.abort();
      await pause();
      passed++;
    },
  });
  await stopped.ended;
  t.equal(passed, 1);
  t.equal(stopped.totals()?.queries, 0);
});

test('a rehearsal that is told to stop ends in the middle', async (t) => {
  const all = begin();
  await all.ended;
  const stopping = new AbortController();
  // At the look after the first lookup.
  let looks = 0;
  const asked = () => {
    if (++looks === 3) stopping.abort();
    return 0;
  };
  const some = begin({ asked, signal: stopping.signal });
  await some.ended;
  t.ok((some.totals()?.queries ?? 0) > 0);
  t.ok((some.totals()?.queries ?? 0) < (all.totals()?.queries ?? 0) / 2);
});

test('nothing of a rehearsal shows: not in the metrics, the log, or at the upstream', async (t) => {
  const { cluster, url, log, stop } = await startSidestub(t, {
    settings: { log: { level: 'debug' } },
  });
  await wait(2_000);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  t.match(metrics, /^sidestub_queries_total\{transport="udp",type="A"\} 0$/m);
  t.match(metrics, /^sidestub_cache_entries\{part="positive"\} 0$/m);
  t.notOk(cluster.asked.some(({ qname }) => qname.includes('example.com')));
  t.notOk(JSON.stringify(log).includes('example.com'));
  const { code, stderr } = await stop();
  t.same({ code, stderr }, { code: 0, stderr: '' });
});
