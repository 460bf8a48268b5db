// The programs of a job's pod: they look names up at a steady rate until they are told to stop, and say what came of it.
import { createInterface } from 'node:readline';
import type { Milliseconds } from '../../../src/clock.ts';
import type { Endpoint } from '../../../src/endpoint.ts';
import { Questioner } from '../../support/questioner.ts';

/** What they are started with. */
export interface PodClientsConfig {
  readonly server: Endpoint;
  /** Lookups a second. */
  readonly rate: number;
}

/** Of one lookup: how long it took, and whether it came to addresses. */
export interface PodLookup {
  readonly ms: Milliseconds;
  readonly ok: boolean;
}

/** One name in five has been asked before, of these. */
const KNOWN = 20;
const KNOWN_EACH = 5;
/** Until glibc gives up. */
const TIMEOUT: Milliseconds = 5_000;

const say = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`);

const { server, rate }: PodClientsConfig = JSON.parse(process.argv[2] ?? '{}');
const lookups: Promise<PodLookup>[] = [];
let ticking: NodeJS.Timeout | undefined;
let commands = 0;
say({ done: commands });

// The first line starts them, the second one stops them.
for await (const _ of createInterface({ input: process.stdin })) {
  if (ticking === undefined) {
    start();
    say({ done: ++commands });
  } else {
    clearInterval(ticking);
    say({ done: ++commands, lookups: await Promise.all(lookups) });
  }
}

function start(): void {
  const began = performance.now();
  ticking = setInterval(() => {
    const due = ((performance.now() - began) * rate) / 1_000;
    while (lookups.length < due) lookups.push(lookUp(nameOf(lookups.length)));
  }, 1);
}

function nameOf(number: number): string {
  const label = number % KNOWN_EACH === 0 ? `known${(number / KNOWN_EACH) % KNOWN}` : `n${number}`;
  return `${label}.example.com.`;
}

/**
 * As glibc does it: a socket for each lookup, A and AAAA at once, two tries. A try that is refused is over, and the next
 * one has a socket of its own.
 */
async function lookUp(name: string): Promise<PodLookup> {
  const began = performance.now();
  const first = await pairFromOwnSocket(name, 2);
  const last = first.refused ? await pairFromOwnSocket(name, 1) : first;
  return { ms: performance.now() - began, ok: last.ok };
}

async function pairFromOwnSocket(
  name: string,
  tries: number,
): Promise<{ ok: boolean; refused: boolean }> {
  let refused = false;
  const questioner = await Questioner.towards(server, () => {
    refused = true;
    questioner.close();
  });
  const { ok } = await questioner.pair(name, { timeout: TIMEOUT, tries });
  if (!refused) questioner.close();
  return { ok, refused };
}
