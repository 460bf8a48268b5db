import type { Milliseconds } from '../../../src/clock.ts';
import { type Loss, lossOfEach, middlebox } from '../../support/losses.ts';
import { askAtRate, type Outcome, percentile } from '../../support/questioner.ts';
import { type Front, runningOf, withFront } from './front.ts';
import { type Extent, type Figure, longest, type Row, succeeded } from './row.ts';

/** Pairs a second. */
const RATE = 10;
const DISTANCES: readonly Milliseconds[] = [5, 20];
const LOSS = 0.05;

/** A resend's timer, and that of the answer to it, fire in whole milliseconds. */
const TIMERS: Milliseconds = 2;

/** What pairs came to in one order of families, and how often the order changed. */
interface Run {
  readonly outcomes: readonly Outcome[];
  readonly changes: number;
}

/**
 * `families.order: auto` and `serial` at once, each a process before an upstream of its own that loses the same datagrams:
 * the n-th of a question has its own luck, which does not depend on what else is asked.
 */
const autoLoss: Row = {
  name: 'auto-loss',
  title: `${LOSS * 100} % loss in each direction for 10 min, ${RATE} pairs a second: auto and serial side by side`,
  goal: 'no lookup lost that serial does not lose, p99 no worse than with serial, at most 10 changes of state',
  waits: true,
  takes: (contestant) => contestant === 'sidestub',
  measure: async (_, extent) => {
    const figures = await Promise.all(DISTANCES.map((delay) => throughLoss(delay, extent)));
    return figures.flat();
  },
};

const LOSS_SPAN = { full: 600_000, short: 4_000 };

async function throughLoss(delay: Milliseconds, extent: Extent): Promise<readonly Figure[]> {
  const count = (LOSS_SPAN[extent] / 1_000) * RATE;
  const run = (order: 'auto' | 'serial'): Promise<Run> => {
    const settings = { families: { order } };
    const options = { weather: { delay }, isLost: lossOfEach(LOSS, delay), settings };
    return withFront('sidestub', options, async (front) => {
      const outcomes = await askAtRate(RATE, count, (i) => front.client.pair(nameOf(i)));
      return { outcomes, changes: changesOf(front).length };
    });
  };
  const [auto, serial] = await Promise.all([run('auto'), run('serial')]);
  const lostBySerial = new Set(lost(serial.outcomes));
  const lostByAutoAlone = lost(auto.outcomes).filter((name) => !lostBySerial.has(name));
  const far = `${delay} ms away`;
  const limit = percentile(serial.outcomes, 0.99);
  return [
    { what: `of ${count} lost by serial, ${far}`, value: lostBySerial.size },
    { what: 'more by auto', value: lostByAutoAlone.length, atMost: 0 },
    { what: 'serial p50', value: percentile(serial.outcomes, 0.5), unit: 'ms' },
    { what: 'p99', value: limit, unit: 'ms' },
    { what: 'max', value: longest(serial.outcomes), unit: 'ms' },
    { what: 'auto p50', value: percentile(auto.outcomes, 0.5), unit: 'ms' },
    {
      what: 'p99',
      value: percentile(auto.outcomes, 0.99),
      unit: 'ms',
      atMost: limit,
      noise: TIMERS,
    },
    { what: 'max', value: longest(auto.outcomes), unit: 'ms' },
    { what: 'changes of state', value: auto.changes, atMost: 10 },
  ];
}

function lost(outcomes: readonly Outcome[]): string[] {
  return outcomes.filter(({ ok }) => !ok).map(({ name }) => name);
}

function nameOf(number: number): string {
  return `n${number}.example.com.`;
}

/** Each change of the order that its log tells of. */
function changesOf(front: Front): readonly string[] {
  return runningOf(front).log.filter((line) => line.includes('"families_order"'));
}

/** Long enough for pairs to go serial, to be tried again after a minute, and again after two more. */
const MIDDLEBOX_SPAN = { full: 200_000, short: 4_000 };

/** Datagrams that are taken for repetitions and dropped, because they ask for the name of one just before. */
const autoMiddlebox: Row = {
  name: 'auto-middlebox',
  title: `a middlebox drops the second datagram of a name within 20 ms, 10 ms away, ${RATE} pairs a second`,
  goal: 'none lost, none above 1 s; pairs go serial within 16',
  waits: true,
  takes: () => true,
  measure: (contestant, extent) => {
    let isThere = false;
    const drops = middlebox();
    const isLost: Loss = (question, at) => isThere && drops(question, at);
    return withFront(contestant, { weather: { delay: 10 }, isLost }, async (front) => {
      // Only now: the forwarder's own questions at its start would show it the middlebox.
      isThere = true;
      const hasOrder = contestant === 'sidestub';
      const count = (MIDDLEBOX_SPAN[extent] / 1_000) * RATE;
      let wentSerialAfter = Number.POSITIVE_INFINITY;
      const outcomes = await askAtRate(RATE, count, (i) => {
        if (hasOrder && changesOf(front).length > 0) wentSerialAfter = Math.min(wentSerialAfter, i);
        return front.client.pair(nameOf(i));
      });
      const order: Figure = { what: 'pairs before serial', value: wentSerialAfter, atMost: 16 };
      return [
        { what: `of ${count} lost`, value: count - succeeded(outcomes), atMost: 0 },
        { what: 'p50', value: percentile(outcomes, 0.5), unit: 'ms' },
        { what: 'p99', value: percentile(outcomes, 0.99), unit: 'ms' },
        { what: 'max', value: longest(outcomes), unit: 'ms', atMost: 1_000 },
        ...(hasOrder ? [order] : []),
      ];
    });
  },
};

/** What `families.order: auto` does where datagrams get lost (F2). */
export const autoRows: readonly Row[] = [autoLoss, autoMiddlebox];
