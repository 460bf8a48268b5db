import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../../src/clock.ts';
import { Rcode } from '../../../src/wire/codes.ts';
import type { FailingUpstream } from '../../support/failing-upstream.ts';
import { askAtRate, type Outcome, percentile } from '../../support/questioner.ts';
import { canTake } from './contestant.ts';
import { type Front, withFront } from './front.ts';
import { type Extent, type Figure, longest, type Row, SLACK, succeeded } from './row.ts';

/** A short round trip: what a lookup takes beside it is waiting. */
const NEAR: Milliseconds = 5;

/** An upstream that has more to do than it can take. */
const overload: Row = {
  name: 'overload',
  title: 'an overloaded upstream: 60 ms, 5 % SERVFAIL, 500 questions/s',
  goal: 'at most 1.15 upstream queries a question',
  takes: (contestant) => contestant !== 'directly',
  measure: (contestant, extent) =>
    withFront(contestant, { weather: { delay: 60, servfail: 0.05 } }, async (front) => {
      const count = extent === 'full' ? 5_000 : 1_000;
      const outcomes = await askAtRate(500, count, (i) =>
        front.client.single(`n${i}.example.com.`),
      );
      const answered = outcomes.filter(({ rcode }) => rcode !== undefined);
      return [
        { what: 'upstream a question', value: front.upstreams[0].asked / count, atMost: 1.15 },
        { what: 'answered', value: answered.length, atLeast: count },
        { what: 'p99', value: percentile(outcomes, 0.99), unit: 'ms' },
      ];
    }),
};

/** A server that goes away in mid-load and comes back. */
interface Absence {
  /** Lookups before it went, while it was away, and after it had come back. */
  readonly before: readonly Outcome[];
  readonly away: readonly Outcome[];
  readonly after: readonly Outcome[];
  readonly wentAt: Milliseconds;
  /** How long after its return it answered a client again. */
  readonly usedAfter: Milliseconds;
}

const SPANS = {
  full: { before: 2_000, away: 10_000, after: 7_000 },
  short: { before: 500, away: 4_500, after: 2_500 },
};

/** The first upstream is away for a while, in the middle of new names at a steady rate. */
async function absence(
  { client, upstreams: [first] }: Front,
  { how, extent, rate }: { how: 'silent' | 'refusing'; extent: Extent; rate: number },
): Promise<Absence> {
  const spans = SPANS[extent];
  const load = askAtRate(rate, ((spans.before + spans.away + spans.after) / 1_000) * rate, (i) =>
    client.pair(`n${i}.example.com.`),
  );
  await wait(spans.before);
  const wentAt = performance.now();
  await leave(first, how);
  await wait(spans.away);
  const backAt = performance.now();
  await comeBack(first);
  const outcomes = await load;
  const after = outcomes.filter(({ askedAt }) => askedAt >= backAt);
  const again = after.find(({ server }) => server === 1)?.askedAt ?? Number.POSITIVE_INFINITY;
  return {
    before: outcomes.filter(({ askedAt }) => askedAt < wentAt),
    away: outcomes.filter(({ askedAt }) => askedAt >= wentAt && askedAt < backAt),
    after,
    wentAt,
    usedAfter: again - backAt,
  };
}

async function leave(upstream: FailingUpstream, how: 'silent' | 'refusing'): Promise<void> {
  if (how === 'silent') upstream.weather.silent = true;
  else await upstream.refuse();
}

async function comeBack(upstream: FailingUpstream): Promise<void> {
  if (upstream.weather.silent) upstream.weather.silent = false;
  else await upstream.accept();
}

/** How many lookups may be slow before the server that went is left alone. */
const FEW = 3;

function equalsRow(how: 'silent' | 'refusing'): Row {
  return {
    name: `equal-${how}`,
    title: `one of two equal upstreams goes dead in mid-load (${how})`,
    goal: 'all ok, max 500 ms for the first 3 queries, then 50 ms; used again within 5 s of its return',
    takes: (contestant) => canTake(contestant, { order: 'equal' }),
    measure: (contestant, extent) =>
      withFront(
        contestant,
        { weather: { delay: NEAR }, two: true, order: 'equal' },
        async (front) => {
          const seen = await absence(front, { how, extent, rate: 50 });
          const all = [...seen.before, ...seen.away, ...seen.after];
          const slow = seen.away.filter(({ ms }) => ms > 50 + SLACK[extent]);
          return [
            { what: 'failed', value: all.length - succeeded(all), atMost: 0 },
            { what: 'max', value: longest(all), unit: 'ms', atMost: 500 },
            { what: 'above 50 ms', value: slow.length, atMost: FEW },
            { what: 'used again after', value: seen.usedAfter / 1_000, unit: 's', atMost: 5 },
          ];
        },
      ),
  };
}

