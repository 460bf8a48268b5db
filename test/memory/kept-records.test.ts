import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'tap';
import { AnswerMemory } from '../../src/memory/answer-memory.ts';
import { ANSWER } from '../../src/memory/entry.ts';
import { EntryStore } from '../../src/memory/entry-store.ts';
import {
  canonicalRecords,
  hasRecords,
  type KeptRecords,
  keptOctets,
  PLAIN_OPT,
  packedRecords,
  putRecords,
  recordsOf,
} from '../../src/memory/kept-records.ts';
import { PlainQuery } from '../../src/memory/plain-query.ts';
import { Rcode } from '../../src/wire/codes.ts';
import { Flag, putUint16, uint16, uint32 } from '../../src/wire/header.ts';
import type { Message } from '../../src/wire/message.ts';
import { canonicalName, encodeName, type Name, sameName } from '../../src/wire/name.ts';
import { renderReply, TCP_OCTETS } from '../../src/wire/render.ts';
import type { Request } from '../../src/wire/request.ts';
import { a, cname, message, record, request, soa } from '../support/messages.ts';
import { anyMessage, wireName } from '../wire/arbitraries.ts';

/** What a message is, whichever kind of octets it is made of; QNAME as owner has the case of the question. */
function plain({ answer, authority, additional, ...rest }: Message, qname?: Uint8Array): object {
  const ownerOf = (owner: Uint8Array) =>
    qname !== undefined && sameName(owner, qname) ? qname : owner;
  const sections = [answer, authority, additional].map((records) =>
    records.map((rr) => ({ ...rr, owner: [...ownerOf(rr.owner)], rdata: [...rr.rdata] })),
  );
  return { ...rest, sections };
}

const LIFE = { storedAt: 0, fresh: 1, alone: 1, stale: 0 };
const asked = (qname: Name) => ({
  qname,
  qtype: 1,
  qclass: 1,
  dnssecOk: false,
  checkingDisabled: false,
});

function startMemory() {
  const memory = new AnswerMemory({ octets: 1 << 22, negativeOctets: 1 << 14, seed: 1 });
  return {
    put: (sent: Message, qname = 'git.example.') => memory.put(asked(qname), sent, true, LIFE),
    get: (qname = 'git.example.') => memory.find(asked(qname))?.message,
    /** The message after it was kept. */
    through(sent: Message, qname = 'git.example.'): Message {
      assert.ok(this.put(sent, qname));
      const kept = this.get(qname);
      assert.ok(kept);
      return kept;
    },
  };
}

test('a message comes out of the memory as it went in', (t) => {
  const memory = startMemory();
  const property = fc.property(anyMessage(40), fc.nat(60), wireName, (sent, pick, other) => {
    const records = [...sent.answer, ...sent.authority, ...sent.additional];
    const qname = canonicalName(records[pick % records.length]?.owner ?? other);
    const ok = { ...sent, rcode: sent.rcode & 0xf };
    const wire = encodeName(qname);
    const { nodataDenied: _, truncated: __, ...kept } = ok;
    assert.deepEqual(plain(memory.through(ok, qname), wire), plain(kept, wire));
  });
  t.doesNotThrow(() => fc.assert(property));
  t.end();
});

test('RCODE and each flag are kept, and nothing is there that was not', (t) => {
  const memory = startMemory();
  const each: Message[] = [
    message({ rcode: 3 }),
    message({ authoritative: true, authenticData: false }),
    message({ authoritative: false, authenticData: true }),
    message({ otherOwner: true }),
    message({ partial: true }),
  ];
  for (const sent of each) t.strictSame(plain(memory.through(sent)), plain(sent));
  t.end();
});

test('records longer than any before are kept whole, up to 64 KiB', (t) => {
  const memory = startMemory();
  const long = (rdata: number) => ({
    ...a('git.example.', '192.0.2.1'),
    type: 65_280,
    rdata: new Uint8Array(rdata).fill(7),
  });
  for (const sizes of [[40_000], [40_000, 25_000]]) {
    const sent = message({ answer: sizes.map(long) });
    t.strictSame(plain(memory.through(sent)), plain(sent));
  }
  t.notOk(memory.put(message({ answer: [long(40_000), long(25_600)] })));
  t.equal(memory.get(), undefined, 'nor is what was there before');
  t.end();
});

