// What the operators are told by: rules that fire and stay silent, and a dashboard that says what it shows.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'tap';
import {
  dashboardQueries,
  documentedQueries,
  MONITORING,
  panels,
  rules,
  ruleTests,
} from './monitoring.ts';
import { prometheusRule } from './prometheus-rule.ts';
import { has, skip } from './prometheus-server.ts';

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
