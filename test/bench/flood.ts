import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { CLIENT_CORE, spawnOn } from './bench-process.ts';
import { type Bench, type Contestant, STATUS_OFFSET, startBench } from './bench-servers.ts';
import { readOptions } from './interleaved.ts';
import { type LoadResult, loadServer, median, warm } from './load.ts';
import { PROBES, type Probe, type ProbeOrder, type ProbeTimes } from './probes.ts';
import { machine, publish } from './report.ts';

/** Queries of the flood that are out at once: the socket's queue is never empty. */
const WINDOW = 1_000;
const NAMES = 1_000;
/** Before the probes ask, so that the flood is there when they do. */
const LEAD = 0.5;

/**
 * What a flood of cached hits does to all else that the event loop does: replies from upstream, timers, TCP and the
 * status server, with and without it in turns.
 *
 * @param args - As `readOptions`: runs of so many seconds each; of the contestants sidestub and sidestub-dgram.
 */
export async function run(args: string[]): Promise<void> {
  const { runs, seconds, contestants, write } = readOptions(args);
  const measured = contestants.filter((contestant) => contestant.startsWith('sidestub'));
  const bench = await startBench();
  try {
    const parts: Part[] = [];
    for (const contestant of measured) {
      parts.push(await measure(bench, contestant, { runs, seconds }));
    }
    publish(
      {
        name: 'flood',
        text: [
          ...parts.map(textOf),
          '![What each took](performance/flood.svg)',
          `${runs} runs of ${seconds} s of each. ${machine()}.`,
        ].join('\n\n'),
        json: { machine: machine(), parts },
        panels: parts.flatMap(panelsOf),
      },
      { write },
    );
  } finally {
    await bench.close();
  }
}

/** What one contestant's probes took, in milliseconds. */
interface Part {
  readonly contestant: Contestant;
  /** Hits of the flood, in thousands a second. */
  readonly flood: number;
  readonly rows: readonly {
    readonly probe: Probe;
    readonly alone: Times;
    readonly flooded: Times;
  }[];
}

interface Times {
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
  readonly count: number;
}

async function measure(
  bench: Bench,
  contestant: Contestant,
  { runs, seconds }: { readonly runs: number; readonly seconds: number },
): Promise<Part> {
  const { child, upstream } = await startProbe();
  const server = await bench.start(contestant, { upstream });
  try {
    const { port } = server.endpoint;
    const probe = async (): Promise<ProbeTimes> => {
      const order: ProbeOrder = { port, statusPort: port + STATUS_OFFSET, seconds };
      child.send(order);
      const [times] = (await once(child, 'message')) as [ProbeTimes];
      return times;
    };
    await warm(bench, server, NAMES);
    await probe();
    const alone: ProbeTimes[] = [];
    const flooded: ProbeTimes[] = [];
    const floods: LoadResult[] = [];
    for (let round = 0; round < runs; round++) {
      alone.push(await probe());
      const flood = loadServer(bench, server, {
        seconds: seconds + 2 * LEAD,
        window: WINDOW,
        names: NAMES,
      });
      await new Promise((resolve) => setTimeout(resolve, LEAD * 1_000));
      flooded.push(await probe());
      floods.push(await flood);
    }
    const rows = PROBES.map((name) => ({
      probe: name,
      alone: timesOf(alone.flatMap((times) => times[name])),
      flooded: timesOf(flooded.flatMap((times) => times[name])),
    }));
    return { contestant, flood: median(floods.map(({ perSecond }) => perSecond)) / 1_000, rows };
  } finally {
    await server.stop();
    child.kill();
  }
}

/**
 * On the clients' core, of equal right with the flood's sender, which sleeps whenever it waits for replies. Ahead of it
 * (SCHED_FIFO) the probe would leave no flood: the sender was starved on Linux 6.18.
 */
async function startProbe(): Promise<{ child: ChildProcess; upstream: number }> {
  const program = join(import.meta.dirname, 'flood-probe.ts');
  const child = spawnOn(CLIENT_CORE, [process.execPath, program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [upstream] = (await once(child, 'message')) as [number];
  return { child, upstream };
}

function timesOf(values: readonly number[]): Times {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), most: at(1), count: sorted.length };
}

function textOf({ contestant, flood, rows }: Part): string {
  const cells = ({ p50, p99, most }: Times) =>
    [p50, p99, most].map((value) => value.toFixed(2)).join(' | ');
  return [
    `${contestant}, milliseconds; a flood of ${flood.toFixed(0)} k hits/s:`,
    '',
    '| | alone: p50 | p99 | most | flooded: p50 | p99 | most |',
    '|---|--:|--:|--:|--:|--:|--:|',
    ...rows.map(
      ({ probe, alone, flooded }) => `| ${probe} | ${cells(alone)} | ${cells(flooded)} |`,
    ),
  ].join('\n');
}

function panelsOf({ contestant, rows }: Part) {
  return (['alone', 'flooded'] as const).map((when) => ({
    title: `${contestant}, p99 in ms, ${when}`,
    digits: 2,
    bars: rows.map((row) => ({ name: row.probe, value: row[when].p99 })),
  }));
}
