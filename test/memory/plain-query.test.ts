import assert from 'node:assert/strict';
import { test } from 'tap';
import { type Asked, PlainQuery } from '../../src/memory/plain-query.ts';
import { RrType } from '../../src/wire/codes.ts';
import { Flag, putUint16 } from '../../src/wire/header.ts';
import { encodeName } from '../../src/wire/name.ts';
import { readRequest } from '../../src/wire/request.ts';
import { queryOctets } from '../support/messages.ts';

/** The key and hash of a query that stands somewhere in a larger buffer full of something else. */
function keyOf(octets: Uint8Array, at = 0): string {
  const query = new PlainQuery(7);
  const room = new Uint8Array(1_024).fill(0xee);
  room.set(octets, at);
  assert.ok(query.read(room, at, octets.length));
  return `${query.words.subarray(0, query.wordCount)} ${query.hash}`;
}

/** A query for one label before `example`, whose octets are `label`. */
function asking(label: readonly number[]): Uint8Array {
  const octets = queryOctets(`${'x'.repeat(label.length)}.example`);
  octets.set(label, 13);
  return octets;
}

function withOctet(octet: number, place: number): number[] {
  return Array.from({ length: 5 }, (_, i) => (i === place ? octet : 0x78));
}

test('C1: of an octet at any place in a name only the case of ASCII letters does not count (RFC 4343)', (t) => {
  const wrong = [0, 1, 2, 3, 4].flatMap((place) => {
    const keys = Array.from({ length: 256 }, (_, octet) => keyOf(asking(withOctet(octet, place))));
    return keys.flatMap((key, octet) => {
      const first = keys.indexOf(key);
      const isSmall = octet >= 0x61 && octet <= 0x7a;
      return first === (isSmall ? octet - 0x20 : octet) ? [] : [`${octet} at ${place} is ${first}`];
    });
  });
  t.same(wrong, []);
  t.end();
});

test('C1: the key is the same wherever the query stands, and whatever stood there before', (t) => {
  const longer = queryOctets('a.much.longer.name.than.the.others.example');
  const reader = new PlainQuery(7);
  const room = new Uint8Array(1_024);
  for (const name of ['.', 'a', 'ab', 'abc', 'abcd', 'abcd.ef.example']) {
    const octets = queryOctets(name);
    const keys = new Set([0, 1, 2, 3, 64].map((at) => keyOf(octets, at)));
    room.set(longer);
    reader.read(room, 0, longer.length);
    room.set(octets);
    reader.read(room, 0, octets.length);
    keys.add(`${reader.words.subarray(0, reader.wordCount)} ${reader.hash}`);
    t.equal(keys.size, 1, name);
  }
  t.end();
});

test('C1: names of every length have keys of their own, up to the longest there is', (t) => {
  const names = Array.from({ length: 126 }, (_, i) =>
    Array.from({ length: i }, () => 'y').join('.'),
  );
  const queries = names.flatMap((name) =>
    [RrType.A, RrType.AAAA].map((type) => queryOctets(name, type)),
  );
  t.equal(new Set(queries.map((octets) => keyOf(octets))).size, queries.length);
  const longest = `${'z'.repeat(63)}.${'z'.repeat(63)}.${'z'.repeat(63)}.${'z'.repeat(61)}`;
  t.ok(keyOf(queryOctets(longest)));
  t.end();
});

test('C1: the stages and the listeners have one key for a question, unless its class is not IN', (t) => {
  const reader = new PlainQuery(7);
  const keyOfAsked = (asked: Asked) => {
    reader.asked(asked);
    return `${reader.words.subarray(0, reader.wordCount)} ${reader.hash}`;
  };
  const names = ['.', 'a', 'git.example', 'A.B.c', '\\007x.example', `${'z'.repeat(63)}.example`];
  for (const name of names) {
    for (const [dnssecOk, checkingDisabled] of [
      [false, false],
      [true, false],
      [false, true],
    ] as const) {
      const octets = queryOctets(name, RrType.AAAA, { edns: { dnssecOk }, checkingDisabled });
      const { question } = readRequest(octets);
      const asked = { ...question, dnssecOk, checkingDisabled };
      t.equal(keyOfAsked(asked), keyOf(octets), `${name} ${dnssecOk} ${checkingDisabled}`);
      t.same(reader.name, encodeName(question.qname));
      t.not(keyOfAsked({ ...asked, qclass: 3 }), keyOf(octets), 'CH');
    }
  }
  reader.of(readRequest(withClass(queryOctets('git.example'), 3)));
  t.not(
    `${reader.words.subarray(0, reader.wordCount)} ${reader.hash}`,
    keyOf(queryOctets('git.example')),
  );
  t.end();
});

