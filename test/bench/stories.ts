import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Milliseconds } from '../../src/clock.ts';
import { type Lab, startLab } from '../support/lab.ts';
import type { Libc, Lookup } from '../support/lab-client.ts';
import type { LabFaults } from '../support/lab-faults.ts';
import { LAB_TOOLS, missingForLab } from '../support/lab-requirements.ts';
import { LIBCS, RTT, storyWorld } from '../support/lab-story.ts';
import { median } from './load.ts';

/** A lookup that is told about: what the cluster does, what went before, what is measured. */
export interface Story {
  readonly title: string;
  readonly name: string;
  readonly faults?: LabFaults;
  /** Looked up before it, in the same cache. */
  readonly before?: readonly string[];
  /** How many datagrams the node then loses. */
  readonly lose?: number;
  /** How many queries it takes hangs on timers, so that it differs from run to run. */
  readonly timed?: boolean;
}

const GIT = 'git.example.com';

export const stories: readonly Story[] = [
  { title: 'cold walk', name: GIT },
  { title: 'the next name under that TLD', name: 'registry.example.com', before: [GIT] },
  { title: 'the same for the sixth time', name: GIT, before: Array(5).fill(GIT) },
  { title: 'a service next door (`nginx`)', name: 'nginx' },
  { title: 'a name that exists nowhere', name: 'nowhere.example.com' },
  { title: 'AAAA is NXDOMAIN', name: GIT, faults: { aaaa: 'nxdomain' } },
  { title: 'AAAA is SERVFAIL', name: GIT, faults: { aaaa: 'servfail' } },
  { title: 'AAAA is never answered', name: GIT, faults: { aaaa: 'silent' }, timed: true },
  { title: 'the conntrack race, every time', name: GIT, faults: { raceRatio: 1 } },
  { title: 'the first 4 datagrams are lost', name: GIT, lose: 4, timed: true },
];

/** In the order of the columns. */
const routes = ['directly', 'sidestub', 'dnsmasq', 'unbound'] as const;
export type Route = (typeof routes)[number];

/** What one lookup took. */
export interface Sample {
  readonly ms: Milliseconds;
  readonly queries: number;
  readonly resolved: boolean;
}

/** An odd number has a median that was measured. */
const DEFAULT_RUNS = 5;

/** A stall of seconds is no shorter the next time: one run shows it. */
const STALL: Milliseconds = 2_000;

const PAGE = join(import.meta.dirname, '../../docs/performance.md');
const BEGIN = '<!-- stories:begin (npm run bench -- stories) -->';
const END = '<!-- stories:end -->';

/**
 * Prints a Markdown table of what each story takes, directly and through sidestub, dnsmasq and unbound, and puts it into
 * docs/performance.md. The README has some of its rows.
 *
 * @param args - How many runs each cell is the median of; default 5.
 */
export async function run(args: string[]): Promise<void> {
  const missing = missingForLab([...LAB_TOOLS, 'dnsmasq', 'unbound']);
  if (missing !== undefined) throw new Error(missing);
  const runs = readRuns(args[0]);
  const lab = await startLab(storyWorld());
  const lines: string[] = [];
  const print = (line: string) => {
    lines.push(line);
    process.stdout.write(`${line}\n`);
  };
  try {
    print(`Medians of ${runs}; what took more than ${STALL / 1000} s was run once.\n`);
    print(`| story | libc | ${routes.join(' | ')} |`);
    print(`|---|---|${routes.map(() => '--:|').join('')}`);
    for (const story of stories) {
      for (const libc of LIBCS) print(await row(lab, story, libc, runs));
    }
  } finally {
    await lab.close();
  }
  const page = readFileSync(PAGE, 'utf8');
  const block = `${BEGIN}\n${lines.join('\n')}\n${END}`;
  writeFileSync(
    PAGE,
    page.replace(new RegExp(`${escaped(BEGIN)}[^]*${END}`), () => block),
  );
}

function escaped(text: string): string {
  return text.replace(/[()]/g, '\\$&');
}

function readRuns(text = String(DEFAULT_RUNS)): number {
  const runs = Number(text);
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`number of runs: ${text}`);
  return runs;
}

async function row(lab: Lab, story: Story, libc: Libc, runs: number): Promise<string> {
  const cells: string[] = [];
  for (const route of routes) {
    const samples: Sample[] = [];
    for (let done = 0; done < runs; done++) {
      const sample = await measure(lab, story, libc, route);
      samples.push(sample);
      if (sample.ms > STALL) break;
    }
    cells.push(cell(samples));
  }
  return `| ${story.title} | ${libc} | ${cells.join(' | ')} |`;
}

function cell(samples: readonly Sample[]): string {
  const ms = median(samples.map((sample) => sample.ms));
  const resolved = samples.filter((sample) => sample.resolved).length;
  const time = ms < 10 ? ms.toFixed(1) : ms.toFixed(0);
  const all = resolved === samples.length || resolved === 0;
  const share = all ? '' : `, ${resolved} of ${samples.length} resolve`;
  const failed = resolved === 0 ? 'fails in ' : '';
  return `${failed}${time} ms, ${median(samples.map(({ queries }) => queries))} q${share}`;
}

/** One lookup with a resolver of its own, so that every run is as cold as the first. */
export async function measure(lab: Lab, story: Story, libc: Libc, route: Route): Promise<Sample> {
  await lab.setFaults({ delay: RTT });
  const stop = await startRoute(lab, route);
  try {
    const through = route === 'directly' ? 'direct' : 'stub';
    await lab.lookups(libc, story.before ?? [], { through });
    await lab.setFaults({ delay: RTT, ...story.faults });
    await lab.forget();
    if (story.lose !== undefined) lab.loseNext(story.lose);
    const lookup: Lookup = await lab.lookup(libc, story.name, { through });
    const queries = (await lab.asked()).length + lab.lost();
    return { ms: lookup.ms, queries, resolved: lookup.rc === 0 };
  } finally {
    lab.loseNext(0);
    await stop();
  }
}

async function startRoute(lab: Lab, route: Route): Promise<() => Promise<unknown>> {
  if (route === 'directly') return async () => {};
  if (route !== 'sidestub') {
    const peer = await lab.startPeer(route);
    return () => peer.stop();
  }
  const daemon = await lab.startDaemon();
  await daemon.untilReady();
  await daemon.untilVerdict();
  return () => daemon.kill();
}
