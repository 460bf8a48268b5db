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

/** In the order in which they run. */
export const checks: readonly Check[] = [
  sidecar,
  start,
  inject,
  statusPage,
  prometheus,
  gitlab,
  symptoms,
  recipes,
  families,
  nodeLocal,
  policy,
  kustomizations,
  webhook,
  neighbours,
  chart,
  nodeDaemon,
  outage,
  gate,
  quotas,
  nodeMode,
];
