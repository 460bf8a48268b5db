import fc from 'fast-check';
import { test } from 'tap';
import { AnswerTable } from '../../src/listen/answer-table.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { Flag, putUint16, uint16 } from '../../src/wire/header.ts';
import type { Message } from '../../src/wire/message.ts';
import type { Rr } from '../../src/wire/record.ts';
import { renderReply, TCP_OCTETS, udpLimit } from '../../src/wire/render.ts';
import { readRequest } from '../../src/wire/request.ts';
import {
  a,
  aaaa,
  cname,
  message,
  nxdomain,
  queryOctets,
  record,
  soa,
} from '../support/messages.ts';

const ROOM = 4_096;

function startTable(octets = 1 << 20, negativeOctets = 1 << 18): AnswerTable {
  return new AnswerTable({ octets, negativeOctets, maxKinds: 8, seed: 0x5eed });
}

/** Renders as the responder does, and keeps it for a minute. */
function keep(
  table: AnswerTable,
  query: Uint8Array,
  reply: Message,
  more: { age?: number; agedAt?: number; until?: number; isCut?: boolean; kind?: number } = {},
): void {
  const request = readRequest(query);
  const age = more.age ?? 0;
  const octets = renderReply(request, reply, { age, limit: udpLimit(request) });
  const defaults = { message: reply, age, agedAt: table.now, until: table.now + 60_000, kind: 0 };
  table.keep(request, octets, { ...defaults, isCut: false, ...more });
}

/** The reply of the table; `undefined` where it leaves the query to the stages. */
function ask(table: AnswerTable, query: Uint8Array, overTcp = false): Uint8Array | undefined {
  const buffer = new Uint8Array(ROOM).fill(0xaa);
  const at = 7;
  buffer.set(query, at);
  const length = table.answer(buffer, at, query.length, ROOM - at, overTcp);
  return length === 0 ? undefined : buffer.slice(at, at + length);
}

/** What the stages' answer looks like to this client, where it fits whole; names are compressed as for lower case. */
function slowly(
  query: Uint8Array,
  reply: Message,
  age: number,
  overTcp: boolean,
): Uint8Array | undefined {
  const plain = readRequest(query);
  const lower = query.map((octet, at) =>
    at >= 12 && at < plain.question.end - 4 && octet >= 0x41 && octet <= 0x5a ? octet + 32 : octet,
  );
  const request = readRequest(lower);
  const limit = overTcp ? TCP_OCTETS : udpLimit(request);
  const octets = renderReply(request, reply, { age, limit: TCP_OCTETS });
  if (octets.length > limit) return undefined;
  octets.set(query.subarray(12, plain.question.end), 12);
  return octets;
}

test('a hit has the ID, the case and the flags of its client (L3)', (t) => {
  const table = startTable();
  keep(
    table,
    queryOctets('www.example.com'),
    message({ answer: [a('www.example.com', '192.0.2.1', 60)] }),
  );
  const query = queryOctets('wWw.eXample.COM', RrType.A, { id: 0xbeef });
  const reply = ask(table, query);
  t.equal(uint16(reply ?? query, 0), 0xbeef);
  t.equal(uint16(reply ?? query, 2), Flag.QR | Flag.RD | Flag.RA);
  t.same(reply?.slice(12, 12 + 21), query.slice(12, 12 + 21), 'the question as it came');
  t.same(reply?.slice(-4), Uint8Array.of(192, 0, 2, 1));
  t.end();
});

test('what is unusual goes the ordinary way, and is left as it was (L2)', (t) => {
  const table = startTable();
  const plain = queryOctets('a.example');
  keep(table, plain, message({ answer: [a('a.example', '192.0.2.1')] }));
  t.ok(ask(table, plain), 'the plain query is a hit');
  const edns = queryOctets('a.example', RrType.A, { edns: { dnssecOk: false } });
  const changed = (query: Uint8Array, at: number, octet: number) => {
    const copy = query.slice();
    copy[at] = octet;
    return copy;
  };
  const odd: Record<string, Uint8Array> = {
    'a response': changed(plain, 2, 0x81),
    'an opcode': changed(plain, 2, 0x11),
    TC: changed(plain, 2, 0x03),
    AA: changed(plain, 2, 0x05),
    'a reserved bit': changed(plain, 3, 0x40),
    'an RCODE': changed(plain, 3, 0x01),
    'no question': changed(plain, 5, 0),
    'two questions': changed(plain, 5, 2),
    'an answer': changed(plain, 7, 1),
    authority: changed(plain, 9, 1),
    'two additional records': changed(edns, 11, 2),
    'another class': changed(plain, plain.length - 1, 3),
    'an OPT that is not there': changed(plain, 11, 1),
    'octets behind it': Uint8Array.from([...plain, 0]),
    'a cut off question': plain.slice(0, -1),
    'a header alone': plain.slice(0, 12),
    'an EDNS version': changed(edns, edns.length - 5, 1),
    'a flag of EDNS': changed(edns, edns.length - 3, 1),
    'a record that is no OPT': changed(edns, edns.length - 9, 42),
    'an OPT below the root': changed(edns, edns.length - 11, 1),
    options: Uint8Array.from([...changed(edns, edns.length - 1, 4), 0, 10, 0, 0]),
    'a compressed name': changed(plain, 12, 0xc0),
    'a reserved label type': changed(plain, 12, 0x40),
  };
  for (const [what, query] of Object.entries(odd)) {
    const buffer = new Uint8Array(ROOM);
    buffer.set(query);
    const before = buffer.slice();
    t.equal(table.answer(buffer, 0, query.length, ROOM, false), 0, what);
    t.same(buffer, before, `${what}: untouched`);
  }
  t.end();
});