test('what has been read does not change when another message is kept', (t) => {
  const memory = startMemory();
  const first = message({ answer: [a('git.example.', '192.0.2.1')] });
  const read = memory.through(first);
  memory.put(message({ answer: [a('git.example.', '198.51.100.2')] }));
  memory.put(message({ answer: [a('two.example.', '198.51.100.2')] }), 'two.example.');
  t.strictSame(plain(read), plain(first));
  t.end();
});

const EDNS = { edns: { dnssecOk: false } };
const CHAIN = message({
  answer: [cname('www.example.', 'git.example.', 300), a('git.example.', '192.0.2.1', 60)],
  authority: [soa('example.', { minimum: 30, ttl: 3_600 })],
  additional: [a('ns.dns.example.', '192.0.2.53', 86_400)],
});

const rendered = (asked: Request, sent: Message, age = 0): Uint8Array =>
  renderReply(asked, sent, { age, limit: TCP_OCTETS });

/** The records of the reply to a question, as a client was given it. */
function recordsFor(asked: Request, sent: Message): KeptRecords | undefined {
  return recordsOf(asked, rendered(asked, sent), sent);
}

const ttlsIn = (kept: KeptRecords | undefined): number[] | undefined =>
  kept?.ttls.map((at) => uint32(kept.octets, at));

test('the records of a reply are what stands between its question and its OPT', (t) => {
  for (const asked of [request('www.example'), request('www.example', 1, EDNS)]) {
    const reply = rendered(asked, CHAIN);
    const kept = recordsOf(asked, reply, CHAIN);
    const from = 12 + asked.question.octets.length;
    const optOctets = asked.edns === undefined ? 0 : 11;
    t.same(kept?.octets, reply.subarray(from, reply.length - optOctets));
    t.same(kept?.counts, [2, 1, 1]);
    t.same(ttlsIn(kept), [300, 60, 3_600, 86_400]);
  }
  t.same([...PLAIN_OPT], [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0], 'RFC 6891 §6.1.2');
  t.end();
});

test('only a reply that has all of its message is kept, to a question in lower case', (t) => {
  const asked = request('www.example');
  const reply = rendered(asked, CHAIN);
  const more = a('www.example.', '192.0.2.2');
  for (const section of ['answer', 'authority', 'additional'] as const) {
    const whole = { ...CHAIN, [section]: [...CHAIN[section], more] };
    t.equal(recordsOf(asked, reply, whole), undefined, `one is missing: ${section}`);
  }
  const truncated = reply.slice();
  putUint16(truncated, 2, uint16(truncated, 2) | Flag.TC);
  t.equal(recordsOf(asked, truncated, CHAIN), undefined, 'TC');
  for (const name of ['Www.example', 'www.examplE']) {
    t.equal(recordsFor(request(name), CHAIN), undefined, name);
  }
  t.ok(recordsFor(request('www.example', 0x4141), CHAIN), 'a type is no letter');
  t.end();
});

/** One record whose owner is a pointer, so that it takes `octets`. */
const blob = (octets: number): Message =>
  message({ answer: [record('www.example.', 65_280, new Uint8Array(octets - 12).fill(7))] });
const many = (count: number): Message =>
  message({ answer: Array.from({ length: count }, () => a('.', '192.0.2.1')) });

test('replies of up to 4,096 octets and 256 records are kept', (t) => {
  const asked = request('www.example');
  t.equal(recordsFor(asked, blob(4_096))?.octets.length, 4_096);
  t.equal(recordsFor(asked, blob(4_097)), undefined);
  t.equal(canonicalRecords(asked, blob(4_096), 0)?.octets.length, 4_096);
  t.equal(canonicalRecords(asked, blob(4_097), 0), undefined);
  t.equal(recordsFor(asked, many(256))?.ttls.length, 256);
  t.equal(recordsFor(asked, many(257)), undefined);
  t.end();
});

