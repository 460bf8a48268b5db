import { PerformanceObserver } from 'node:perf_hooks';
import { LRUCache } from 'lru-cache';
import { HugePages, loadPageCalls } from '../../src/daemon/huge-pages.ts';
import { BATCH, SLOT_OCTETS } from '../../src/listen/batch-socket.ts';
import { AnswerMemory } from '../../src/memory/answer-memory.ts';
import { Replies } from '../../src/memory/replies.ts';
import { renderReply } from '../../src/wire/render.ts';
import { readRequest } from '../../src/wire/request.ts';
import { a, message, queryOctets } from '../support/messages.ts';

const MIB = 2 ** 20;
const HITS = 1_000_000;
/** Batches whose time is told together, about half a millisecond. */
const SLICE = 32;
const SCAN = 200_000;
/** What an entry of these names takes in the table. */
const ENTRY_OCTETS = 120;

/**
 * Replies by themselves, no sockets: what a hit costs as the memory grows, in a batch as under load and by itself, in the
 * pages that a daemon has in the end and in pages of 4 KiB, and beside two reads of memory alone; what it allocates; and
 * how many names in use outlive a scan, beside lru-cache with strings for keys.
 */
export async function run(): Promise<void> {
  const print = (line: string) => process.stdout.write(`${line}\n`);
  print(
    '| entries | ns a hit in a batch | in pages of 4 KiB | by itself | in pages of 4 KiB | two reads alone | collections in a million hits |\n|--:|--:|--:|--:|--:|--:|--:|',
  );
  // Code that has seen one memory is quicker than a daemon's, whose rehearsal had a memory of its own.
  await hitCost(filled(1_000));
  for (const entries of [1_000, 10_000, 30_000, 100_000, 200_000, 400_000, 1_000_000]) {
    const small = await hitCost(filled(entries));
    const own = await hitCost(withHugePages(filled(entries)));
    const costs = [own.batch, small.batch, own.single, small.single, readCost(entries)];
    const cells = costs.map((cost) => cost.toFixed(0)).join(' | ');
    print(`| ${entries} | ${cells} | ${own.collections} |`);
  }
  print('\n| hits of names in use during a scan | S3-FIFO | lru-cache |\n|---|--:|--:|');
  for (const gap of [5, 20, 50, 200]) {
    print(
      `| one in ${gap} queries | ${percent(scan(table(1_000), gap))} | ${percent(scan(lru(1_000), gap))} |`,
    );
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** A memory with so many names. */
interface Filled {
  readonly memory: AnswerMemory;
  readonly answers: Replies;
  readonly entries: number;
}

function filled(entries: number): Filled {
  const memory = new AnswerMemory({
    ...{ octets: 256 * MIB, negativeOctets: MIB, seed: 1 },
    isUncounted: true,
  });
  const answers = new Replies(memory);
  const query = queryOctets('n0000000.bench.example');
  for (let i = 0; i < entries; i++) {
    putDigits(query, i);
    keep(answers, query);
  }
  return { memory, answers, entries };
}

interface HitCost {
  readonly batch: number;
  readonly single: number;
  readonly collections: number;
}

/** What a hit takes, in nanoseconds, without what it takes to make the queries. */
async function hitCost({ answers, entries }: Filled): Promise<HitCost> {
  const query = queryOctets('n0000000.bench.example');
  const octets = new Uint8Array(BATCH * SLOT_OCTETS);
  const lengths = new Int32Array(BATCH);
  let name = 0;
  let missed = 0;
  const prepare = (): void => {
    for (let i = 0; i < BATCH; i++) {
      // A stride that is prime to all the sizes, so that the processor does not guess the next one.
      name = (name + 7_919) % entries;
      putDigits(query, name);
      octets.set(query, i * SLOT_OCTETS);
      if (lengths[i] === 0) missed++;
      lengths[i] = query.length;
    }
  };
  const batch = (): void => answers.answerAll(octets, SLOT_OCTETS, lengths, BATCH);
  const single = (): void => {
    for (let i = 0; i < BATCH; i++) {
      lengths[i] = answers.answer(octets, i * SLOT_OCTETS, query.length, SLOT_OCTETS, false);
    }
  };
  prepare();
  missed = 0;
  for (const call of [batch, single]) leastDisturbed(call, prepare, HITS / 4);
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.observe({ entryTypes: ['gc'] });
  for (let done = 0; done < HITS; done += BATCH) {
    prepare();
    batch();
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.disconnect();
  const [inBatch, bySelf] = [leastDisturbed(batch, prepare), leastDisturbed(single, prepare)];
  // Names that fall into a full bucket; more would make the figure worthless.
  if (missed > HITS / 300) throw new Error(`missed: ${missed}`);
  return { batch: inBatch, single: bySelf, collections };
}

/**
 * What each of a batch takes, in nanoseconds: the best tenth of many short slices, since others use the machine as well.
 */
function leastDisturbed(call: () => void, prepare: () => void, count = HITS): number {
  const costs: number[] = [];
  for (let done = 0; done < count; done += SLICE * BATCH) {
    let taken = 0;
    for (let i = 0; i < SLICE; i++) {
      prepare();
      const before = process.hrtime.bigint();
      call();
      taken += Number(process.hrtime.bigint() - before);
    }
    costs.push(taken / (SLICE * BATCH));
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
  const slots = new Int32Array(BATCH);
  let name = 0;
  let sum = 0;
  const prepare = (): void => {
    for (let i = 0; i < BATCH; i++) {
      name = (name + 7_919) % entries;
      slots[i] = 16 * bucketOf(name);
    }
  };
  const cost = leastDisturbed(() => {
    for (let i = 0; i < BATCH; i++) sum ^= arena[index[slots[i] ?? 0] ?? 0] ?? 0;
  }, prepare);
  if (!Number.isInteger(sum)) throw new Error('nothing was read');
  return cost;
}

/** Puts huge pages behind it as a daemon does, but all at once: a daemon replaces one in a second. */
function withHugePages(table: Filled): Filled {
  const pages = new HugePages(loadPageCalls);
  while (pages.collapseNext(table.memory.written));
  return table;
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