test('TTLs age by whole seconds, and the entry ends when it was told to (C2)', (t) => {
  const table = startTable();
  const query = queryOctets('a.example');
  const records = [a('a.example', '192.0.2.1', 60), a('a.example', '192.0.2.2', 3)];
  keep(table, query, message({ answer: records }), { agedAt: 0, until: 60_000 });
  const ttls = (now: number) => {
    table.now = now;
    const reply = ask(table, query);
    return reply && [uint16(reply, reply.length - 24), uint16(reply, reply.length - 8)];
  };
  t.same(ttls(0), [60, 3]);
  t.same(ttls(999), [60, 3]);
  t.same(ttls(1_000), [59, 2]);
  t.same(ttls(10_000), [50, 0], 'never below 0');
  t.same(ttls(59_999), [1, 0]);
  t.equal(ttls(60_000), undefined);
  t.end();
});

test('DO and CD have answers of their own, the type too (C1)', (t) => {
  const table = startTable();
  keep(table, queryOctets('a.example'), message({ answer: [a('a.example', '192.0.2.1')] }));
  t.equal(ask(table, queryOctets('a.example', RrType.A, { checkingDisabled: true })), undefined);
  t.equal(ask(table, queryOctets('a.example', RrType.A, { edns: { dnssecOk: true } })), undefined);
  t.equal(ask(table, queryOctets('a.example', RrType.AAAA)), undefined);
  t.ok(ask(table, queryOctets('a.example', RrType.A, { edns: { dnssecOk: false } })));
  // 0x41 and 0x61 are one letter in a name, and two types.
  keep(table, queryOctets('a.example', 0x41), message({ answer: [a('a.example', '192.0.2.1')] }));
  t.equal(ask(table, queryOctets('a.example', 0x61)), undefined);
  t.end();
});

test('a reply that is larger than the client takes goes the ordinary way (L4)', (t) => {
  const table = startTable();
  const answer = Array.from({ length: 40 }, (_, i) => a('a.example', `192.0.2.${i}`));
  const query = queryOctets('a.example', RrType.A, { edns: { dnssecOk: false } });
  keep(table, query, message({ answer }));
  t.ok(ask(table, query), '1,232 octets are enough');
  t.equal(ask(table, queryOctets('a.example')), undefined, '512 are not');
  t.ok(ask(table, queryOctets('a.example'), true), 'over TCP they are no matter');
  const small = query.slice();
  putUint16(small, small.length - 8, 600);
  t.equal(ask(table, small), undefined, 'nor are 600');
  t.end();
});

test('entries of cuts end at once, others stay (N3)', (t) => {
  const table = startTable();
  keep(table, queryOctets('x.com.svc.cluster.local'), nxdomain('cluster.local'), { isCut: true });
  keep(table, queryOctets('y.example'), nxdomain('example'));
  const { epoch } = table;
  table.dropCuts();
  t.equal(ask(table, queryOctets('x.com.svc.cluster.local')), undefined);
  t.ok(ask(table, queryOctets('y.example')));
  t.not(table.epoch, epoch, 'what was under way is not kept');
  keep(table, queryOctets('x.com.svc.cluster.local'), nxdomain('cluster.local'), { isCut: true });
  t.ok(ask(table, queryOctets('x.com.svc.cluster.local')), 'a new proof counts again');
  table.clear();
  t.equal(ask(table, queryOctets('y.example')), undefined);
  t.same(table.sizes.negative, { entries: 0, octets: 0 });
  t.end();
});