test('whatever the case of the question and whatever its OPT, the records are the same', (t) => {
  const plain = recordsFor(request('www.example'), CHAIN);
  for (const asked of [
    request('wWw.eXample'),
    request('WWW.EXAMPLE', 1, EDNS),
    request('www.example', 1, EDNS),
  ]) {
    const before = asked.question.octets.slice();
    t.same(canonicalRecords(asked, CHAIN, 0), plain);
    t.same(asked.question.octets, before, 'the question is not changed');
  }
  const typed = request('www.example', 0x4142);
  t.same(canonicalRecords(typed, CHAIN, 0), recordsFor(typed, CHAIN), 'a type is no letter');
  t.same(ttlsIn(canonicalRecords(request('www.example'), CHAIN, 100)), [200, 0, 3_500, 86_300]);
  t.end();
});

test('records of upstream are packed: QNAME as owner is a pointer, the root is itself', (t) => {
  const kept = packedRecords(CHAIN, encodeName('www.example.'));
  t.same(kept?.ttls.length, 4);
  t.same(ttlsIn(kept), [300, 60, 3_600, 86_400]);
  t.same(kept?.octets.subarray(0, 2), [0xc0, 12]);
  const root = message({ answer: [a('.', '192.0.2.1', 60)] });
  t.equal(packedRecords(root, encodeName('.'))?.octets.length, 1 + 10 + 4);
  // Pointer and fixed fields are 12 octets.
  t.equal(packedRecords(blob(0xffff), encodeName('www.example.'))?.octets.length, 0xffff);
  t.equal(packedRecords(blob(0x10000), encodeName('www.example.')), undefined);
  t.end();
});

/** An entry of its own that holds these records. */
function entryOf(kept: KeptRecords, sent: Message) {
  const store = new EntryStore(1 << 20);
  const query = new PlainQuery(1);
  query.asked(asked('www.example.'));
  const life = { storedAt: 0, fresh: 70_000, alone: 70_001, stale: 70_002 };
  const at = store.insert(query, ANSWER, keptOctets(kept), life, 0);
  putRecords(store, at, kept, sent);
  return { store, at };
}

test('an entry has the offsets of the TTLs, and then the records', (t) => {
  const kept = recordsFor(request('www.example'), CHAIN);
  assert.ok(kept);
  const { store, at } = entryOf(kept, CHAIN);
  const keptAt = store.keptAt(at);
  t.same(
    kept.ttls.map((_, i) => uint16(store.octets, keptAt + 2 * i)),
    kept.ttls,
  );
  t.same(store.octets.slice(keptAt + 8, keptAt + 8 + kept.octets.length), kept.octets);
  t.equal(keptOctets(kept), 8 + kept.octets.length);
  t.end();
});

test('an entry without records keeps its life', (t) => {
  const none = { octets: new Uint8Array(), ttls: [], counts: [0, 0, 0] } as const;
  const { store, at } = entryOf(none, message({ rcode: Rcode.NXDOMAIN }));
  t.match(store.lifeOf(at), { fresh: 70_000, alone: 70_001, stale: 70_002 });
  t.ok(hasRecords(store, at, none));
  t.end();
});

test('an entry has the records that were put into it, and no others', (t) => {
  const kept = recordsFor(request('www.example'), CHAIN);
  assert.ok(kept);
  const { store, at } = entryOf(kept, CHAIN);
  t.ok(hasRecords(store, at, kept));
  for (let i = 0; i < kept.octets.length; i++) {
    const octets = kept.octets.slice();
    octets[i] = (octets[i] ?? 0) ^ 1;
    if (hasRecords(store, at, { ...kept, octets })) t.fail(`octet ${i}`);
  }
  t.notOk(hasRecords(store, at, { ...kept, octets: kept.octets.subarray(1) }), 'shorter');
  t.notOk(hasRecords(store, at, { ...kept, octets: kept.octets.subarray(0, -1) }), 'cut off');
  t.end();
});
