import fc from 'fast-check';
import { test } from 'tap';
import { FIELDS, MADE } from '../../src/memory/entry.ts';
import { EntryStore } from '../../src/memory/entry-store.ts';
import { PlainQuery } from '../../src/memory/plain-query.ts';
import { request } from '../support/messages.ts';

const LARGEST = 512;
/** What an entry of these tests takes: 40 octets of fields, a key of 24, 8 that are kept, 12 more; and its two slots. */
const SMALL = 108;

/** A store with names instead of queries, whose entries hold one number each. */
function startStore(size: number, seed = 1, onLost: () => void = () => undefined) {
  const store = new EntryStore(size, { onLost });
  const query = new PlainQuery(seed);
  return {
    store,
    put: (name: string, value: number, { until = 1e9, octets = 8, now = 0 } = {}): boolean => {
      query.of(request(name));
      const fresh = until - now;
      const life = { storedAt: now, fresh, alone: fresh, stale: 0 };
      const at = store.insert(query, MADE, octets, life, now);
      if (at < 0) return false;
      store.ready(at, fresh, 0, 0);
      store.words[(at >> 2) + FIELDS.answersAuthority] = value;
      return true;
    },
    get: (name: string, now = 0): number | undefined => {
      query.of(request(name));
      const at = store.findReply(query, now, 1);
      return at < 0 ? undefined : store.words[(at >> 2) + FIELDS.answersAuthority];
    },
    drop: (name: string): void => {
      query.of(request(name));
      store.delete(query, MADE);
    },
  };
}

/** The store and a Map side by side. */
class Twin {
  readonly subject;
  readonly model = new Map<string, { value: number; until: number }>();
  private now = 0;
  private value = 0;

  constructor(size: number, seed: number) {
    this.subject = startStore(size, seed);
  }

  put(name: string, life: number, octets: number): void {
    const until = this.now + life;
    const value = this.value++;
    const kept = this.subject.put(name, value, { until, octets, now: this.now });
    this.model.delete(name);
    if (kept) this.model.set(name, { value, until });
  }

  /** @param mayForget - Whether the store is too small to know all. */
  get(name: string, mayForget = false): void {
    const known = this.model.get(name);
    const expected = known !== undefined && this.now < known.until ? known.value : undefined;
    const found = this.subject.get(name, this.now);
    if (found === expected || (mayForget && found === undefined)) return;
    throw new Error(`${name} at ${this.now}: ${found}, not ${expected}`);
  }

  drop(name: string): void {
    this.subject.drop(name);
    this.model.delete(name);
  }

  wait(span: number): void {
    this.now += span;
  }
}

type Step = (twin: Twin) => void;

function stepsOver(names: number): fc.Arbitrary<Step> {
  const name = fc.nat(names).map((i) => `n${i}.example`);
  const put = fc.tuple(name, fc.nat(50), fc.nat(LARGEST));
  return fc.oneof(
    {
      weight: 6,
      arbitrary: put.map(
        (args): Step =>
          (twin) =>
            twin.put(...args),
      ),
    },
    {
      weight: 8,
      arbitrary: name.map(
        (one): Step =>
          (twin) =>
            twin.get(one, names > 100),
      ),
    },
    {
      weight: 2,
      arbitrary: name.map(
        (one): Step =>
          (twin) =>
            twin.drop(one),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.nat(20).map(
        (span): Step =>
          (twin) =>
            twin.wait(span),
      ),
    },
  );
}

test('with room for all it is a Map with ends of life', (t) => {
  const property = fc.property(
    fc.array(stepsOver(60), { maxLength: 200 }),
    fc.integer(),
    (steps, seed) => {
      const twin = new Twin(1 << 20, seed);
      for (const take of steps) {
        take(twin);
        const { entries } = twin.subject.store;
        if (entries !== twin.model.size) throw new Error(`${entries} entries`);
      }
    },
  );
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }));
  t.end();
});