test('hits are counted by kind, once', (t) => {
  const table = startTable();
  keep(table, queryOctets('a.example'), message({ answer: [a('a.example', '192.0.2.1')] }), {
    kind: 3,
  });
  ask(table, queryOctets('a.example'));
  ask(table, queryOctets('a.example'));
  ask(table, queryOctets('b.example'));
  const told: number[][] = [];
  table.takeHits((kind, count) => told.push([kind, count]));
  table.takeHits((kind, count) => told.push([kind, count]));
  t.same(told, [[3, 2]]);
  t.end();
});

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/);
const qname = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));
const ttl = fc.nat(100_000);
const rr = (owner: string): fc.Arbitrary<Rr> =>
  fc.oneof(
    ttl.map((seconds) => a(owner, '192.0.2.1', seconds)),
    ttl.map((seconds) => aaaa(owner, '2001:db8::1', seconds)),
    fc.tuple(qname, ttl).map(([target, seconds]) => cname(owner, target, seconds)),
    fc
      .tuple(fc.uint8Array({ maxLength: 300 }), ttl)
      .map(([rdata, seconds]) => record(owner, 65_280, rdata, seconds)),
  );
const world = qname.chain((name) => {
  const parent = name.split('.').slice(1).join('.') || '.';
  const section = fc.array(fc.oneof(rr(name), rr(parent), qname.chain(rr)), { maxLength: 5 });
  return fc.record({
    name: fc.constant(name),
    asked: fc.mixedCase(fc.constant(name)),
    first: fc.mixedCase(fc.constant(name)),
    type: fc.constantFrom(RrType.A, RrType.AAAA, 65, 97),
    reply: fc.record({
      rcode: fc.constantFrom(Rcode.NOERROR, Rcode.NXDOMAIN),
      authoritative: fc.boolean(),
      authenticData: fc.boolean(),
      answer: section,
      authority: fc.oneof(
        section,
        ttl.map((seconds) => [soa(parent, { minimum: seconds })]),
      ),
      additional: section,
    }),
  });
});
const client = fc.record({
  edns: fc.option(fc.record({ dnssecOk: fc.boolean() }), { nil: undefined }),
  size: fc.constantFrom(0, 512, 600, 1_232, 4_096),
  checkingDisabled: fc.boolean(),
  wantsAd: fc.boolean(),
  wantsRecursion: fc.boolean(),
});

function queryOf(
  name: string,
  type: number,
  id: number,
  from: typeof client extends fc.Arbitrary<infer T> ? T : never,
): Uint8Array {
  const { edns, checkingDisabled } = from;
  const query = queryOctets(name, type, { id, checkingDisabled, edns });
  const flags = uint16(query, 2) & ~(Flag.RD | Flag.AD);
  putUint16(query, 2, flags | (from.wantsAd ? Flag.AD : 0) | (from.wantsRecursion ? Flag.RD : 0));
  if (edns !== undefined) putUint16(query, query.length - 8, from.size);
  return query;
}

test('a hit says what the stages would say, octet for octet (L3, L4, C2)', (t) => {
  let hits = 0;
  const property = fc.property(
    world,
    client,
    client,
    fc.nat(50),
    fc.nat(100),
    fc.boolean(),
    ({ asked, first, type, reply }, one, other, age, later, overTcp) => {
      const table = startTable();
      const again = { ...other, edns: one.edns, checkingDisabled: one.checkingDisabled };
      // Another client may have EDNS or not, where DO is not set.
      const query = queryOf(
        asked,
        type,
        0x7777,
        one.edns?.dnssecOk ? again : { ...again, edns: other.edns && { dnssecOk: false } },
      );
      const until = 1_000_000_000;
      keep(table, queryOf(first, type, 1, one), reply, { age, agedAt: 0, until });
      table.now = later * 1_000;
      const hit = ask(table, query, overTcp);
      if (hit === undefined) return;
      hits++;
      const expected = slowly(query, reply, age + later, overTcp);
      if (expected === undefined) throw new Error('larger than the client takes');
      if (Buffer.compare(hit, expected) !== 0) {
        throw new Error(
          `${Buffer.from(hit).toString('hex')}\n${Buffer.from(expected).toString('hex')}`,
        );
      }
    },
  );
  t.doesNotThrow(() => fc.assert(property, { numRuns: 1_000 }));
  t.ok(hits > 300, `hits among them: ${hits}`);
  t.end();
});

test('no octets make it throw or write behind its room', (t) => {
  const table = startTable();
  const known = queryOctets('a.example', RrType.A, { edns: { dnssecOk: false } });
  keep(table, known, message({ answer: [a('a.example', '192.0.2.1')] }));
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(fc.nat(known.length - 1), fc.nat(255), fc.nat(known.length))
      .map(([at, octet, length]) => {
        const copy = known.slice(0, length);
        if (at < length) copy[at] = octet;
        return copy;
      }),
  );
  const property = fc.property(octets, fc.nat(80), (query, more) => {
    const buffer = new Uint8Array(1_024).fill(0xaa);
    buffer.set(query);
    const room = query.length + more;
    const length = table.answer(buffer, 0, query.length, room, false);
    if (length > room) throw new Error(`reply of ${length} in ${room}`);
    const behind = buffer.subarray(Math.max(length, query.length));
    if (behind.some((octet) => octet !== 0xaa)) throw new Error('wrote behind the reply');
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2_000 }));
  t.end();
});
