import type { Check } from './check.ts';
import { gate } from './checks/gate.ts';
import { sidecar } from './checks/sidecar.ts';
import { start } from './checks/start.ts';

/** In the order in which they run. */
export const checks: readonly Check[] = [sidecar, start, gate];