test('with too little room it forgets, and never says anything else (C3)', (t) => {
  const size = 8_192;
  const steps = fc.array(stepsOver(400), { maxLength: 1_500, size: 'max' });
  const property = fc.property(steps, fc.integer(), (all, seed) => {
    const twin = new Twin(size, seed);
    const { store } = twin.subject;
    for (const take of all) {
      take(twin);
      if (store.used > size) throw new Error(`${store.used} octets`);
    }
    // A value that was overwritten or dropped must not come back with the room.
    for (const name of twin.model.keys()) twin.get(name, true);
    if (store.entries > twin.model.size) throw new Error(`${store.entries} entries`);
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 100 }));
  t.end();
});

const hot = Array.from({ length: 100 }, (_, i) => `hot${i}.example`);

/** Asks for a name as a client of a cache does: what is not there is put there. */
function asking({ put, get }: ReturnType<typeof startStore>): (name: string) => boolean {
  return (name) => {
    if (get(name) !== undefined) return true;
    put(name, 0);
    return false;
  };
}

test('names in use outlive a scan of names that nobody asks again', (t) => {
  const ask = asking(startStore(1_000 * SMALL));
  for (const name of [...hot, ...hot]) ask(name);
  let hits = 0;
  let asked = 0;
  for (let i = 0; i < 50_000; i++) {
    ask(`cold${i}.example`);
    // Each hot name once in 5,000 cold ones: an LRU of a thousand has forgotten it by then.
    if (i % 50 !== 0) continue;
    asked++;
    if (ask(hot[(i / 50) % hot.length] ?? '')) hits++;
  }
  t.ok(hits / asked > 0.97, `hits: ${hits} of ${asked}`);
  t.end();
});

test('among names that come back, those in use outlive the others', (t) => {
  const ask = asking(startStore(1_000 * SMALL));
  let hits = 0;
  let asked = 0;
  for (let i = 0; i < 30_000; i++) {
    ask(`cold${i}.example`);
    // Its ghost is known: it enters the main queue, and moves that on.
    ask(`cold${i - 300}.example`);
    if (i % 10 !== 0) continue;
    if (i > 5_000) asked++;
    if (ask(hot[(i / 10) % hot.length] ?? '') && i > 5_000) hits++;
  }
  t.ok(hits / asked > 0.9, `hits: ${hits} of ${asked}`);
  t.end();
});

test('names that fall into one bucket push each other out, and cost no more', (t) => {
  const query = new PlainQuery(7);
  const { store, put, get } = startStore(1 << 16, 7);
  const together: string[] = [];
  for (let i = 0; together.length < 40; i++) {
    query.of(request(`n${i}.example`));
    if ((query.hash & 0x7f) === 0) together.push(`n${i}.example`);
  }
  for (const [i, name] of together.entries()) put(name, i);
  t.equal(get(together.at(-1) ?? ''), 39, 'the last is there');
  const found = together.filter((name) => get(name) !== undefined);
  t.equal(found.length, store.entries);
  t.ok(found.length >= 8 && found.length < 40, `found: ${found.length}`);
  t.end();
});

test('as the index grows with the entries, all that is there is found', (t) => {
  const lost: string[] = [];
  const { store, put, get } = startStore(4 << 20);
  const names = Array.from({ length: 20_000 }, (_, i) => `n${i}.example`);
  for (const [i, name] of names.entries()) put(name, i);
  for (const [i, name] of names.entries()) {
    const value = get(name);
    if (value === undefined) lost.push(name);
    else if (value !== i) throw new Error(`${name}: ${value}`);
  }
  t.equal(lost.length, names.length - store.entries);
  t.ok(lost.length < names.length / 2_000, `names whose bucket was full: ${lost.length}`);
  t.end();
});

test('an entry that is too large is refused, and the old one is gone', (t) => {
  const { put, get } = startStore(1 << 16);
  t.ok(put('a.example', 1));
  t.notOk(put('a.example', 2, { octets: 1 << 13 }));
  t.equal(get('a.example'), undefined, 'it would contradict what is true now');
  t.end();
});

test('C3: entries, index and ghosts take no more than was given for them', (t) => {
  for (const size of [16_384, 65_536, 100_000, 4 << 20, 16 << 20, (16 << 20) + 8, 500_000_000]) {
    const { taken } = new EntryStore(size);
    t.ok(taken <= size && taken > size - 8, `${size}: ${taken}`);
  }
  t.end();
});
