import type { Milliseconds } from '../../../src/clock.ts';
import type { Outcome } from '../../support/questioner.ts';
import type { Contestant } from './contestant.ts';

/** One number that was measured, and what it has to be. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  /** `ms` is rounded; times are what a test on a busy machine gives more room. */
  readonly unit?: 'ms' | 's' | 'MiB' | 'MiB/h';
  /** The value may be off by so much either way, and its limits are missed only beyond that. */
  readonly noise?: number;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** How much of a row is run: what stands in the table, or what a test can afford. */
export type Extent = 'full' | 'short';

/** A row of the table: something that fails, and what came of the lookups. */
export interface Row {
  /** Names it on the command line. */
  readonly name: string;
  readonly title: string;
  readonly goal: string;
  /** Needs namespaces, and so root. */
  readonly inLab?: true;
  /** Mostly waits: all contestants can be measured side by side. */
  readonly waits?: true;
  /** Whether this contestant can be measured at all: not everybody speaks TLS, or keeps an order. */
  takes(contestant: Contestant): boolean;
  measure(contestant: Contestant, extent: Extent): Promise<readonly Figure[]>;
}

/**
 * By how much a time may exceed its limit in a test, which shares its machine: far below the seconds that libc waits where
 * nothing is done about a failure. What goes into the table has no such room.
 */
export const SLACK: Readonly<Record<Extent, Milliseconds>> = { full: 0, short: 500 };

/** Why a figure misses its goal; `undefined` where it holds. */
export function shortfall(figure: Figure, extent: Extent = 'full'): string | undefined {
  const { what, value, atMost, atLeast, noise = 0 } = figure;
  const isBounded = atMost !== undefined || atLeast !== undefined;
  // What never came is written as null in JSON, which is 0 to a comparison.
  if (isBounded && !Number.isFinite(value)) return `${what}: never`;
  if (atMost !== undefined && !(value - noise <= atMost + slackOf(figure, extent)))
    return `${what}: ${value} > ${atMost}`;
  if (atLeast !== undefined && !(value + noise >= atLeast)) return `${what}: ${value} < ${atLeast}`;
  return undefined;
}

function slackOf({ unit }: Figure, extent: Extent): number {
  if (unit === 'ms') return SLACK[extent];
  return unit === 's' ? SLACK[extent] / 1_000 : 0;
}

/** As it stands in a cell of the table. */
export function figureText({ what, value, unit, noise }: Figure): string {
  const digits = unit === 'ms' || Number.isInteger(value) ? 0 : 2;
  const off = noise === undefined ? '' : ` ± ${numberText(noise, digits)}`;
  if (!Number.isFinite(value)) return `${what}: never`;
  const text = `${numberText(value, digits)}${off}`;
  return unit === undefined ? `${text} ${what}` : `${what} ${text} ${unit}`;
}

function numberText(value: number, digits: number): string {
  return value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** How many lookups came to something. */
export function succeeded(outcomes: readonly Outcome[]): number {
  return outcomes.filter(({ ok }) => ok).length;
}

/** The longest of the times; 0 of none. */
export function longest(outcomes: readonly Outcome[]): number {
  return Math.max(0, ...outcomes.map(({ ms }) => ms));
}
