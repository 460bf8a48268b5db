import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../../src/clock.ts';
import { askAtRate } from '../../support/questioner.ts';
import { withFront } from './front.ts';
import { longest, type Row, succeeded } from './row.ts';

const RATE = 1_000;
const SPAN: Readonly<Record<'full' | 'short', Milliseconds>> = { full: 10_000, short: 2_000 };
/** As long as a client goes on asking: 5 s, twice. */
const LAST_WORD: Milliseconds = 10_000;

/**
 * An upstream that is away under load: what is asked of it meanwhile must not be a storm. `directly` is the measure: each
 * client sends once, and once more after 5 s.
 */
export const outageLoad: Row = {
  name: 'outage-load',
  title: `an upstream is away for 10 s at ${RATE} new names a second`,
  goal: 'no more datagrams than the same clients send directly: two a question',
  waits: true,
  takes: (contestant) => contestant === 'directly' || contestant === 'sidestub',
  measure: (contestant, extent) =>
    withFront(contestant, { weather: { delay: 5 } }, async ({ client, upstreams: [upstream] }) => {
      const { [extent]: span } = SPAN;
      const before = upstream.datagrams;
      const messages = upstream.asked;
      upstream.weather.silent = true;
      const count = (span / 1_000) * RATE;
      const load = askAtRate(RATE, count, (i) => client.single(`n${i}.example.com.`));
      await wait(span);
      upstream.weather.silent = false;
      const outcomes = await load;
      await wait(Math.max(0, LAST_WORD - longest(outcomes)));
      const datagrams = upstream.datagrams - before;
      return [
        { what: 'datagrams a question', value: datagrams / count, atMost: 2 },
        { what: 'over TCP', value: (upstream.asked - messages - datagrams) / count },
        { what: `of ${count} answered`, value: succeeded(outcomes) },
      ];
    }),
};
