import { PerformanceObserver } from 'node:perf_hooks';
import { LRUCache } from 'lru-cache';
import { HugePages, loadPageCalls } from '../../src/daemon/huge-pages.ts';
import { AnswerMemory } from '../../src/memory/answer-memory.ts';
import { Replies } from '../../src/memory/replies.ts';
import { renderReply } from '../../src/wire/render.ts';
import { readRequest } from '../../src/wire/request.ts';
import { a, message, queryOctets } from '../support/messages.ts';

const MIB = 2 ** 20;
const HITS = 1_000_000;
/** About a millisecond. */
const SLICE = 2_000;
const SCAN = 200_000;
/** What an entry of these names takes in the table. */
const ENTRY_OCTETS = 120;

/**
 * Replies by themselves, no sockets: what a hit costs as the memory grows, in pages of 4 KiB, in the pages that a
 * daemon has in the end, and beside two reads of memory alone; what it allocates; and how many names in use outlive a scan, beside lru-cache with strings for
 * keys.
 */
export async function run(): Promise<void> {
  const print = (line: string) => process.stdout.write(`${line}\n`);
  print(
    '| entries | ns a hit in small pages | in those of a daemon | two reads alone | collections in a million hits |\n|--:|--:|--:|--:|--:|',
  );
  // Code that has seen one memory is quicker than a daemon's, whose rehearsal had a memory of its own.
  await hitCost(1_000, false);
  for (const entries of [1_000, 10_000, 100_000, 200_000, 400_000, 1_000_000]) {
    const { nanoseconds, collections } = await hitCost(entries, false);
    const own = await hitCost(entries, true);
    const costs = [nanoseconds, own.nanoseconds, readCost(entries)];
    const cells = costs.map((cost) => cost.toFixed(0)).join(' | ');
    print(`| ${entries} | ${cells} | ${collections} |`);
  }
  print('\n| hits of names in use during a scan | S3-FIFO | lru-cache |\n|---|--:|--:|');
  for (const gap of [5, 20, 50, 200]) {
    print(
      `| one in ${gap} queries | ${percent(scan(table(1_000), gap))} | ${percent(scan(lru(1_000), gap))} |`,
    );
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

async function hitCost(
  entries: number,
  asDaemon: boolean,
): Promise<{ nanoseconds: number; collections: number }> {
  const memory = new AnswerMemory({ octets: 256 * MIB, negativeOctets: MIB, seed: 1 });
  const answers = new Replies(memory);
  const query = queryOctets('n0000000.bench.example');
  const buffer = new Uint8Array(4_096);
  for (let i = 0; i < entries; i++) {
    putDigits(query, i);
    keep(answers, query);
  }
  if (asDaemon) collapse(memory);
  let name = 0;
  // A stride that is prime to all the sizes, so that the processor does not guess the next one.
  const prepare = (): void => {
    name = (name + 7_919) % entries;
    putDigits(query, name);
    buffer.set(query);
  };
  let missed = 0;
  const hit = (): void => {
    prepare();
    if (answers.answer(buffer, 0, query.length, 4_096, false) === 0) missed++;
  };
  for (let i = 0; i < HITS / 4; i++) hit();
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.observe({ entryTypes: ['gc'] });
  const nanoseconds = leastDisturbed(hit) - leastDisturbed(prepare);
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.disconnect();
  // Names that fall into a full bucket; more would make the figure worthless.
  if (missed > HITS / 1_000) throw new Error(`missed: ${missed}`);
  return { nanoseconds, collections };
}

/** What one call takes, in nanoseconds: the best tenth of many short slices, since others use the machine as well. */
function leastDisturbed(call: (i: number) => void): number {
  const costs: number[] = [];
  for (let done = 0; done < HITS; done += SLICE) {
    const before = process.hrtime.bigint();
    for (let i = done; i < done + SLICE; i++) call(i);
    costs.push(Number(process.hrtime.bigint() - before) / SLICE);
  }
  return costs.toSorted((one, other) => one - other)[Math.floor(costs.length / 10)] ?? Number.NaN;
}

/** What a hit cannot do without: a random bucket of an index like ours, and the entry that it leads to. */
function readCost(entries: number): number {
  const buckets = 2 ** Math.ceil(Math.log2(entries));
  const index = new Int32Array(16 * buckets);
  const arena = new Int32Array((ENTRY_OCTETS / 4) * entries);
  const bucketOf = (i: number) => (Math.imul(i, 0x9e3779b1) >>> 7) & (buckets - 1);
  for (let i = 0; i < entries; i++) {
    index[16 * bucketOf(i)] = (ENTRY_OCTETS / 4) * i;
    arena[(ENTRY_OCTETS / 4) * i] = i;
  }
  let sum = 0;
  const cost = leastDisturbed((i) => {
    sum ^= arena[index[16 * bucketOf((i * 7_919) % entries)] ?? 0] ?? 0;
  });
  if (!Number.isInteger(sum)) throw new Error('nothing was read');
  return cost;
}

/** Puts huge pages behind it, all at once; a daemon does so with one a second. */
function collapse(memory: AnswerMemory): void {
  const pages = new HugePages(loadPageCalls);
  while (pages.collapseNext(memory.written));
}

/** Writes `i` into the first label, which is a letter and seven digits. */
function putDigits(query: Uint8Array, i: number): void {
  let rest = i;
  for (let at = 20; at > 13; at--) {
    query[at] = 0x30 + (rest % 10);
    rest = (rest / 10) | 0;
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