function withClass(query: Uint8Array, qclass: number): Uint8Array {
  const copy = query.slice();
  copy[copy.length - 1] = qclass;
  return copy;
}

test('C1: type, DO and CD are part of the key', (t) => {
  const queries = [
    queryOctets('git.example'),
    queryOctets('git.example', RrType.AAAA),
    queryOctets('git.example', 256),
    queryOctets('git.example', RrType.A, { checkingDisabled: true }),
    queryOctets('git.example', RrType.A, { edns: { dnssecOk: true } }),
    queryOctets('git.example', RrType.A, { edns: { dnssecOk: true }, checkingDisabled: true }),
  ];
  t.equal(new Set(queries.map((octets) => keyOf(octets))).size, queries.length);
  t.end();
});

/** A reader that has read the query, somewhere in a larger buffer. */
function readerOf(octets: Uint8Array, seed = 7): PlainQuery {
  const reader = new PlainQuery(seed);
  const room = new Uint8Array(1_024).fill(0xee);
  room.set(octets, 5);
  assert.ok(reader.read(room, 5, octets.length));
  return reader;
}

const keyIn = (reader: PlainQuery): string =>
  `${reader.words.subarray(0, reader.wordCount)} ${reader.hash}`;

test('what a reply depends on is read: its flags, its OPT, its size, and where the question ends', (t) => {
  const plain = queryOctets('git.example', RrType.A, { checkingDisabled: true });
  putUint16(plain, 2, Flag.AD | Flag.CD);
  t.match(readerOf(plain), {
    flags: Flag.AD | Flag.CD,
    edns: false,
    dnssecOk: false,
    udpLimit: 512,
    end: plain.length,
  });
  for (const dnssecOk of [false, true]) {
    const query = queryOctets('git.example', RrType.A, { edns: { dnssecOk } });
    const end = query.length - 11;
    for (const [size, udpLimit] of [
      [0, 512],
      [512, 512],
      [513, 513],
      [1_232, 1_232],
      [4_096, 1_232],
    ] as const) {
      putUint16(query, end + 3, size);
      t.match(readerOf(query), { flags: Flag.RD, edns: true, dnssecOk, udpLimit, end });
    }
  }
  t.end();
});

test('after a query with DO one without OPT is read as such', (t) => {
  const reader = readerOf(queryOctets('git.example', RrType.A, { edns: { dnssecOk: true } }));
  const plain = queryOctets('git.example');
  t.ok(reader.read(plain, 0, plain.length));
  t.match(reader, { edns: false, dnssecOk: false, udpLimit: 512 });
  t.equal(keyIn(reader), keyOf(plain));
  t.end();
});

/** A query for labels of these lengths. */
function withLabels(...lengths: readonly number[]): Uint8Array {
  const name = lengths.flatMap((length) => [length, ...Array.from({ length }, () => 0x78)]);
  const header = queryOctets('.').slice(0, 12);
  return Uint8Array.from([...header, ...name, 0, 0, 1, 0, 1]);
}

test('a name of 255 octets is plain, a longer one is not, nor is what ends too early', (t) => {
  const reads = (query: Uint8Array, length = query.length) =>
    new PlainQuery(7).read(query, 0, length);
  t.ok(reads(withLabels(63, 63, 63, 61)));
  t.notOk(reads(withLabels(63, 63, 63, 62)), '256 octets');
  t.notOk(reads(withLabels(63, 63, 63, 60, 1)));
  t.ok(reads(withLabels(63, 63, 63, 59, 1)));
  t.ok(reads(withLabels()), 'the root');
  t.notOk(reads(withLabels(64)), 'a label of 64 octets');
  const cut = withLabels(3, 3);
  // The buffer has more octets than the query.
  for (let length = 0; length < cut.length; length++) t.notOk(reads(cut, length), `${length}`);
  t.end();
});

