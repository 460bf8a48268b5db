import fc from 'fast-check';
import { test } from 'tap';
import { EntryRing, RING_WORDS } from '../../src/memory/entry-ring.ts';

/** A region that begins and ends inside its arena, and what the arena has around it. */
const [START, END, ARENA] = [16, 80, 96];
const OUTSIDE = 0x0ddba11;

function startRing(start = START, end = END, arena = ARENA) {
  const words = new Int32Array(arena / 4).fill(OUTSIDE);
  const ring = new EntryRing(words, start, end);
  const entries = (): number[] => {
    const found: number[] = [];
    ring.forEach((at) => {
      found.push(at);
    });
    return found;
  };
  return { words, ring, entries };
}

const sizeAt = (words: Int32Array, at: number) => words[at / 4 + RING_WORDS.size];
const liveAt = (words: Int32Array, at: number) => words[at / 4 + RING_WORDS.live];

test('entries follow each other, and the oldest goes first', (t) => {
  const { words, ring, entries } = startRing();
  t.equal(ring.shift(), -1, 'nothing is there');
  t.same([ring.append(16), ring.append(24), ring.append(8)], [16, 32, 56]);
  t.same(entries(), [16, 32, 56]);
  t.equal(ring.octets, 48);
  t.same([sizeAt(words, 16), sizeAt(words, 32), sizeAt(words, 56)], [16, 24, 8]);
  t.equal(liveAt(words, 32), 0, 'dead until its owner says otherwise');
  t.equal(ring.shift(), 16);
  t.same(entries(), [32, 56]);
  t.equal(ring.octets, 32);
  t.end();
});

test('it says how far it was ever written', (t) => {
  const { ring } = startRing();
  t.equal(ring.writtenTo, START);
  ring.append(16);
  ring.append(24);
  t.equal(ring.writtenTo, 56);
  ring.shift();
  t.equal(ring.writtenTo, 56, 'what is free again was written all the same');
  ring.clear();
  ring.append(8);
  t.equal(ring.writtenTo, 56);
  ring.append(56);
  t.equal(ring.writtenTo, END);
  ring.shift();
  ring.append(8);
  t.equal(ring.writtenTo, END, 'also in the second round');
  t.end();
});

test('what is left at the end of the first round counts as written', (t) => {
  const { ring } = startRing();
  ring.append(24);
  ring.append(24);
  ring.shift();
  t.equal(ring.writtenTo, 64);
  t.equal(ring.append(24), START, 'there is no room for it behind the others');
  t.equal(ring.writtenTo, END);
  t.end();
});

test('an entry is never split: the end of the region becomes a dead one', (t) => {
  const { words, ring, entries } = startRing();
  ring.append(24);
  ring.append(24);
  words[64 / 4 + RING_WORDS.live] = 7;
  t.equal(ring.append(24), -1, 'the oldest has to go first');
  t.equal(ring.octets, 48, 'and nothing has changed');
  ring.shift();
  t.equal(ring.append(24), START);
  t.same(entries(), [40, 64, START]);
  t.same([sizeAt(words, 64), liveAt(words, 64)], [16, 0]);
  t.equal(ring.octets, 64, 'what is left over counts');
  t.same([ring.shift(), ring.shift(), ring.shift(), ring.shift()], [40, 64, START, -1]);
  t.end();
});

test('a region can be filled to its last octet, and goes on at its start', (t) => {
  const { ring, entries } = startRing();
  t.same([ring.append(32), ring.append(32), ring.append(8)], [16, 48, -1]);
  t.equal(ring.octets, END - START);
  t.equal(ring.shift(), 16);
  t.equal(ring.append(32), 16);
  t.same(entries(), [48, 16]);
  t.same([ring.shift(), ring.shift(), ring.octets], [48, 16, 0]);
  t.end();
});

test('one that was emptied begins at its start again, so that few pages are touched', (t) => {
  const { ring } = startRing();
  ring.append(16);
  ring.append(16);
  ring.shift();
  ring.shift();
  t.equal(ring.append(8), START);
  ring.clear();
  t.equal(ring.octets, 0);
  t.equal(ring.append(64), START);
  t.end();
});

test('there is certainly room for what fits twice', (t) => {
  const { ring } = startRing();
  t.same([ring.hasRoom(32), ring.hasRoom(40)], [true, false]);
  ring.append(16);
  t.same([ring.hasRoom(24), ring.hasRoom(32)], [true, false]);
  t.end();
});

/** A ring beside a list of what it should hold; each entry is filled with a number of its own. */
class Twin {
  private readonly start = 64;
  private readonly end = 512;
  private readonly subject = startRing(this.start, this.end, 576);
  private readonly known: { readonly at: number; readonly size: number; readonly mark: number }[] =
    [];
  private mark = 0;

  append(size: number, isCertain = this.subject.ring.hasRoom(size)): void {
    const { ring, words } = this.subject;
    const at = ring.append(size);
    if (at < 0) must(!isCertain, `no room for ${size}`);
    else {
      this.mark++;
      words.fill(this.mark, at / 4 + 1, (at + size) / 4);
      this.known.push({ at, size, mark: this.mark });
    }
  }

  shift(): void {
    const { ring, words } = this.subject;
    const at = ring.shift();
    if (at === this.known[0]?.at) this.known.shift();
    else must(at < 0 || liveAt(words, at) === 0, `${at} is not the oldest`);
  }

  /** An entry that was just taken off always fits at the end: the store moves those in use there. */
  move(): void {
    const [oldest] = this.known;
    this.shift();
    if (oldest !== this.known[0]) this.append(oldest?.size ?? 0, true);
  }

  compare(): void {
    const { ring, words, entries } = this.subject;
    const live = entries().filter((at) => liveAt(words, at) !== 0);
    must(String(live) === String(this.known.map(({ at }) => at)), `${live} in the ring`);
    const octets = entries().reduce((sum, at) => sum + (sizeAt(words, at) ?? 0), 0);
    must(octets === ring.octets && octets <= this.end - this.start, `${octets} octets`);
    for (const { at, size, mark } of this.known) {
      must(at >= this.start && at + size <= this.end, `${at} is outside the region`);
      const own = words.subarray(at / 4 + 1, (at + size) / 4);
      must(
        own.every((word) => word === mark),
        `the entry at ${at} was overwritten`,
      );
    }
    const around = [...words.subarray(0, this.start / 4), ...words.subarray(this.end / 4)];
    must(
      around.every((word) => word === OUTSIDE),
      'written outside the region',
    );
  }
}

function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

test('whatever comes and goes, entries stay whole and in order, inside the region', (t) => {
  const size = fc.integer({ min: 1, max: 12 }).map((words) => 8 * words);
  // Mostly appended, so that the ring is full when the oldest is moved.
  const step = fc.oneof(
    { weight: 4, arbitrary: size },
    { weight: 1, arbitrary: fc.constantFrom('shift', 'move') },
  );
  const steps = fc.array(step, { maxLength: 60 });
  const run = (all: readonly (number | 'shift' | 'move')[]): void => {
    const twin = new Twin();
    for (const each of all) {
      if (each === 'shift') twin.shift();
      else if (each === 'move') twin.move();
      else twin.append(each);
      twin.compare();
    }
  };
  t.doesNotThrow(() => fc.assert(fc.property(steps, run), { numRuns: 500 }));
  t.end();
});
