import { askAtRate, type Outcome, percentile } from '../../support/questioner.ts';
import { withFront } from './front.ts';
import { longest, type Row, succeeded } from './row.ts';

const ROUND_TRIP = 20;
const COUNT = { full: 500, short: 200 };

/** Datagrams get lost: each exchange with the upstream with the same chance. */
export const lossRows: readonly Row[] = [
  lossRow({ loss: 0.05, kind: 'single', limit: 60 }),
  lossRow({ loss: 0.2, kind: 'single', limit: 200 }),
  lossRow({ loss: 0.05, kind: 'pair', limit: 160 }),
  lossRow({ loss: 0.2, kind: 'pair', limit: 300 }),
];

function lossRow({
  loss,
  kind,
  limit,
}: {
  readonly loss: number;
  readonly kind: 'single' | 'pair';
  readonly limit: number;
}): Row {
  const share = `${loss * 100} %`;
  return {
    name: `loss-${kind}-${loss * 100}`,
    title: `${share} loss, 20 ms away, 500 ${kind === 'pair' ? 'pairs' : 'single questions'}`,
    goal: `500 ok, p99 <= ${limit} ms`,
    takes: () => true,
    measure: (contestant, extent) =>
      withFront(contestant, { weather: { delay: ROUND_TRIP, loss } }, async ({ client }) => {
        const count = COUNT[extent];
        const ask = (i: number): Promise<Outcome> => client[kind](`n${i}.example.com.`);
        const outcomes = await askAtRate(100, count, ask);
        return [
          { what: 'ok', value: succeeded(outcomes), atLeast: count },
          { what: 'p50', value: percentile(outcomes, 0.5), unit: 'ms' },
          { what: 'p99', value: percentile(outcomes, 0.99), unit: 'ms', atMost: limit },
          { what: 'max', value: longest(outcomes), unit: 'ms' },
        ];
      }),
  };
}
