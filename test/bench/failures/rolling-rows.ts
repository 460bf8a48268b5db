import { percentile } from '../../support/questioner.ts';
import { type DnsService, type Gone, type RolloutPace, underLoad } from './dns-service.ts';
import type { PodLookup } from './pod-clients.ts';
import type { Extent, Figure, Row } from './row.ts';

/** kube-proxy gathers changes for a second; CoreDNS comes with a lame duck of five. */
const PACE: Readonly<Record<Extent, RolloutPace>> = {
  full: { proxy: 1_000, lameduck: 5_000 },
  short: { proxy: 300, lameduck: 300 },
};
/** Lookups a second: in the few seconds of a test one of them would meet nothing. */
const LEAST: Readonly<Record<Extent, number>> = { full: 0, short: 25 };
const PODS_OF_A_ROLLOUT = 2;
/** Pods go in both ways within each rollout. */
const WAYS: readonly Gone[] = ['refusing', 'silent'];

interface RollingOptions {
  /** Lookups a second, each of A and AAAA. */
  readonly rate: number;
  readonly rollouts: number;
}

/** Up to so many lookups a second, all contestants can be measured side by side. */
const LIGHT = 100;

function rollingRow({ rate, rollouts }: RollingOptions): Row {
  return {
    name: `rolling-${rate}`,
    title: `both DNS pods are replaced, ${rollouts} times, at ${rateText(rate)}: each leaves the rules 5 s before it goes`,
    goal: 'none failed, none above 500 ms',
    ...rowOf(rate, rollouts, (service, gone) => service.replace(gone)),
  };
}

function abruptRow({ rate, rollouts }: RollingOptions): Row {
  return {
    name: `abrupt-${rate}`,
    title: `both DNS pods are lost, ${rollouts} times, at ${rateText(rate)}: each goes 1 s before it leaves the rules`,
    goal: 'none failed, none above 500 ms',
    ...rowOf(rate, rollouts, (service, gone) => service.lose(gone)),
  };
}

function rateText(rate: number): string {
  return rate === 1 ? '1 lookup a second' : `${rate.toLocaleString('en')} lookups a second`;
}

function rowOf(
  rate: number,
  rollouts: number,
  step: (service: DnsService, gone: Gone) => Promise<void>,
): Pick<Row, 'inLab' | 'waits' | 'takes' | 'measure'> {
  return {
    inLab: true,
    ...(rate <= LIGHT ? { waits: true } : {}),
    takes: () => true,
    measure: async (contestant, extent) => {
      const steps = (extent === 'full' ? rollouts : 1) * PODS_OF_A_ROLLOUT;
      const load = { rate: Math.max(rate, LEAST[extent]), pace: PACE[extent] };
      const lookups = await underLoad({ contestant, ...load }, async (service) => {
        for (let i = 0; i < steps; i++) await step(service, WAYS[i % WAYS.length] ?? 'silent');
      });
      return figuresOf(lookups);
    },
  };
}

const LIMIT = 500;

function figuresOf(lookups: readonly PodLookup[]): Figure[] {
  const times = lookups.map(({ ms }) => ms);
  return [
    {
      what: `of ${lookups.length} failed`,
      value: lookups.filter(({ ok }) => !ok).length,
      atMost: 0,
    },
    { what: 'p50', value: percentile(lookups, 0.5), unit: 'ms' },
    { what: 'p99', value: percentile(lookups, 0.99), unit: 'ms' },
    { what: 'max', value: Math.max(0, ...times), unit: 'ms', atMost: LIMIT },
    { what: `above ${LIMIT} ms`, value: times.filter((ms) => ms > LIMIT).length },
  ];
}

/** The pods of cluster DNS are replaced one after the other, under a steady load of names that are mostly new. */
export const rollingRows: readonly Row[] = [
  rollingRow({ rate: 1, rollouts: 8 }),
  rollingRow({ rate: 50, rollouts: 4 }),
  rollingRow({ rate: 1_000, rollouts: 2 }),
  abruptRow({ rate: 1, rollouts: 20 }),
  abruptRow({ rate: 50, rollouts: 4 }),
  abruptRow({ rate: 1_000, rollouts: 4 }),
];
