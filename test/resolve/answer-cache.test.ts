import fc from 'fast-check';
import { test } from 'tap';
import { AnswerMemory } from '../../src/memory/answer-memory.ts';
import { Tally } from '../../src/observe/tally.ts';
import { AnswerCache, answerCache, cacheFill } from '../../src/resolve/answer-cache.ts';
import { outerDenialLife } from '../../src/resolve/denial-life.ts';
import type { Query } from '../../src/resolve/stage.ts';
import { EdeCode, Rcode, RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, cname, message, nodata, nxdomain, soa } from '../support/messages.ts';
import { answer, answering, below, promised, query } from './queries.ts';

const NAME = 'api.example.com.';
const ADDRESS = message({ answer: [a(NAME, '192.0.2.1', 60)] });

function setup({ octets = 1 << 20, negativeOctets = 1 << 18, maxNegativeTtl = 86_400 } = {}) {
  const clock = new HandClock();
  const tallies = { hits: new Tally(), misses: new Tally(), evictions: new Tally() };
  const memory = new AnswerMemory({
    octets,
    negativeOctets,
    seed: 1,
    onLost: () => tallies.evictions.add(),
  });
  const cache = new AnswerCache({
    memory,
    clock,
    tallies,
    denialLife: () => outerDenialLife(maxNegativeTtl * 1000),
  });
  return { cache, memory, clock, tallies };
}

test('C1: an answer is found by name, type, class, DO and CD, and by nothing less', async (t) => {
  const { cache } = setup();
  const asked = query(NAME);
  cache.store(asked, ADDRESS);
  t.same(cache.lookup(asked)?.message, ADDRESS);
  const others: Partial<Query>[] = [
    { qname: 'www.example.com.' },
    { qtype: RrType.AAAA },
    { qclass: 3 },
    { dnssecOk: true },
    { checkingDisabled: true },
  ];
  for (const other of others) {
    t.equal(cache.lookup({ ...asked, ...other }), undefined, JSON.stringify(other));
  }
  t.ok(cache.lookup({ ...asked, client: '192.0.2.99' }), 'whoever asks');
});

test('C1: records inside a message never answer for another name', async (t) => {
  const { cache } = setup();
  const chain = message({
    answer: [cname(NAME, 'target.example.com.'), a('target.example.com.', '192.0.2.1')],
    additional: [a('extra.example.com.', '192.0.2.2')],
  });
  cache.store(query(NAME), chain);
  t.equal(cache.lookup(query('target.example.com.')), undefined);
  t.equal(cache.lookup(query('extra.example.com.')), undefined);
});

test('C2: an answer ages by whole seconds and ends with its lowest TTL', async (t) => {
  const { cache, clock } = setup();
  const chain = message({
    answer: [cname(NAME, 'target.example.com.', 3), a('target.example.com.', '192.0.2.1', 60)],
  });
  await clock.advance(60_000);
  cache.store(query(NAME), chain);
  for (const [at, age] of [
    [0, 0],
    [999, 0],
    [1_000, 1],
    [2_999, 2],
  ] as const) {
    await clock.advance(60_000 + at - clock.now());
    t.equal(cache.lookup(query(NAME))?.age, age, `after ${at} ms`);
  }
  await clock.advance(1);
  t.equal(cache.lookup(query(NAME)), undefined);
});

test('C2: what a client sees of a TTL never grows without a new answer, and never lasts past it', async (t) => {
  const property = fc.asyncProperty(
    fc.integer({ min: 0, max: 120 }),
    fc.boolean(),
    fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 20 }),
    async (ttl, speculative, steps) => {
      const { cache, clock } = setup();
      const asked = query(NAME, RrType.A, { speculative });
      cache.store(asked, message({ answer: [a(NAME, '192.0.2.1', ttl)] }));
      const end = Math.max(ttl * 1_000, speculative ? 2_000 : 0);
      const left: number[] = [ttl];
      for (const step of steps) {
        await clock.advance(step);
        const hit = cache.lookup(query(NAME));
        if (hit !== undefined) left.push(Math.max(0, ttl - hit.age));
        if ((hit !== undefined) !== clock.now() < end) throw new Error(`at ${clock.now()}: ${hit}`);
      }
      if (left.some((seconds, i) => seconds > (left[i - 1] ?? ttl))) throw new Error(left.join());
    },
  );
  await t.resolves(fc.assert(property, { includeErrorInReport: true }));
});

