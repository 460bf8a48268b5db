import assert from 'node:assert/strict';
import { test } from 'tap';
import { type Asked, PlainQuery } from '../../src/memory/plain-query.ts';
import { RrType } from '../../src/wire/codes.ts';
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
