// What an entry of the store has, by itself; entry-store.property.test.ts has many of them.
import { test } from 'tap';
import { ANSWER, FIELDS, KIND, type Life, MADE, type Role, USES } from '../../src/memory/entry.ts';
import { EntryStore } from '../../src/memory/entry-store.ts';
import { PlainQuery } from '../../src/memory/plain-query.ts';
import { request } from '../support/messages.ts';

/** A store of 64 KiB with entries of either role, told by their offsets. */
function startRoles(size = 1 << 16) {
  let lost = 0;
  const store = new EntryStore(size, {
    onLost: () => {
      lost++;
    },
  });
  const query = new PlainQuery(1);
  const keyed = (name: string): PlainQuery => {
    query.of(request(name));
    return query;
  };
  return {
    store,
    keyed,
    lost: () => lost,
    put: (
      name: string,
      {
        role = ANSWER,
        octets = 8,
        now = 0,
        ...more
      }: Partial<Life> & { role?: Role; octets?: number; now?: number } = {},
    ) => {
      const life = { storedAt: 0, fresh: 1_000, alone: 1_000, stale: 0, ...more };
      return store.insert(keyed(name), role, octets, life, now);
    },
    find: (name: string, role: Role = ANSWER) => store.find(keyed(name), role),
    reply: (name: string, now = 0, cutEpoch = 1) => store.findReply(keyed(name), now, cutEpoch),
    /** Where the main queue begins: an eighth of a small arena, a tenth of a large one. */
    isMain: (at: number) => at >= Math.floor(store.octets.byteLength / 64) * 8,
  };
}

test('a question has an entry of each role, each found and deleted by itself', (t) => {
  const { store, keyed, put, find } = startRoles();
  const [answer, made] = [put('a.example'), put('a.example', { role: MADE })];
  t.same([find('a.example'), find('a.example', MADE)], [answer, made]);
  t.same([store.roleOf(answer), store.roleOf(made)], [ANSWER, MADE]);
  t.equal(store.entries, 2);
  store.delete(keyed('a.example'), ANSWER);
  store.delete(keyed('b.example'), ANSWER);
  t.same([find('a.example'), find('a.example', MADE)], [-1, made]);
  t.equal(store.entries, 1);
  t.end();
});

test('it says what it has filled of its arena and of its index', (t) => {
  const { store, put } = startRoles(1 << 20);
  const [arena, index] = [store.octets.buffer, store['index'].slots.buffer];
  const look = () => store.written.map(({ octets }) => octets);
  t.same(
    store.written.map(({ buffer }) => buffer),
    [arena, index],
  );
  let names = 0;
  for (const entries of [10, 1_000, 3_000, 8_000, 20_000]) {
    while (names < entries) put(`n${names++}.example`);
    const [octets = 0, slots = 0] = look();
    t.equal(untouchedPages(arena, octets), 0);
    t.ok(isZero(arena, octets, arena.byteLength), 'nothing is behind it');
    t.equal(untouchedPages(index, slots), 0);
    t.ok(isZero(index, slots, index.byteLength), 'nor behind the buckets');
  }
  t.ok(
    arena.byteLength - (look()[0] ?? 0) < 200,
    'all of it in the end, but for room for an entry',
  );
  t.end();
});

test('a life is kept to the millisecond, up to seven weeks', (t) => {
  const { store, put } = startRoles();
  const life = { storedAt: 12_345.5, fresh: 3_000_000_000, alone: 2_999_999_999, stale: 7 };
  t.same(store.lifeOf(put('a.example', life)), life);
  const long = { fresh: 5e9, alone: 6e9, stale: 7e9 };
  const most = 0xffffffff;
  t.match(store.lifeOf(put('b.example', long)), { fresh: most, alone: most, stale: most });
  t.end();
});

test('a reply is sent from when it is ready until its end, while its cut holds', (t) => {
  const { store, put, reply } = startRoles();
  const at = put('a.example', { storedAt: 100 });
  t.equal(reply('a.example', 100), -1, 'not ready yet');
  store.ready(at, 50.9, 3, 0);
  t.equal(store.octets[at + KIND], 3);
  t.same(
    [149, 150].map((now) => reply('a.example', now)),
    [at, -1],
  );
  t.equal(reply('a.example', 100, 9), at, 'it depends on no cut');
  store.ready(at, 50, 3, 7);
  t.same(
    [6, 7, 8].map((epoch) => reply('a.example', 100, epoch)),
    [-1, at, -1],
  );
  store.ready(at, -1, 3, 0);
  t.equal(reply('a.example', 90), -1);
  store.ready(at, 5e9, 3, 0);
  t.equal(reply('a.example', 3e9), at, 'a span that takes all of its word');
  t.end();
});