test('what is not plain is not read', (t) => {
  const plain = queryOctets('git.example');
  const edns = queryOctets('git.example', RrType.A, { edns: { dnssecOk: false } });
  const changed = (query: Uint8Array, at: number, octet: number) =>
    query.map((old, i) => (i === at ? octet : old));
  const odd = {
    'class CH': withClass(plain, 3),
    'more octets': Uint8Array.from([...plain, 0]),
    'more octets behind an OPT': Uint8Array.from([...edns, 0]),
    'an EDNS version': changed(edns, edns.length - 5, 1),
    '256 additional records': changed(plain, 10, 1),
    'two additional records that are not there': changed(plain, 11, 2),
    'an OPT that is not there': changed(plain, 11, 1),
    'an OPT that is not counted': changed(edns, 11, 0),
  };
  for (const [what, query] of Object.entries(odd))
    t.notOk(new PlainQuery(7).read(query, 0, query.length), what);
  t.end();
});

test('C1: the longest name has keys of its own for each type, in the stages as well', (t) => {
  const query = withLabels(63, 63, 63, 61);
  const { question } = readRequest(query);
  const reader = new PlainQuery(7);
  const keyFor = (qtype: number) => {
    reader.asked({ ...question, qtype, dnssecOk: false, checkingDisabled: false });
    return keyIn(reader);
  };
  t.equal(keyFor(RrType.A), keyOf(query));
  t.not(keyFor(RrType.AAAA), keyOf(query));
  t.end();
});

test('C1: the key of a question of the stages follows each of its fields', (t) => {
  const first = {
    qname: 'git.example.',
    qtype: 1,
    qclass: 1,
    dnssecOk: false,
    checkingDisabled: false,
  };
  const changes = [
    { qname: 'gitx.example.' },
    { qtype: 28 },
    { qtype: 257 },
    { qclass: 3 },
    { qclass: 4 },
    { dnssecOk: true },
    { checkingDisabled: true },
    { dnssecOk: true, checkingDisabled: true },
  ];
  const reader = new PlainQuery(7);
  const keyFor = (asked: Asked) => {
    reader.asked(asked);
    return keyIn(reader);
  };
  const known = keyFor(first);
  const others = changes.map((change) => {
    t.equal(keyFor(first), known);
    t.equal(keyFor(first), known, 'asked twice');
    return keyFor({ ...first, ...change });
  });
  t.equal(new Set([known, ...others]).size, 1 + changes.length);
  t.end();
});

test('C1: a question that was read the ordinary way has the same key', (t) => {
  for (const edns of [undefined, { dnssecOk: false }, { dnssecOk: true }]) {
    for (const checkingDisabled of [false, true]) {
      const query = queryOctets('Git.Example', RrType.TXT, { edns, checkingDisabled });
      const reader = new PlainQuery(7);
      reader.of(readRequest(query));
      t.equal(keyIn(reader), keyOf(query));
      t.same(reader.name, encodeName('git.example'));
    }
  }
  t.end();
});

test('the key of an entry can be loaded into another reader', (t) => {
  const from = readerOf(queryOctets('git.example'));
  const words = Int32Array.from([1, 2, ...from.words.subarray(0, from.wordCount), 3]);
  const reader = readerOf(queryOctets('a.much.longer.name.than.the.other.example'));
  reader.load(words, 2, from.wordCount);
  t.equal(keyIn(reader), keyIn(from));
  t.same(reader.name, encodeName('git.example'));
  t.end();
});

/** MurmurHash3 (x86, 32 bits) of whole words, with their number in place of their octets. */
function murmur(words: Int32Array, seed: number): number {
  const mask = 0xffffffffn;
  const rotated = (x: bigint, by: bigint) => ((x << by) | (x >> (32n - by))) & mask;
  let hash = BigInt.asUintN(32, BigInt(seed));
  for (const word of words) {
    const mixed = rotated((BigInt.asUintN(32, BigInt(word)) * 0xcc9e2d51n) & mask, 15n);
    hash = (rotated(hash ^ ((mixed * 0x1b873593n) & mask), 13n) * 5n + 0xe6546b64n) & mask;
  }
  hash ^= BigInt(words.length);
  hash = ((hash ^ (hash >> 16n)) * 0x85ebca6bn) & mask;
  hash = ((hash ^ (hash >> 13n)) * 0xc2b2ae35n) & mask;
  return Number(BigInt.asIntN(32, hash ^ (hash >> 16n)));
}

test('keys are hashed by MurmurHash3 with the secret seed', (t) => {
  for (const seed of [0, 7, 0xffffffff, 0x80000000]) {
    for (const name of ['.', 'a', 'git.example', 'www.git.example.com']) {
      const reader = readerOf(queryOctets(name), seed);
      t.equal(reader.hash, murmur(reader.words.subarray(0, reader.wordCount), seed), name);
    }
  }
  t.end();
});