test('C2: TTL 0 is for the one who asked', async (t) => {
  const { cache } = setup();
  cache.store(query(NAME), message({ answer: [a(NAME, '192.0.2.1', 0)] }));
  t.equal(cache.lookup(query(NAME)), undefined);
});

test('C2: a negative answer lives as long as its SOA says, and no longer than the zone may', async (t) => {
  const cases: [string, Message, number, number][] = [
    ['MINIMUM', nxdomain('example.com.', 30), 86_400, 30],
    [
      'the TTL of the SOA',
      message({ authority: [soa('example.com.', { minimum: 30, ttl: 7 })] }),
      86_400,
      7,
    ],
    ['the limit of the zone', nxdomain('example.com.', 3_600), 5, 5],
    [
      'the aliases before it',
      { ...nodata('example.com.', 30), answer: [cname(NAME, 'www.example.com.', 4)] },
      86_400,
      4,
    ],
  ];
  for (const [what, denial, maxNegativeTtl, life] of cases) {
    const { cache, clock } = setup({ maxNegativeTtl });
    cache.store(query(NAME), denial);
    await clock.advance(life * 1_000 - 1);
    t.ok(cache.lookup(query(NAME)), `${what}: there before ${life} s`);
    await clock.advance(1);
    t.notOk(cache.lookup(query(NAME)), `${what}: gone at ${life} s`);
  }
});

test('C2: no SOA, or one of a zone that does not hold the name: not cached (RFC 2308 §5)', async (t) => {
  const { cache } = setup();
  for (const denial of [
    message({ rcode: Rcode.NXDOMAIN }),
    message(),
    nxdomain('example.org.'),
    nodata('sub.api.example.com.'),
  ]) {
    cache.store(query(NAME), denial);
    t.equal(cache.lookup(query(NAME)), undefined);
  }
});

test('C2: the SOA is that of the end of the chain (RFC 2308 §2.1)', async (t) => {
  const { cache } = setup();
  const answer = [cname(NAME, 'www.example.com.'), cname('www.example.com.', 'gone.example.net.')];
  cache.store(query(NAME), { ...nxdomain('example.net.'), answer });
  t.equal(cache.lookup(query(NAME))?.message.rcode, Rcode.NXDOMAIN);
});

test('C2: NODATA denies one type (RFC 2308 §5)', async (t) => {
  const { cache } = setup();
  cache.store(query(NAME, RrType.AAAA), nodata('example.com.'));
  t.ok(cache.lookup(query(NAME, RrType.AAAA)));
  t.equal(cache.lookup(query(NAME, RrType.A)), undefined);
});

test('C6: no failure is ever stored', async (t) => {
  const { cache } = setup();
  for (const rcode of [Rcode.FORMERR, Rcode.SERVFAIL, Rcode.NOTIMP, Rcode.REFUSED, 9, 23]) {
    const failure = message({ rcode, authority: [soa('example.com.')] });
    cache.store(query(NAME, RrType.A, { speculative: true }), failure);
    t.equal(cache.lookup(query(NAME)), undefined, `RCODE ${rcode}`);
  }
});

test('N4: what speculation brought is held for 2 s, a denial for 500 ms, TTL 0 and missing SOA or not', async (t) => {
  for (const [brought, span] of [
    [message({ answer: [a(NAME, '192.0.2.1', 0)] }), 2_000],
    [message({ rcode: Rcode.NXDOMAIN }), 500],
    [message(), 500],
  ] as const) {
    const { cache, clock } = setup();
    cache.store(query(NAME, RrType.A, { speculative: true }), brought);
    await clock.advance(span - 1);
    t.same(cache.lookup(query(NAME))?.message, brought);
    await clock.advance(1);
    t.equal(cache.lookup(query(NAME)), undefined);
  }
});

