import type { Libc, Way } from './ways.ts';

/** A lookup: how long it took, and how many questions CoreDNS saw of it. */
export interface LookupCell {
  readonly libc: Libc;
  readonly sort: string;
  readonly phase: 'cold' | 'next' | 'warm';
  readonly way: Way;
  readonly ms: number;
  readonly questions: number;
}

/** What a thousand lookups cost: CPU in ms, memory in MiB. */
export interface CostCell {
  readonly way: Way;
  readonly median: number;
  readonly p99: number;
  readonly stub: number;
  readonly coredns: number;
  readonly memory: number;
}

export interface StartCell {
  readonly way: Way;
  /** Until a job's first line. */
  readonly firstLine: number;
  /** Until a new service is found. */
  readonly service: number;
}

/** What a client saw that looked names up all the time. */
export interface DripCell {
  readonly way: Way;
  readonly libc: Libc;
  readonly lookups: number;
  readonly failed: number;
  readonly slow: number;
  readonly max: number;
}

/** The same for names that nobody had looked up before. */
export interface OtherCell extends DripCell {
  readonly denied: number;
  /** How long after CoreDNS was back the last one that failed or was slow ended, in ms. */
  readonly late: number;
}

/** The figures of each part, without the machine that they are of. */
export interface Parts {
  lookups: { readonly cells: readonly LookupCell[] };
  cost: { readonly cells: readonly CostCell[] };
  start: { readonly cells: readonly StartCell[] };
  rollouts: { readonly cells: readonly DripCell[] };
  outage: {
    readonly awaySeconds: number;
    readonly cached: readonly DripCell[];
    readonly others: readonly OtherCell[];
  };
}
export type Part = keyof Parts;
export const PARTS: readonly Part[] = ['lookups', 'cost', 'start', 'rollouts', 'outage'];

/** What has been measured, part by part; a part that was not run keeps what was measured before. */
export type Measured = { readonly [Name in Part]?: Parts[Name] & { readonly machine: string } };
