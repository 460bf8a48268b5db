import type { Check } from './check.ts';
import { chart } from './checks/chart.ts';
import { families } from './checks/families.ts';
import { gate } from './checks/gate.ts';
import { gitlab } from './checks/gitlab.ts';
import { inject } from './checks/inject.ts';
import { kustomizations } from './checks/kustomizations.ts';
import { neighbours } from './checks/neighbours.ts';
import { nodeDaemon } from './checks/node-daemon.ts';
import { nodeLocal } from './checks/node-local.ts';
import { nodeMode } from './checks/node-mode.ts';
import { outage } from './checks/outage.ts';
import { policy } from './checks/policy.ts';
import { prometheus } from './checks/prometheus.ts';
import { quotas } from './checks/quotas.ts';
import { recipes } from './checks/recipes.ts';
import { sidecar } from './checks/sidecar.ts';
import { start } from './checks/start.ts';
import { statusPage } from './checks/status-page.ts';
import { symptoms } from './checks/symptoms.ts';
import { webhook } from './checks/webhook.ts';

/** Lists of checks that run beside each other: most of what a check does is wait. */
type Step = readonly (readonly Check[])[];

/** What runs without names, one step after the other. */
const USUAL: readonly Step[] = [
  [
    // Both have injectors in the namespace `sidestub`, and the pods that they see are labelled.
    [policy, webhook],
    // The last two start and delete the same node daemon: one after the other.
    [sidecar, inject, statusPage, prometheus, gitlab],
    [symptoms, recipes, families, nodeLocal, quotas],
  ],
  [[kustomizations, chart]],
];

/** What judges milliseconds or seconds has the node for itself. Istio's own webhook takes long to build. */
const BY_NAME: readonly Step[] = [neighbours, start, nodeDaemon, outage, gate, nodeMode].map(
  (check) => [[check]],
);

/** The checks of a run without names, and those that have to be named, or `all`. */
export const usual: readonly Check[] = USUAL.flat(2);
export const byName: readonly Check[] = BY_NAME.flat(2);

/** What these names choose, in the order in which it runs; `all` is a name of everything. */
export function chosen(names: readonly string[]): readonly Step[] {
  if (names.length === 0) return USUAL;
  const steps = [...USUAL, ...BY_NAME];
  if (names.includes('all')) return steps;
  return steps.map((step) => step.map((list) => list.filter(({ name }) => names.includes(name))));
}
