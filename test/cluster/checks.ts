import type { Check } from './check.ts';
import { sidecar } from './checks/sidecar.ts';

/** In the order in which they run. */
export const checks: readonly Check[] = [sidecar];
