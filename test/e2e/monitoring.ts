import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { createMetrics } from '../../src/observe/metrics.ts';

/** A PromQL expression of ours, with where it stands. */
export interface Query {
  readonly where: string;
  readonly expr: string;
}

/** What rules.yaml declares. */
export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: { readonly severity?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What rules_test.yaml shows of an alert. */
export interface RuleTest {
  readonly alert_rule_test?: readonly {
    readonly alertname: string;
    readonly exp_alerts?: readonly { readonly exp_labels: { readonly severity?: string } }[];
  }[];
}

export const MONITORING = new URL('../../k8s/monitoring/', import.meta.url);

export function rules(): Rule[] {
  const { groups } = parse(read('rules.yaml')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap((group) => group.rules);
}

export function ruleTests(): RuleTest[] {
  return (parse(read('rules_test.yaml')) as { tests: RuleTest[] }).tests;
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  readonly targets?: readonly { readonly expr: string }[];
}

export function panels(): Panel[] {
  return (JSON.parse(read('grafana-dashboard.json')) as { panels: Panel[] }).panels;
}

/** Every query of the dashboard, for a Prometheus that knows no Grafana. */
export function dashboardQueries(): Query[] {
  return panels().flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ where: `panel ${title}`, expr: withoutVariables(expr) })),
  );
}

/** Every query of docs/metrics.md: they are declared with their metrics. */
export function documentedQueries(): Query[] {
  return createMetrics().registry.metrics.map(({ name, query }) => ({
    where: `docs/metrics.md: ${name}`,
    expr: query,
  }));
}

/** What a query compares, so that it has data also where nothing is wrong. */
export function withoutComparison(expr: string): string {
  return expr.replace(/\s+(==|>|<)\s+[\d.]+$/, '');
}

/** As Grafana fills them in when all is chosen. */
function withoutVariables(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$job', '.+')
    .replaceAll('$instance', '.+');
}

function read(name: string): string {
  return readFileSync(new URL(name, MONITORING), 'utf8');
}