test('N4, U3: what is whole of a damaged reply is held for its walk, and stays marked; nobody else gets it', async (t) => {
  const part = message({ answer: [a(NAME, '192.0.2.1', 0)], partial: true });
  for (const [brought, span] of [
    [part, 2_000],
    [message({ rcode: Rcode.NXDOMAIN, partial: true }), 500],
  ] as const) {
    const { cache, clock } = setup();
    cache.store(query(NAME), brought);
    t.notOk(cache.has(query(NAME)), 'a client has asked for it');
    cache.store(query(NAME, RrType.A, { speculative: true }), brought);
    await clock.advance(span - 1);
    t.same(cache.lookup(query(NAME))?.message, brought);
    await clock.advance(1);
    t.notOk(cache.has(query(NAME)));
    t.equal(cache.stale(query(NAME)), undefined);
  }
});

test('N4, C2: a denial that speculation brought is believed no longer than its SOA says', async (t) => {
  const { cache, clock } = setup();
  cache.store(query(NAME, RrType.A, { speculative: true }), nxdomain('example.com.', 1));
  await clock.advance(999);
  t.ok(cache.lookup(query(NAME)));
  await clock.advance(1);
  t.equal(cache.lookup(query(NAME)), undefined);
});

test('a new answer takes the place of the old one, positive or negative', async (t) => {
  const { cache, memory } = setup();
  for (const current of [ADDRESS, nxdomain('example.com.'), ADDRESS, nodata('example.com.')]) {
    cache.store(query(NAME), current);
    t.same(cache.lookup(query(NAME))?.message, current);
    t.equal(memory.sizes.positive.entries + memory.sizes.negative.entries, 1);
  }
});

test('C3: twenty thousand NXDOMAINs evict no positive answer', async (t) => {
  const { cache, memory, tallies } = setup({ octets: 256 * 1_024, negativeOctets: 64 * 1_024 });
  const hot = Array.from({ length: 100 }, (_, i) => `hot-${i}.example.com.`);
  for (const name of hot)
    cache.store(query(name), message({ answer: [a(name, '192.0.2.1', 3_600)] }));
  for (let i = 0; i < 20_000; i++) {
    cache.store(query(`random-${i}.example.com.`), nxdomain('example.com.', 3_600));
    if (memory.sizes.negative.octets > 64 * 1_024)
      throw new Error('the negative part is too large');
  }
  t.ok(
    hot.every((name) => cache.lookup(query(name)) !== undefined),
    'all hundred are there',
  );
  t.ok(tallies.evictions.value > 10_000, 'the flood evicted itself');
});

test('C3: each part stays inside its octets, whatever is stored', async (t) => {
  const name = fc.nat(500).map((number) => `n${number}.example.com.`);
  const stored = fc.tuple(name, fc.constantFrom('data', 'nxdomain', 'nodata'), fc.nat(40));
  const property = fc.property(fc.array(stored, { maxLength: 300 }), (entries) => {
    const { cache, memory } = setup({ octets: 40_000, negativeOctets: 10_000 });
    for (const [qname, kind, count] of entries) {
      const answer = Array.from({ length: count + 1 }, (_, i) => a(qname, `192.0.2.${i}`));
      const denial = kind === 'nxdomain' ? nxdomain('example.com.') : nodata('example.com.');
      cache.store(query(qname), kind === 'data' ? message({ answer }) : denial);
      const { positive, negative } = memory.sizes;
      if (positive.octets > 40_000 || negative.octets > 10_000)
        throw new Error(`octets: ${positive.octets} ${negative.octets}`);
    }
  });
  t.doesNotThrow(() => fc.assert(property, { includeErrorInReport: true }));
});

test('C3: what is larger than the whole part is not kept, and evicts nothing', async (t) => {
  const { cache } = setup({ octets: 5_000, negativeOctets: 1_000 });
  cache.store(query(NAME), ADDRESS);
  const records = Array.from({ length: 200 }, () => a('big.example.com.', '192.0.2.1'));
  cache.store(query('big.example.com.'), message({ answer: records }));
  t.equal(cache.lookup(query('big.example.com.')), undefined);
  t.ok(cache.lookup(query(NAME)));
});

test('the stage fills the cache from below and counts hits and misses', async (t) => {
  const { cache, tallies } = setup();
  const { next, asked } = below();
  const resolve = promised(answerCache(cache)(cacheFill(cache)(next)));
  const first = resolve(query(NAME));
  asked[0]?.resolve({ message: ADDRESS, source: 'upstream', age: 0 });
  t.equal((await first).source, 'upstream');
  t.equal((await resolve(query(NAME))).source, 'cache');
  t.equal(asked.length, 1);
  t.equal(tallies.hits.value, 1);
  t.equal(tallies.misses.value, 1);
  t.equal(cache.has(query(NAME)), true);
  t.equal(tallies.hits.value, 1, 'a look does not count');
});