/** U1: after so long a silence, and some ms for whoever counts it, a server is known dead. */
const KNOWN_DEAD: Milliseconds = 3_200;

const ordered: Row = {
  name: 'ordered',
  title: 'the first of two ordered upstreams goes dead',
  goal: 'all ok, about 1 s until it is known dead, then 50 ms',
  takes: (contestant) => canTake(contestant, { order: 'ordered' }),
  measure: (contestant, extent) =>
    withFront(
      contestant,
      { weather: { delay: NEAR }, two: true, order: 'ordered' },
      async (front) => {
        const seen = await absence(front, { how: 'silent', extent, rate: 20 });
        const all = [...seen.before, ...seen.away, ...seen.after];
        const known = seen.away.filter(({ askedAt }) => askedAt >= seen.wentAt + KNOWN_DEAD);
        // What was in flight when it died is answered by the other one.
        const early = seen.before.filter(
          ({ server, askedAt, ms }) => server !== 1 && askedAt + ms < seen.wentAt,
        );
        return [
          { what: 'failed', value: all.length - succeeded(all), atMost: 0 },
          { what: 'answered by the second before', value: early.length, atMost: 0 },
          { what: 'max', value: longest(all), unit: 'ms', atMost: 1_150 },
          { what: 'known dead: max', value: longest(known), unit: 'ms', atMost: 50 },
          { what: 'used again after', value: seen.usedAfter / 1_000, unit: 's', atMost: 5 },
        ];
      },
    ),
};

const OUTAGE = { full: 60_000, short: 6_000 };
const EVERY: Milliseconds = 250;

/** Both upstreams are gone for a while; some names are in the cache, their lives over. */
const outage: Row = {
  name: 'outage',
  title: 'both upstreams dead for 60 s',
  goal:
    'names in cache still answer (stale, under 1 s); others SERVFAIL in under 5 s; ' +
    'recovery within 1 s of their return',
  waits: true,
  takes: (contestant) => canTake(contestant, { order: 'equal' }),
  measure: (contestant, extent) =>
    withFront(
      contestant,
      { weather: { delay: NEAR, ttl: 1 }, two: true, order: 'equal' },
      (front) => throughOutage(front, OUTAGE[extent]),
    ),
};

async function throughOutage(
  { client, upstreams }: Front,
  span: Milliseconds,
): Promise<readonly Figure[]> {
  const known = Array.from({ length: 20 }, (_, i) => `known${i}.example.com.`);
  await Promise.all(known.map((name) => client.pair(name)));
  await wait(1_500);
  for (const { weather } of upstreams) weather.silent = true;
  const goneAt = performance.now();
  const count = span / EVERY;
  const each = { perSecond: 1_000 / EVERY, count };
  const cached = askAtRate(each.perSecond, count, (i) =>
    client.pair(known[i % known.length] ?? ''),
  );
  const others = askAtRate(each.perSecond, count, (i) => client.pair(`other${i}.example.com.`));
  await wait(span);
  for (const { weather } of upstreams) weather.silent = false;
  const recovery = await untilHealed(client, count);
  const told = (await others).filter(({ askedAt }) => askedAt < goneAt + span - 5_000);
  const stale = await cached;
  const unanswered = [...told, ...stale].filter(({ rcode }) => rcode === undefined);
  const wrong = told.filter(({ rcode }) => rcode !== Rcode.SERVFAIL && rcode !== undefined);
  return [
    { what: `of ${count} cached answered`, value: succeeded(stale), atLeast: count },
    { what: 'cached: max', value: longest(stale), unit: 'ms', atMost: 1_000 },
    { what: 'without a word', value: unanswered.length, atMost: 0 },
    { what: 'other RCODE than SERVFAIL', value: wrong.length, atMost: 0 },
    { what: 'others: max', value: longest(await others), unit: 'ms', atMost: 5_000 },
    { what: 'recovery', value: recovery / 1_000, unit: 's', atMost: 1 },
  ];
}

/** Asks new names, and those that failed last, until they are answered. @returns How long the slowest took. */
async function untilHealed(client: Front['client'], count: number): Promise<Milliseconds> {
  const backAt = performance.now();
  const failed = Array.from({ length: 4 }, (_, i) => `other${count - 1 - i}.example.com.`);
  const heal = async (name: string): Promise<Milliseconds> => {
    for (let turn = 0; turn < 400; turn++) {
      const { ok } = await client.pair(name, { timeout: 5_000, tries: 1 });
      if (ok) return performance.now() - backAt;
      await wait(50);
    }
    return Number.POSITIVE_INFINITY;
  };
  return Math.max(...(await Promise.all([...failed, 'new.example.com.'].map(heal))));
}

export const serverRows: readonly Row[] = [
  overload,
  equalsRow('silent'),
  equalsRow('refusing'),
  ordered,
  outage,
];