test('what upstream answered can stop being a reply, and what a stage made goes on', (t) => {
  const { store, keyed, put, reply } = startRoles();
  store.ready(put('a.example'), 1_000, 0, 0);
  store.unready(keyed('a.example'));
  t.equal(reply('a.example'), -1);
  store.words[FIELDS.additionalTtls] = -1;
  const before = store.octets.slice();
  store.unready(keyed('b.example'));
  t.same(store.octets, before, 'what is not there changes nothing');
  store.delete(keyed('a.example'), ANSWER);
  const made = put('a.example', { role: MADE });
  store.ready(made, 1_000, 0, 0);
  store.unready(keyed('a.example'));
  t.equal(reply('a.example'), made);
  t.end();
});

test('uses are counted by replies and by the owner, up to three', (t) => {
  const { store, put, reply } = startRoles();
  const at = put('a.example');
  store.ready(at, 1_000, 0, 0);
  const uses = [1, 2, 3, 4].map((turn) => {
    if (turn % 2 === 0) store.use(at);
    else reply('a.example');
    return store.octets[at + USES];
  });
  t.same(uses, [1, 2, 3, 3]);
  t.end();
});

test('what the owner keeps is between the key and the life, and is whole', (t) => {
  const { store, put } = startRoles();
  const life = { fresh: 1, alone: 2, stale: 3 };
  const [first, second] = [put('a.example', { ...life, octets: 21 }), put('b.example', life)];
  // Ten words of fields, and a key of 11 octets with a word for the type.
  t.equal(store.keptAt(first), first + 4 * (10 + 4));
  store.octets.fill(0xff, store.keptAt(first), store.keptAt(first) + 21);
  t.match(store.lifeOf(first), life);
  t.match(store.lifeOf(second), life);
  t.equal(second % 8, 0, 'a double is read there');
  t.end();
});

test('an evicted entry that returns, and one that is renewed in the main queue, belong there', (t) => {
  const { store, put, find, isMain } = startRoles();
  t.notOk(isMain(put('a.example', { fresh: 1 })));
  // Over, so that they are no use in the main queue.
  for (let i = 0; i < 1_000 && find('a.example') >= 0; i++)
    put(`n${i}.example`, { fresh: 1, now: 1 });
  t.equal(find('a.example'), -1);
  t.ok(isMain(put('a.example')), 'it was remembered');
  t.notOk(isMain(put('b.example')));
  t.equal(store.entries, entriesOf(store).length);
  t.end();
});

function entriesOf(store: EntryStore): number[] {
  const found: number[] = [];
  store.forEach((at) => {
    found.push(at);
  });
  return found;
}

test('only an answer that is evicted while it is fresh is told as lost', (t) => {
  const fill = (more: object, now = 0): number => {
    const { store, put, lost, find } = startRoles(1 << 14);
    put('a.example', more);
    // Used, so that they go on to the main queue and push out what is there.
    for (let i = 0; i < 1_000; i++) store.use(put(`n${i}.example`, { role: MADE, now }));
    t.same([find('a.example'), find('a.example', MADE)], [-1, -1]);
    return lost();
  };
  t.equal(fill({ fresh: 1_000 }), 1);
  t.equal(fill({ fresh: 1_000, role: MADE }), 0);
  t.equal(fill({ fresh: 500 }, 500), 0);
  t.equal(fill({ fresh: 501 }, 500), 1);
  t.end();
});

test('entries are told by queue, the oldest first, and dead ones not at all', (t) => {
  const { store, keyed, put } = startRoles();
  const [a, b, c] = [put('a.example'), put('b.example'), put('c.example')];
  store.delete(keyed('b.example'), ANSWER);
  t.same(entriesOf(store), [a, c]);
  t.ok((b ?? 0) > (a ?? 0));
  t.end();
});