test('another cache hands over the names that are still answered by the same servers', async (t) => {
  const { cache: before } = setup();
  const kept = query(NAME);
  const denied = query('none.example.com.');
  const moved = query('api.corp.example.');
  before.store(kept, ADDRESS);
  before.store(denied, nxdomain('example.com.'));
  before.store(moved, message({ answer: [a('api.corp.example.', '192.0.2.9')] }));
  const { cache } = setup();
  const asked: string[] = [];
  cache.adopt(before, (qname) => {
    asked.push(qname);
    return qname !== 'api.corp.example.';
  });
  t.same(asked.sort(), ['api.corp.example.', NAME, 'none.example.com.'], 'told by name alone');
  t.same(cache.lookup(kept)?.message, ADDRESS);
  t.equal(cache.lookup(denied)?.message.rcode, Rcode.NXDOMAIN);
  t.equal(cache.lookup(moved), undefined);
});

/** Names, more than a part of {@link SMALL} octets has room for: about 750. */
const NAMES = Array.from({ length: 2_000 }, (_, i) => `n${i}.example.com.`);
const SMALL = 80_000;

function storeAll(cache: AnswerCache, names: readonly string[]): void {
  for (const name of names)
    cache.store(query(name), message({ answer: [a(name, '192.0.2.1', 60)] }));
}

test('C3: what was used before it was handed over outlives what was not', async (t) => {
  const names = NAMES.slice(0, 600);
  const used = names.filter((_, i) => i % 10 === 0);
  const { cache: before } = setup({ octets: SMALL });
  storeAll(before, names);
  for (const name of used) before.lookup(query(name));
  const { cache } = setup({ octets: SMALL / 2 });
  cache.adopt(before, () => true);
  const left = (some: readonly string[]) => some.filter((name) => cache.has(query(name))).length;
  t.equal(left(used), used.length, 'all of those in use');
  t.ok(left(names) < 500, `there was no room for all: ${left(names)}`);
});

test('C3: an eviction counts while the answer was still good, and no other end does', async (t) => {
  const { cache, memory, clock, tallies } = setup({ octets: SMALL });
  storeAll(cache, NAMES.slice(0, 100));
  storeAll(cache, NAMES.slice(0, 100));
  t.equal(tallies.evictions.value, 0, 'replaced');
  storeAll(cache, NAMES);
  const { entries } = memory.sizes.positive;
  t.equal(tallies.evictions.value, NAMES.length - entries, 'all that are gone');
  await clock.advance(60_000);
  storeAll(cache, NAMES.slice(0, entries / 2));
  t.equal(
    tallies.evictions.value,
    NAMES.length - entries,
    'their lives were over at that very moment',
  );
});

test('C3: an entry weighs what its names and records hold', async (t) => {
  const weight = (name: string, rdata: number) => {
    const { cache, memory } = setup();
    const rr = { ...a(name, '192.0.2.1'), rdata: new Uint8Array(rdata) };
    cache.store(query(name), message({ answer: [rr] }));
    return memory.sizes.positive.octets;
  };
  const least = weight('a.', 4);
  t.equal(least, 80);
  t.equal(weight('a.', 100) - least, 96, 'RDATA');
  t.equal(weight('abcdefghij.', 4) - least, 8, 'the name in the key: the owner is a pointer to it');
});

test('C4: an answer is stale from the end of its life for a day, to the millisecond', async (t) => {
  const { cache, clock } = setup();
  cache.store(query(NAME), ADDRESS);
  await clock.advance(59_999);
  t.equal(cache.stale(query(NAME)), undefined, 'fresh');
  t.ok(cache.lookup(query(NAME)));
  await clock.advance(1);
  t.equal(cache.lookup(query(NAME)), undefined);
  t.match(cache.stale(query(NAME))?.ede, {
    text: 'upstream does not answer; this was its word before',
  });
  await clock.advance(24 * 60 * 60_000 - 1);
  t.ok(cache.stale(query(NAME)));
  await clock.advance(1);
  t.equal(cache.stale(query(NAME)), undefined);
});

