import { PerformanceObserver } from 'node:perf_hooks';
import { LRUCache } from 'lru-cache';
import { AnswerMemory } from '../../src/memory/answer-memory.ts';
import { Replies } from '../../src/memory/replies.ts';
import { renderReply } from '../../src/wire/render.ts';
import { readRequest } from '../../src/wire/request.ts';
import { a, message, queryOctets } from '../support/messages.ts';
import { median } from './load.ts';

const MIB = 2 ** 20;
const HITS = 1_000_000;
const SLICE = 20_000;
const SCAN = 200_000;
/** What an entry of these names takes in the table. */
const ENTRY_OCTETS = 120;

/**
 * Replies by themselves, no sockets: what a hit costs as the memory grows, what it allocates, and how many names in
 * use outlive a scan, beside lru-cache with strings for keys.
 */
export async function run(): Promise<void> {
  const print = (line: string) => process.stdout.write(`${line}\n`);
  print('| entries | ns of CPU time a hit | collections in a million hits |\n|--:|--:|--:|');
  for (const entries of [1_000, 10_000, 100_000, 1_000_000]) {
    const { nanoseconds, collections } = await hitCost(entries);
    print(`| ${entries} | ${nanoseconds.toFixed(0)} | ${collections} |`);
  }
  print('\n| hits of names in use during a scan | S3-FIFO | lru-cache |\n|---|--:|--:|');
  for (const gap of [5, 20, 50, 200]) {
    print(
      `| one in ${gap} queries | ${percent(scan(table(1_000), gap))} | ${percent(scan(lru(1_000), gap))} |`,
    );
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

async function hitCost(entries: number): Promise<{ nanoseconds: number; collections: number }> {
  const answers = repliesOf(256 * MIB);
  const query = queryOctets('n0000000.bench.example');
  const buffer = new Uint8Array(4_096);
  const ask = (i: number): number => {
    putDigits(query, i);
    buffer.set(query);
    return answers.answer(buffer, 0, query.length, 4_096, false);
  };
  for (let i = 0; i < entries; i++) {
    putDigits(query, i);
    keep(answers, query);
  }
  // A stride that is prime to all the sizes, so that the processor does not guess the next one.
  const hit = (i: number): void => {
    if (ask((i * 7_919) % entries) === 0) missed++;
  };
  let missed = 0;
  for (let i = 0; i < HITS / 4; i++) hit(i);
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.observe({ entryTypes: ['gc'] });
  const costs: number[] = [];
  for (let done = 0; done < HITS; done += SLICE) {
    // The middle of many slices: another process on the core takes time from few of them. CPU time is counted in 4 ms here,
    // which is as long as a slice.
    const before = process.hrtime.bigint();
    for (let i = done; i < done + SLICE; i++) hit(i);
    costs.push(Number(process.hrtime.bigint() - before) / SLICE);
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.disconnect();
  // Names that fall into a full bucket; more would make the figure worthless.
  if (missed > HITS / 1_000) throw new Error(`missed: ${missed}`);
  return { nanoseconds: median(costs), collections };
}

/** Writes `i` into the first label, which is a letter and seven digits. */
function putDigits(query: Uint8Array, i: number): void {
  let rest = i;
  for (let at = 20; at > 13; at--) {
    query[at] = 0x30 + (rest % 10);
    rest = Math.floor(rest / 10);
  }
}

/** Asks for a name, and says whether it was there; it is from then on. */
type Ask = (name: string) => boolean;

function table(entries: number): Ask {
  const octets = entries * ENTRY_OCTETS;
  const answers = repliesOf(octets);
  const buffer = new Uint8Array(4_096);
  return (name) => {
    const query = queryOctets(name);
    buffer.set(query);
    if (answers.answer(buffer, 0, query.length, 4_096, false) > 0) return true;
    keep(answers, query);
    return false;
  };
}

function lru(entries: number): Ask {
  const cache = new LRUCache<string, boolean>({ max: entries });
  return (name) => {
    if (cache.get(name) === true) return true;
    cache.set(name, true);
    return false;
  };
}

/** A hundred names in use, each asked in turn once in `gap` queries; all others are asked once and never again. */
function scan(ask: Ask, gap: number): number {
  const hot = Array.from({ length: 100 }, (_, i) => `hot${i}.example`);
  for (const name of [...hot, ...hot]) ask(name);
  let asked = 0;
  let hits = 0;
  for (let i = 0; i < SCAN; i++) {
    if (i % gap !== 0) {
      ask(`c${i}.example`);
      continue;
    }
    asked++;
    if (ask(hot[asked % hot.length] ?? '')) hits++;
  }
  return hits / asked;
}

function repliesOf(octets: number): Replies {
  return new Replies(new AnswerMemory({ octets, negativeOctets: MIB, seed: 1 }));
}

function keep(answers: Replies, query: Uint8Array): void {
  const request = readRequest(query);
  const answer = message({ answer: [a(request.question.qname, '192.0.2.1')] });
  const reply = renderReply(request, answer, { age: 0, limit: 512 });
  const kept = { message: answer, age: 0, agedAt: 0, until: 1e12, kind: 0, isCut: false };
  answers.keep(request, reply, kept);
}