test('a copy has the life, the uses and the records, and is no reply yet', (t) => {
  const { store, put } = startRoles();
  const life = { storedAt: 5, fresh: 100, alone: 90, stale: 80 };
  const from = put('a.example', { ...life, octets: 20 });
  store.ready(from, 1_000, 3, 0);
  for (const [i, field] of [
    FIELDS.flagsBody,
    FIELDS.answersAuthority,
    FIELDS.additionalTtls,
  ].entries())
    store.words[(from >> 2) + field] = 0x10001 * (i + 1);
  store.octets.fill(7, store.keptAt(from), store.keptAt(from) + 20);
  store.use(from);
  const other = new EntryStore(1 << 15);
  const reader = new PlainQuery(9);
  other.copy(store, from, reader, 0);
  reader.of(request('a.example'));
  const at = other.find(reader, ANSWER);
  t.ok(at >= 0);
  t.same(other.lifeOf(at), life);
  t.equal(other.octets[at + USES], 1);
  t.same(
    [5, 6, 7].map((field) => other.words[(at >> 2) + field]),
    [0x10001, 0x20002, 0x30003],
  );
  t.same(other.octets.slice(other.keptAt(at), other.keptAt(at) + 20), new Uint8Array(20).fill(7));
  t.equal(other.findReply(reader, 10, 1), -1);
  const tiny = new EntryStore(1 << 10);
  tiny.copy(store, put('big.example', { octets: 400 }), reader, 0);
  t.equal(tiny.entries, 0, 'too large for the other');
  t.end();
});

/** Nine names of the first bucket, which has room for eight. */
function namesOfOneBucket(): string[] {
  const names: string[] = [];
  const probe = new PlainQuery(1);
  for (let i = 0; names.length < 9; i++) {
    probe.of(request(`n${i}.example`));
    if ((probe.hash & 0xff) === 0) names.push(`n${i}.example`);
  }
  return names;
}

test('in a full bucket the entry that is worth least goes: over, then small, then little used', (t) => {
  const [last = '', ...eight] = namesOfOneBucket();
  /** Which of the eight is gone after a ninth has come. */
  const gone = (
    change: (at: number, i: number, store: EntryStore) => void,
    fresh: (i: number) => number = () => 1_000,
  ) => {
    const { store, put, find } = startRoles();
    for (const [i, name] of eight.entries()) change(put(name, { fresh: fresh(i) }), i, store);
    put(last, { now: 500 });
    t.ok(find(last) >= 0);
    return eight.findIndex((name) => find(name) < 0);
  };
  const useAllBut = (least: number) => (at: number, i: number, store: EntryStore) => {
    if (i !== least) store.use(at);
  };
  t.equal(gone(useAllBut(3)), 3, 'the one that was not used');
  t.equal(gone(useAllBut(7)), 7);
  t.equal(
    gone(() => undefined),
    0,
    'of equals the first',
  );
  const isOld = (i: number) => (i === 5 ? 500 : 1_000);
  t.equal(gone(useAllBut(2), isOld), 5, 'what is over goes before what was never used');
  t.end();
});

/** Puts entries of names outside the first bucket, whose time is over at once, until `isEnough`. */
function flood({ put, keyed }: ReturnType<typeof startRoles>, isEnough: () => boolean): void {
  for (let i = 0; i < 1_000 && !isEnough(); i++) {
    const name = `f${i}.example`;
    if ((keyed(name).hash & 7) !== 0) put(name, { fresh: 1, now: 1 });
  }
}

test('an entry that was used moves to the main queue and stays there, unless it is over', (t) => {
  const roles = startRoles();
  const { store, put, find, isMain } = roles;
  store.use(put('over.example', { fresh: 1 }));
  store.use(put('used.example'));
  flood(roles, () => isMain(find('used.example')));
  t.equal(find('over.example'), -1);
  const at = find('used.example');
  t.ok(isMain(at));
  t.ok(isMain(put('used.example')), 'also when it is renewed');
  store.delete(roles.keyed('used.example'), ANSWER);
  t.notOk(isMain(put('used.example')), 'but not when it was deleted');
  t.end();
});

