import { readFileSync, writeFileSync } from 'node:fs';

const folder = new URL('../../k8s/monitoring/', import.meta.url);
const file = new URL('prometheus-rule.yaml', folder);

/** The operator's resource as it is, and as rules.yaml wants it: promtool reads the groups only without their wrapping. */
export function prometheusRule(): { readonly found: string; readonly expected: string } {
  const rules = readFileSync(new URL('rules.yaml', folder), 'utf8');
  const groups = rules.slice(rules.indexOf('groups:'));
  const indented = groups.replace(/^(?=.)/gm, '  ');
  return { found: readFileSync(file, 'utf8'), expected: `${HEAD}${indented}` };
}

const HEAD = `# rules.yaml as the Prometheus operator reads it, made by: npx node test/e2e/prometheus-rule.ts
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: sidestub
  labels:
    app.kubernetes.io/name: sidestub
    # What kube-prometheus-stack selects by.
    release: kube-prometheus-stack
spec:
`;

if (import.meta.main) {
  writeFileSync(file, '', { flag: 'a' });
  writeFileSync(file, prometheusRule().expected);
}
