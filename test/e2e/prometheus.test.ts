// What the operators see: rules that fire and stay silent, and a real Prometheus that scrapes a real sidestub.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'tap';
import { scratch, startSidestub } from '../observe/running-sidestub.ts';
import {
  dashboardQueries,
  documentedQueries,
  MONITORING,
  panels,
  type Query,
  rules,
  ruleTests,
  withoutComparison,
} from './monitoring.ts';
import { prometheusRule } from './prometheus-rule.ts';

const run = promisify(execFile);
const folder = fileURLToPath(MONITORING);

test('promtool finds the rules right, and each alert as its tests tell', async (t) => {
  if (!(await has('promtool'))) return skip(t, 'promtool');
  t.match(
    (await run('promtool', ['check', 'rules', 'rules.yaml'], { cwd: folder })).stdout,
    /SUCCESS/,
  );
  const tested = await run('promtool', ['test', 'rules', 'rules_test.yaml'], { cwd: folder });
  t.match(tested.stdout, /SUCCESS/);
});

test('each alert is shown firing, at each severity, and silent', (t) => {
  const shown = ruleTests().flatMap((each) => each.alert_rule_test ?? []);
  for (const { alert, labels } of rules()) {
    if (alert === undefined) continue;
    const own = shown.filter(({ alertname }) => alertname === alert);
    const severities = own.flatMap(({ exp_alerts: alerts = [] }) =>
      alerts.map(({ exp_labels: { severity } }) => severity),
    );
    t.ok(severities.includes(labels?.severity), `${alert} fires with ${labels?.severity}`);
    t.ok(
      own.some(({ exp_alerts: alerts = [] }) => alerts.length === 0),
      `${alert} is silent`,
    );
  }
  t.end();
});

test('each alert says what it means, and where it is told what to do', (t) => {
  const operating = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8');
  for (const { alert, annotations = {}, labels } of rules()) {
    if (alert === undefined) continue;
    t.match(labels?.severity, /^(info|warning|critical)$/, alert);
    t.match(annotations, { summary: /\S/, description: /\.$/ }, alert);
    t.equal(annotations['runbook'], `docs/operating.md#${alert.toLowerCase()}`);
    t.match(operating, new RegExp(`^### ${alert}$`, 'm'), `docs/operating.md tells of ${alert}`);
  }
  t.end();
});

test("the operator's resource is rules.yaml and nothing else", (t) => {
  const { found, expected } = prometheusRule();
  t.equal(found, expected, 'run: npx node test/e2e/prometheus-rule.ts');
  t.end();
});

test('the dashboard says of each panel what it shows, and no two stand in one place', (t) => {
  const taken = new Set<string>();
  for (const { title, type, description, gridPos, targets } of panels()) {
    if (type !== 'row') {
      t.match(description, /\.$/, title);
      t.ok(targets?.length, title);
    }
    t.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        if (taken.has(`${x} ${y}`)) t.fail(`${title} lies over another panel`);
        taken.add(`${x} ${y}`);
      }
    }
  }
  t.end();
});

test('every metric has its place on the dashboard, but for those that say when and that', (t) => {
  const asked = dashboardQueries()
    .map(({ expr }) => expr)
    .join('\n');
  const elsewhere = [
    'process_start_time_seconds',
    'sidestub_zone_conformance_changes_total',
    'sidestub_tcp_connections_accepted_total',
    'sidestub_tcp_connections_refused_total',
    'sidestub_query_log_dropped_total',
  ];
  const missing = documentedQueries()
    .map(({ where }) => where.replace(/^.*: /, ''))
    .filter((name) => !asked.includes(name));
  t.strictSame(missing.sort(), elsewhere.sort());
  t.end();
});

