import type { Check } from './check.ts';
import { chart } from './checks/chart.ts';
import { gate } from './checks/gate.ts';
import { inject } from './checks/inject.ts';
import { kustomizations } from './checks/kustomizations.ts';
import { nodeDaemon } from './checks/node-daemon.ts';
import { nodeMode } from './checks/node-mode.ts';
import { outage } from './checks/outage.ts';
import { quotas } from './checks/quotas.ts';
import { sidecar } from './checks/sidecar.ts';
import { start } from './checks/start.ts';
import { webhook } from './checks/webhook.ts';

/** In the order in which they run. */
export const checks: readonly Check[] = [
  sidecar,
  start,
  inject,
  kustomizations,
  webhook,
  chart,
  nodeDaemon,
  outage,
  gate,
  quotas,
  nodeMode,
];
