import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../../src/clock.ts';
import { atRate, type Questioner } from '../../support/questioner.ts';
import { type Contestant, canTake, type Running, statusOf } from './contestant.ts';
import { type Front, runningOf, withFront } from './front.ts';
import type { Extent, Figure, Row } from './row.ts';
import { slopeOf } from './slope.ts';

/** Seconds: of load, from flap to flap, of each, and from reload to reload. */
const PACE = {
  full: { span: 900, flap: 30, away: 4, reload: 20 },
  short: { span: 8, flap: 3, away: 1, reload: 2 },
};
const RATE = 2_000;
/** They all fit into every cache, and their TTL ends before their turn comes again for some of them. */
const NAMES = 1_000;
const WEATHER = { delay: 5, loss: 0.01, ttl: 10 };
/** Far above every delay; a stale answer is told before. */
const ONE_TRY = { timeout: 5_000, tries: 1 };

/** A day of a node in a quarter of an hour: everything at once, for as long as a leak needs to show. */
export const soakRow: Row = {
  name: 'soak',
  title: '15 min soak at 2,000 questions/s with loss, flaps and reloads',
  goal: 'RSS slope 0 within noise, no descriptor leak, counter of bugs 0',
  takes: (contestant) => canTake(contestant, { order: 'equal' }),
  measure: (contestant, extent) =>
    withFront(contestant, { weather: WEATHER, two: true, order: 'equal' }, async (front) => {
      const forwarder = runningOf(front);
      const over = new AbortController();
      const { span, flap, away, reload } = PACE[extent];
      const samples: Sample[] = [];
      const troubles = [
        every(flap, over.signal, (turn) => flapOnce(front, turn, away)),
        every(reload, over.signal, async () => askToReload(contestant, forwarder)),
        every(1, over.signal, async () => void samples.push(sampleOf(forwarder.pid))),
      ];
      const seen = await load(front.client, span);
      over.abort();
      await Promise.all(troubles);
      return figuresOf({
        extent,
        seen,
        samples,
        asked: span * RATE,
        bugs: await bugsOf(contestant, forwarder),
      });
    }),
};

interface Seen {
  failed: number;
  slowest: Milliseconds;
}

/** Asks a walk over all names, in strides, so that neighbours in time are no neighbours in any list. */
async function load(client: Questioner, span: number): Promise<Seen> {
  const seen: Seen = { failed: 0, slowest: 0 };
  let open = 0;
  await atRate(RATE, RATE * span, async (number) => {
    open++;
    const { ok, ms } = await client.single(`s${(number * 7_919) % NAMES}.example.com.`, ONE_TRY);
    open--;
    if (!ok) seen.failed++;
    seen.slowest = Math.max(seen.slowest, ms);
  });
  while (open > 0) await wait(10);
  return seen;
}

/** Does something each so many seconds until it is over. */
async function every(
  seconds: number,
  over: AbortSignal,
  action: (turn: number) => Promise<void>,
): Promise<void> {
  for (let turn = 0; ; turn++) {
    await wait(seconds * 1_000, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) return;
    await action(turn);
  }
}

/** In turns: the one and the other upstream, silent and refusing. */
async function flapOnce({ upstreams }: Front, turn: number, seconds: number): Promise<void> {
  const upstream = upstreams[turn % 2 === 0 ? 0 : 1];
  const silent = turn % 4 < 2;
  if (silent) upstream.weather.silent = true;
  else await upstream.refuse();
  await wait(seconds * 1_000);
  if (silent) upstream.weather.silent = false;
  else await upstream.accept();
}

function askToReload(contestant: Contestant, { signal }: Running): void {
  // dnsdist has no reload; to the others SIGHUP is one.
  if (contestant !== 'dnsdist') signal('SIGHUP');
}

interface Sample {
  readonly at: Milliseconds;
  /** MiB. */
  readonly rss: number;
  readonly descriptors: number;
}

function sampleOf(pid: number): Sample {
  const kib = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const descriptors = readdirSync(`/proc/${pid}/fd`).length;
  return { at: performance.now(), rss: kib / 1_024, descriptors };
}

/** The counter that must stay 0; only sidestub has one. */
async function bugsOf(contestant: Contestant, { endpoint }: Running): Promise<number | undefined> {
  if (contestant !== 'sidestub') return undefined;
  const response = await fetch(`http://${statusOf(endpoint)}/metrics`);
  return Number(/^sidestub_bugs_total (\d+)/m.exec(await response.text())?.[1]);
}

const HOUR: Milliseconds = 3_600_000;

function figuresOf(run: {
  readonly extent: Extent;
  readonly seen: Seen;
  readonly samples: readonly Sample[];
  readonly asked: number;
  readonly bugs: number | undefined;
}): Figure[] {
  const { extent, seen, samples, asked, bugs } = run;
  // What is loaded, compiled and filled in the first third is no leak.
  const settled = samples.slice(Math.floor(samples.length / 3));
  const rss = slopeOf(settled.map((sample) => [sample.at / HOUR, sample.rss]));
  // Sockets come and go with the questions; a leak is what stays when few are out.
  const open = slopeOf(
    settled.map(({ at, descriptors }) => [at / HOUR, descriptors]),
    'lowest',
  );
  // Seconds tell nothing of a slope.
  const steady = extent === 'full' ? { atMost: 0 } : {};
  return [
    { what: `of ${asked} failed`, value: seen.failed, atMost: 0 },
    { what: 'max', value: seen.slowest, unit: 'ms' },
    { what: 'RSS', value: settled.at(-1)?.rss ?? Number.NaN, unit: 'MiB' },
    { what: 'growing by', value: rss.slope, noise: rss.noise, unit: 'MiB/h', ...steady },
    { what: 'descriptors more an hour', value: open.slope, noise: open.noise, ...steady },
    {
      what: 'descriptors at most',
      value: Math.max(...settled.map((s) => s.descriptors)),
      atMost: 1_000,
    },
    ...(bugs === undefined ? [] : [{ what: 'bugs', value: bugs, atMost: 0 }]),
  ];
}