test('a real Prometheus scrapes a real sidestub, and every query has data', async (t) => {
  if (!(await has('prometheus'))) return skip(t, 'prometheus');
  const sidestub = await startSidestub(t, {
    settings: { search: { pin: ['packages.example.com'] } },
  });
  const prometheus = await startPrometheus(t, sidestub.url);
  const scraped = `count_over_time(up{job="sidestub"}[1m])`;
  // Lookups go on while it scrapes, so that every rate has something to count.
  for (let n = 0; n < 200; n++) {
    await sidestub.lookup('git.example.com');
    await sidestub.lookup('packages.example.com');
    await sidestub.lookup(`n${n}.example.com`);
    const [sample] = await prometheus.query(scraped);
    if (Number(sample?.value[1] ?? 0) >= 5) break;
    await wait(100);
  }
  const recorded = rules().flatMap(({ record }) =>
    record === undefined ? [] : [{ where: `rule ${record}`, expr: record }],
  );
  const queries: Query[] = [...documentedQueries(), ...dashboardQueries(), ...recorded];
  for (const { where, expr } of queries) {
    await prometheus.query(expr);
    const data = await prometheus.query(withoutComparison(expr));
    t.ok(data.length > 0, `${where}: ${expr}`);
  }

  await t.test('and the rules are loaded, healthy and, all being well, silent', async (t) => {
    const groups = await prometheus.rules();
    const loaded = groups.flatMap((group) => group.rules);
    t.equal(loaded.length, rules().length);
    for (const { name, health, lastError, state } of loaded) {
      t.equal(health, 'ok', `${name}: ${lastError ?? ''}`);
      t.not(state, 'firing', name);
    }
  });

  await t.test('and OpenMetrics is what it asks for and can read', async (t) => {
    const [up] = await prometheus.query('up{job="sidestub"}');
    t.equal(up?.value[1], '1');
    const [samples] = await prometheus.query('scrape_samples_scraped{job="sidestub"}');
    t.ok(Number(samples?.value[1]) > 300, `${samples?.value[1]} series`);
    const reply = await fetch(`${sidestub.url}/metrics`, {
      headers: { accept: 'application/openmetrics-text;version=1.0.0' },
    });
    t.match(reply.headers.get('content-type'), /openmetrics/);
    t.ok((await reply.text()).length < 100 * 1_024, 'a scrape is less than 100 KiB');
  });
});

interface Vector {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

interface LoadedRule {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
  readonly state?: string;
}

/** What these helpers need of a tap test. */
interface Test {
  teardown(undo: () => unknown): void;
}

const BOUND = 30_000;

async function startPrometheus(t: Test, target: string) {
  const place = scratch(t);
  for (const name of readdirSync(folder)) {
    if (name === 'rules.yaml') copyFileSync(join(folder, name), join(place, name));
  }
  const config = {
    global: { scrape_interval: '500ms', evaluation_interval: '500ms' },
    rule_files: ['rules.yaml'],
    scrape_configs: [
      { job_name: 'sidestub', static_configs: [{ targets: [target.replace('http://', '')] }] },
    ],
  };
  // JSON is YAML.
  writeFileSync(join(place, 'prometheus.yml'), JSON.stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(place, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(place, 'data')}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ],
    { stdio: 'ignore' },
  );
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill();
    await exited;
  });
  const get = async (path: string): Promise<unknown> => {
    const reply = await fetch(`http://${address}${path}`);
    const { status, data, error } = (await reply.json()) as Record<string, unknown>;
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  };
  const deadline = performance.now() + BOUND;
  for (;;) {
    const isReady = await fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) break;
    if (performance.now() > deadline || child.exitCode !== null) throw new Error('no Prometheus');
    await wait(50);
  }
  return {
    async query(expr: string): Promise<Vector[]> {
      const data = await get(`/api/v1/query?query=${encodeURIComponent(expr)}`);
      return (data as { result: Vector[] }).result;
    },
    async rules(): Promise<{ rules: LoadedRule[] }[]> {
      return ((await get('/api/v1/rules')) as { groups: { rules: LoadedRule[] }[] }).groups;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function has(program: string): Promise<boolean> {
  return run(program, ['--version']).then(
    () => true,
    () => false,
  );
}

/** As the lab does: where CI promises the tools, their absence is a failure. */
function skip(
  t: { pass(message: string, extra: object): unknown; fail(m: string): unknown },
  program: string,
): void {
  const { SIDESTUB_E2E: mode } = process.env;
  if (mode === 'required') t.fail(`not installed: ${program}`);
  else t.pass('needs Prometheus', { skip: `not installed: ${program}` });
}
