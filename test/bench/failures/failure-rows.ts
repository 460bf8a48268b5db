import { autoRows } from './auto-rows.ts';
import { lossRows } from './loss-rows.ts';
import { nodeRows } from './node-rows.ts';
import { outageLoad } from './outage-load-row.ts';
import { processRows } from './process-rows.ts';
import { rollingRows } from './rolling-rows.ts';
import type { Row } from './row.ts';
import { secureRows } from './secure-rows.ts';
import { serverRows } from './server-rows.ts';
import { soakRow } from './soak-row.ts';

/** Every row of the table, in its order. */
export const failureRows: readonly Row[] = [
  ...lossRows,
  ...autoRows,
  ...nodeRows.slice(0, 2),
  ...serverRows,
  outageLoad,
  ...nodeRows.slice(2),
  ...rollingRows,
  ...secureRows,
  ...processRows,
  soakRow,
];