test('C4: a stale answer is told for thirty seconds, record by record, and says why (RFC 8767 §4)', async (t) => {
  const { cache, clock } = setup();
  const sections = {
    answer: [a(NAME, '192.0.2.1', 60)],
    authority: [a('ns.example.', '192.0.2.2', 600)],
    additional: [a('more.example.', '192.0.2.3', 1)],
  };
  cache.store(query(NAME), message(sections));
  await clock.advance(60_000);
  const thirty = (records: typeof sections.answer) => records.map((rr) => ({ ...rr, ttl: 30 }));
  const stale = cache.stale(query(NAME));
  t.same(stale, {
    message: message({
      answer: thirty(sections.answer),
      authority: thirty(sections.authority),
      additional: thirty(sections.additional),
    }),
    source: 'stale',
    age: 0,
    ede: {
      code: EdeCode.STALE_ANSWER,
      text: 'upstream does not answer; this was its word before',
    },
  });
});

test('N9: a denial is stale for five minutes, and is called one', async (t) => {
  const { cache, clock } = setup();
  cache.store(query(NAME), nxdomain('example.com.', 10));
  await clock.advance(10_000);
  t.equal(cache.stale(query(NAME))?.ede?.code, EdeCode.STALE_NXDOMAIN);
  await clock.advance(5 * 60_000 - 1);
  t.ok(cache.stale(query(NAME)));
  await clock.advance(1);
  t.equal(cache.stale(query(NAME)), undefined);
});

test('C4: what was only held for its walk is never stale, nor what nobody asked', async (t) => {
  const { cache, clock } = setup();
  const early = query(NAME, RrType.A, { speculative: true });
  cache.store(early, message({ answer: [a(NAME, '192.0.2.1', 0)] }));
  t.ok(cache.has(query(NAME)));
  await clock.advance(2_000);
  t.equal(cache.stale(query(NAME)), undefined);
  t.equal(cache.stale(query('other.example.com.')), undefined);
});

test('C3, C4: what stands in for upstream is used, and evicted after what is not', async (t) => {
  const { cache, clock } = setup({ octets: SMALL });
  const [first, ...others] = NAMES.slice(0, 500);
  storeAll(cache, [first ?? '', ...others]);
  await clock.advance(60_000);
  t.ok(cache.stale(query(first ?? '')));
  // In use, so that they need the room of what is not.
  for (const name of NAMES.slice(500, 1_000)) {
    storeAll(cache, [name]);
    cache.lookup(query(name));
  }
  t.ok(cache.stale(query(first ?? '')));
  const left = others.filter((name) => cache.stale(query(name)) !== undefined);
  t.ok(left.length < others.length / 2, `of those that nobody asked for: ${left.length}`);
});

test('C5: a refresh passes the cache by', async (t) => {
  const { cache } = setup();
  cache.store(query(NAME), ADDRESS);
  const fresh = answer();
  const resolve = promised(answerCache(cache)(answering(async () => fresh)));
  t.equal((await resolve(query(NAME))).source, 'cache');
  t.equal(await resolve(query(NAME, RrType.A, { refresh: true })), fresh);
});

test('hits and misses are counted, each as what it is', async (t) => {
  const { cache, tallies } = setup();
  cache.lookup(query(NAME));
  t.same([tallies.hits.value, tallies.misses.value], [0, 1]);
  cache.store(query(NAME), ADDRESS);
  cache.lookup(query(NAME));
  cache.has(query(NAME));
  t.same([tallies.hits.value, tallies.misses.value], [1, 1]);
});

test('what upstream cut short, or answered with nothing to live by, is not kept, and ends what was', async (t) => {
  const { cache, memory } = setup();
  for (const speculative of [false, true]) {
    cache.store(query(NAME, RrType.A, { speculative }), { ...ADDRESS, truncated: true });
    t.notOk(cache.has(query(NAME)));
  }
  cache.store(query(NAME), ADDRESS);
  cache.store(query(NAME), message({ answer: [a(NAME, '192.0.2.1', 0)] }));
  t.notOk(cache.has(query(NAME)), 'TTL 0');
  t.equal(memory.sizes.positive.entries, 0);
});
