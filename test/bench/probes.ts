import type { Milliseconds } from '../../src/clock.ts';

/** Whom to ask, and for how long. */
export interface ProbeOrder {
  readonly port: number;
  readonly statusPort: number;
  readonly seconds: number;
}

/** What is asked, in the order of asking. */
export const PROBES = [
  'hit, UDP',
  'miss, UDP',
  'miss, TCP',
  'hit, new TCP connection',
  'GET /ready',
  'miss, first question lost',
] as const;
export type Probe = (typeof PROBES)[number];

/** How long each took, every time. */
export type ProbeTimes = Record<Probe, Milliseconds[]>;
