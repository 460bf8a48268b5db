// A real Prometheus scrapes a real sidestub under traffic of every kind: what is declared is counted, and every query of
// ours has data.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'tap';
import { type RunningSidestub, scratch, startSidestub } from '../observe/running-sidestub.ts';
import {
  dashboardQueries,
  documentedQueries,
  type Query,
  rules,
  withoutComparison,
} from './monitoring.ts';
import { has, skip, startPrometheus } from './prometheus-server.ts';
import { everyKindOfTraffic, TRAFFIC_SETTINGS } from './traffic.ts';

/** What this traffic cannot move, and why that is right. */
const UNMOVED: Readonly<Record<string, string>> = {
  sidestub_bugs_total: 'must stay 0',
  sidestub_cache_evictions_total: 'the cache is larger than what was asked',
  sidestub_query_log_dropped_total: 'the disk keeps up',
  sidestub_tcp_connections_refused_total: 'who is idle gives way first',
  sidestub_upstream_edns_fallbacks_total: 'the cluster speaks EDNS',
  sidestub_upstream_failovers_total: 'it has one server',
  sidestub_upstream_malformed_replies_total: 'what it says can be read',
  sidestub_upstream_mismatched_replies_total: 'nobody guesses IDs',
  sidestub_upstream_order_changes_total: 'families.order is serial',
  sidestub_zone_conformance_changes_total:
    'counted at its first verdict, which may be before the first scrape',
};

test('a real Prometheus scrapes a real sidestub, and every query has data', async (t) => {
  if (!(await has('prometheus'))) return skip(t, 'prometheus');
  const folder = scratch(t);
  const sidestub = await startSidestub(t, { folder, settings: TRAFFIC_SETTINGS });
  const prometheus = await startPrometheus(t, sidestub.url);
  const scraped = async () => {
    const [sample] = await prometheus.query('count_over_time(up{job="sidestub"}[1m])');
    return Number(sample?.value[1] ?? 0);
  };
  // A rate needs a reading before what it counts, and one behind it.
  await until(async () => (await scraped()) >= 2);
  await everyKindOfTraffic(sidestub, folder);
  const before = await scraped();
  for (let n = 0; n < 200 && (await scraped()) < before + 3; n++) {
    await sidestub.lookup(`n${n}.example.com`);
    await wait(100);
  }

  await t.test(
    'what is declared is counted: nothing stays at 0 that this traffic concerns',
    async (t) => {
      const text = await exposition(sidestub);
      for (const name of text.match(/(?<=^# TYPE )\S+(?= counter$)/gm) ?? []) {
        const values = Array.from(
          text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm')),
          ([, value]) => Number(value),
        );
        const moved = values.some((value) => value > 0);
        t.ok(moved || UNMOVED[name] !== undefined, name);
        if (name === 'sidestub_bugs_total') t.notOk(moved, name);
      }
    },
  );

  await t.test('every query has data, and a number in it', async (t) => {
    const recorded = rules().flatMap(({ record }) =>
      record === undefined ? [] : [{ where: `rule ${record}`, expr: record }],
    );
    const queries: Query[] = [...documentedQueries(), ...dashboardQueries(), ...recorded];
    for (const { where, expr } of queries) {
      await prometheus.query(expr);
      const data = await prometheus.query(withoutComparison(expr));
      t.ok(
        data.some(({ value: [, number] }) => Number.isFinite(Number(number))),
        `${where}: ${expr}`,
      );
    }
  });

  await t.test(
    'the rules are loaded and healthy; what is wrong is alerted, and no more',
    async (t) => {
      const loaded = (await prometheus.rules()).flatMap((group) => group.rules);
      t.equal(loaded.length, rules().length);
      for (const { name, health, lastError } of loaded) {
        t.equal(health, 'ok', `${name}: ${lastError ?? ''}`);
      }
      const firing = loaded.filter(({ state }) => state === 'firing').map(({ name }) => name);
      t.strictSame(firing, ['SidestubReloadFailed'], 'one that waits for nothing, and happened');
    },
  );

  await t.test('OpenMetrics is what it asks for and can read', async (t) => {
    const [up] = await prometheus.query('up{job="sidestub"}');
    t.equal(up?.value[1], '1');
    const [samples] = await prometheus.query('scrape_samples_scraped{job="sidestub"}');
    t.ok(Number(samples?.value[1]) > 300, `${samples?.value[1]} series`);
    const reply = await fetch(`${sidestub.url}/metrics`, {
      headers: { accept: 'application/openmetrics-text;version=1.0.0' },
    });
    t.match(reply.headers.get('content-type'), /openmetrics/);
    const text = await reply.text();
    t.match(text, /# EOF\n$/);
    t.ok(text.length < 100 * 1_024, 'a scrape is less than 100 KiB');
  });

  await t.test('promtool has nothing to say against names, units and help', async (t) => {
    const { code, said } = await checkMetrics(await exposition(sidestub));
    t.equal(said, '');
    t.equal(code, 0);
    const bad = await checkMetrics('# TYPE sidestub_latency_ms counter\nsidestub_latency_ms 1\n');
    t.not(bad.code, 0, 'it would say so');
  });
});

async function exposition({ url }: RunningSidestub): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

async function checkMetrics(text: string): Promise<{ code: number | null; said: string }> {
  let said = '';
  const child = execFile('promtool', ['check', 'metrics'], (_error, stdout, stderr) => {
    said = stdout + stderr;
  });
  child.stdin?.end(text);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 300; n++) {
    if (await holds()) return;
    await wait(100);
  }
  throw new Error('not in 30 s');
}