test('in a full bucket an entry of the main queue stays before any of the small one', (t) => {
  const names = namesOfOneBucket();
  const [main = '', ...others] = names.slice(0, -1);
  const roles = startRoles();
  const { store, put, find, isMain } = roles;
  store.use(put(main));
  flood(roles, () => isMain(find(main)));
  store.octets[find(main) + USES] = 0;
  for (const at of others.map((name) => put(name))) {
    for (let uses = 0; uses < 3; uses++) store.use(at);
  }
  put(names.at(-1) ?? '', { now: 2 });
  t.same(
    names.filter((name) => find(name) < 0),
    [others[0]],
  );
  t.end();
});

test('one insertion moves at most 64 entries, each for one of its uses, and then evicts what is in the way', (t) => {
  const { store, put, isMain } = startRoles();
  const inMain = () => entriesOf(store).filter((at) => isMain(at));
  const usedUp = () => inMain().filter((at) => (store.octets[at + USES] ?? 0) < 3);
  let before = 0;
  for (let i = 0; i < 2_000 && usedUp().length === 0; i++) {
    before = store.entries;
    // Large, so that no bucket of the index is full before the queue is.
    const at = put(`n${1_000 + i}.example`, { octets: 400 });
    for (let uses = 0; uses < 3; uses++) store.use(at);
  }
  // The 64th is the one that came from the small queue.
  t.equal(usedUp().length, 63);
  t.ok(usedUp().every((at) => store.octets[at + USES] === 2));
  t.equal(store.entries, before, 'one came, and one is gone');
  t.end();
});

test('an entry may take a sixteenth of the arena, and no more', (t) => {
  const { store, put, find } = startRoles();
  const most = store.octets.byteLength / 16;
  // Ten words of fields, four of the key, and three of the life.
  const kept = most - 4 * 17;
  t.ok(put('a.example', { octets: kept }) >= 0);
  t.equal(put('a.example', { octets: kept + 1 }), -1);
  t.equal(find('a.example'), -1, 'the one before it is gone');
  t.end();
});

test('a store of the least size finds what it holds', (t) => {
  const { put, find } = startRoles(1 << 11);
  for (let i = 0; i < 50; i++) {
    const name = `n${i}.example`;
    const at = put(name);
    t.equal(find(name), at);
  }
  t.end();
});

test('an entry is found by its whole key, not by its hash', (t) => {
  const { store, keyed, put, find } = startRoles();
  const at = put('abcd.example');
  store.ready(at, 1_000, 0, 0);
  const { hash } = keyed('abcd.example');
  for (const name of ['abce.example', 'abcd.exampl2', 'abcd.example.com', 'x']) {
    const query = keyed(name);
    query.hash = hash;
    t.equal(store.find(query, ANSWER), -1, name);
    t.equal(store.findReply(query, 0, 1), -1, name);
  }
  // The key of another class begins with that of class IN.
  const inClass = (qclass: number): PlainQuery => {
    const query = new PlainQuery(1);
    const asked = { qname: 'abcd.example.', qtype: 1, dnssecOk: false, checkingDisabled: false };
    query.asked({ ...asked, qclass });
    return query;
  };
  const life = { storedAt: 0, fresh: 1_000, alone: 1_000, stale: 0 };
  const chaos = inClass(3);
  store.insert(chaos, MADE, 8, life, 0);
  const internet = inClass(1);
  internet.hash = chaos.hash;
  t.equal(store.find(internet, MADE), -1);
  // An empty slot is all zeros, and the entry is at offset 0.
  const query = keyed('abcd.example');
  query.hash = 0;
  t.equal(store.find(query, ANSWER), -1);
  t.equal(find('abcd.example'), at);
  t.end();
});

test('octets of both queues are in use', (t) => {
  const { store, put } = startRoles();
  for (let i = 0; i < 100; i++) store.use(put(`n${i}.example`));
  const sizes = entriesOf(store).map((at) => store.words[(at >> 2) + FIELDS.size] ?? 0);
  t.equal(sizes.length, 100);
  t.ok(store.used >= sizes.reduce((sum, size) => sum + size, 0));
  t.end();
});

/** How many whole pages of 4 KiB before `end` have only zeros. */
function untouchedPages(buffer: ArrayBufferLike, end: number): number {
  let untouched = 0;
  for (let at = 0; at + 4_096 <= end; at += 4_096) if (isZero(buffer, at, at + 4_096)) untouched++;
  return untouched;
}

function isZero(buffer: ArrayBufferLike, from: number, to: number): boolean {
  return new Uint8Array(buffer, from, to - from).every((octet) => octet === 0);
}
