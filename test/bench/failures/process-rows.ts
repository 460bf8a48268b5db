import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../../src/clock.ts';
import { askAtRate } from '../../support/questioner.ts';
import type { Contestant } from './contestant.ts';
import { runningOf, withFront } from './front.ts';
import { longest, type Row, succeeded } from './row.ts';

/** dnsdist ignores SIGHUP: its configuration is changed at a console. */
const RELOADS: readonly Contestant[] = ['sidestub', 'dnsmasq', 'unbound', 'bind9'];
/** Far above every upstream's delay: what has no answer by then was lost. */
const LOST = { timeout: 3_000, tries: 1 };

const reload: Row = {
  name: 'reload',
  title: 'SIGHUP 20 times at 1,000 questions/s',
  goal: '0 lost',
  takes: (contestant) => RELOADS.includes(contestant),
  measure: (contestant, extent) =>
    withFront(contestant, { weather: { delay: 5 } }, async (front) => {
      const forwarder = runningOf(front);
      const every: Milliseconds = extent === 'full' ? 500 : 100;
      // Every second name is in the cache, as far as a reload leaves it there.
      const nameOf = (i: number) => (i % 2 === 0 ? `n${i}` : `hot${i % 100}`);
      const load = askAtRate(1_000, 22 * every, (i) =>
        front.client.single(`${nameOf(i)}.example.com.`, LOST),
      );
      for (let turn = 0; turn < 20; turn++) {
        await wait(every);
        forwarder.signal('SIGHUP');
      }
      const outcomes = await load;
      return [
        {
          what: `of ${outcomes.length} lost`,
          value: outcomes.length - succeeded(outcomes),
          atMost: 0,
        },
        { what: 'max', value: longest(outcomes), unit: 'ms' },
      ];
    }),
};

const stop: Row = {
  name: 'stop',
  title: 'SIGTERM with 200 in flight, upstream 100 ms away',
  goal: '200 answered',
  takes: (contestant) => contestant !== 'directly',
  measure: (contestant) =>
    withFront(contestant, { weather: { delay: 100 } }, async (front) => {
      const forwarder = runningOf(front);
      const lookups = Array.from({ length: 200 }, (_, i) =>
        front.client.single(`n${i}.example.com.`, LOST),
      );
      // All of them have reached the upstream when so many have: nobody answers before 100 ms.
      const deadline = performance.now() + 90;
      while (front.upstreams[0].asked < 200 && performance.now() < deadline) await wait(1);
      forwarder.signal('SIGTERM');
      return [{ what: 'answered', value: succeeded(await Promise.all(lookups)), atLeast: 200 }];
    }),
};

export const processRows: readonly Row[] = [reload, stop];
