import fc from 'fast-check';
import { test } from 'tap';
import { AnswerMemory } from '../../src/memory/answer-memory.ts';
import { type Keep, Replies } from '../../src/memory/replies.ts';
import { Rcode, RrClass, RrType } from '../../src/wire/codes.ts';
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

function startReplies(octets = 1 << 20, negativeOctets = 1 << 18): Replies {
  return new Replies(new AnswerMemory({ octets, negativeOctets, seed: 0x5eed }));
}

/** Renders as the responder does, and keeps it for a minute. */
function keep(
  replies: Replies,
  query: Uint8Array,
  reply: Message,
  more: Partial<Omit<Keep, 'message'>> = {},
): void {
  const request = readRequest(query);
  const age = more.age ?? 0;
  const octets = renderReply(request, reply, { age, limit: udpLimit(request) });
  const defaults = {
    message: reply,
    age,
    agedAt: replies.now,
    until: replies.now + 60_000,
    kind: 0,
  };
  replies.keep(request, octets, { ...defaults, isCut: false, ...more });
}

/** The reply that is ready; `undefined` where it leaves the query to the stages. */
function ask(replies: Replies, query: Uint8Array, overTcp = false): Uint8Array | undefined {
  const buffer = new Uint8Array(ROOM).fill(0xaa);
  const at = 7;
  buffer.set(query, at);
  const length = replies.answer(buffer, at, query.length, ROOM - at, overTcp);
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
  const replies = startReplies();
  keep(
    replies,
    queryOctets('www.example.com'),
    message({ answer: [a('www.example.com', '192.0.2.1', 60)] }),
  );
  const query = queryOctets('wWw.eXample.COM', RrType.A, { id: 0xbeef });
  const reply = ask(replies, query);
  t.equal(uint16(reply ?? query, 0), 0xbeef);
  t.equal(uint16(reply ?? query, 2), Flag.QR | Flag.RD | Flag.RA);
  t.same(reply?.slice(12, 12 + 21), query.slice(12, 12 + 21), 'the question as it came');
  t.same(reply?.slice(-4), Uint8Array.of(192, 0, 2, 1));
  t.end();
});

test('what is unusual goes the ordinary way, and is left as it was (L2)', (t) => {
  const replies = startReplies();
  const plain = queryOctets('a.example');
  keep(replies, plain, message({ answer: [a('a.example', '192.0.2.1')] }));
  t.ok(ask(replies, plain), 'the plain query is a hit');
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
    t.equal(replies.answer(buffer, 0, query.length, ROOM, false), 0, what);
    t.same(buffer, before, `${what}: untouched`);
  }
  t.end();
});

test('TTLs age by whole seconds, and the entry ends when it was told to (C2)', (t) => {
  const replies = startReplies();
  const query = queryOctets('a.example');
  const records = [a('a.example', '192.0.2.1', 60), a('a.example', '192.0.2.2', 3)];
  keep(replies, query, message({ answer: records }), { agedAt: 0, until: 60_000 });
  const ttls = (now: number) => {
    replies.now = now;
    const reply = ask(replies, query);
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
  const replies = startReplies();
  keep(replies, queryOctets('a.example'), message({ answer: [a('a.example', '192.0.2.1')] }));
  t.equal(ask(replies, queryOctets('a.example', RrType.A, { checkingDisabled: true })), undefined);
  t.equal(
    ask(replies, queryOctets('a.example', RrType.A, { edns: { dnssecOk: true } })),
    undefined,
  );
  t.equal(ask(replies, queryOctets('a.example', RrType.AAAA)), undefined);
  t.ok(ask(replies, queryOctets('a.example', RrType.A, { edns: { dnssecOk: false } })));
  // 0x41 and 0x61 are one letter in a name, and two types.
  keep(replies, queryOctets('a.example', 0x41), message({ answer: [a('a.example', '192.0.2.1')] }));
  t.equal(ask(replies, queryOctets('a.example', 0x61)), undefined);
  t.end();
});

test('C1: what was answered in another class is not an answer in class IN', (t) => {
  const replies = startReplies();
  const chaos = queryOctets('version.bind', RrType.TXT);
  chaos[chaos.length - 1] = RrClass.CH;
  keep(
    replies,
    chaos,
    message({ answer: [record('version.bind', RrType.TXT, Uint8Array.of(1, 0x78))] }),
  );
  t.equal(ask(replies, queryOctets('version.bind', RrType.TXT)), undefined);
  t.end();
});

/** A memory with an answer of upstream's, which is repeated for `life` seconds from when a client was given it. */
function startKnown(sent: Message, { qtype = RrType.A as number, life = 60 } = {}) {
  const memory = new AnswerMemory({ octets: 1 << 20, negativeOctets: 1 << 18, seed: 1 });
  const replies = new Replies(memory);
  const asked = {
    qname: 'www.example.',
    qtype,
    qclass: 1,
    dnssecOk: false,
    checkingDisabled: false,
  };
  const span = life * 1_000;
  const store = (stored: Message, storedAt: number) =>
    memory.put(asked, stored, stored.answer.length > 0 && stored.rcode === 0, {
      storedAt,
      fresh: span,
      alone: span,
      stale: 0,
    });
  store(sent, 0);
  /** Gives it to a client at `now`, with the age that it has by then. */
  const give = (query: Uint8Array, told: Message, now: number, storedAt = 0) => {
    replies.now = now;
    const age = Math.floor((now - storedAt) / 1_000);
    keep(replies, query, told, {
      age,
      agedAt: storedAt + age * 1_000,
      until: storedAt + span,
      storedAt,
    });
  };
  const at = (query: Uint8Array, now: number) => {
    replies.now = now;
    return ask(replies, query);
  };
  return { memory, replies, asked, store, give, at };
}

const WWW = queryOctets('www.example');
const CHAIN = message({
  answer: [cname('www.example.', 'host.example.', 60), a('host.example.', '192.0.2.1', 60)],
});

test('an answer of upstream’s is a reply from when a client was given it, and is kept once', (t) => {
  for (const sent of [message({ answer: [a('www.example.', '192.0.2.1', 60)] }), CHAIN]) {
    const { memory, give, at, asked } = startKnown(sent);
    t.equal(at(WWW, 0), undefined, 'the stages have not said yet that it may be one');
    const before = memory.sizes.positive;
    for (const now of [5_300, 6_000]) {
      give(WWW, sent, now);
      t.same(at(WWW, now), slowly(WWW, sent, Math.floor(now / 1_000), false), `given at ${now}`);
    }
    t.same(at(WWW, 59_999), slowly(WWW, sent, 59, false));
    t.equal(at(WWW, 60_000), undefined);
    t.same(memory.find(asked)?.message, sent, 'the stages read what upstream said');
    t.same(memory.find(asked)?.life.storedAt, 0);
    t.equal(memory.sizes.positive.entries, before.entries);
  }
  t.end();
});

test('what upstream has answered anew is a reply only when the stages say so', (t) => {
  const sent = message({ answer: [a('www.example.', '192.0.2.1', 60)] });
  const { give, at, store } = startKnown(sent);
  give(WWW, sent, 0);
  t.ok(at(WWW, 0));
  const renewed = message({ answer: [a('www.example.', '192.0.2.9', 60)] });
  store(renewed, 10_000);
  t.equal(at(WWW, 10_000), undefined);
  give(WWW, sent, 10_000);
  t.equal(at(WWW, 10_000), undefined, 'a reply that was made from the old one');
  give(WWW, renewed, 10_000, 10_000);
  t.same(at(WWW, 10_000), slowly(WWW, renewed, 0, false));
  t.end();
});

test('what a stage made of an answer is told in its place, and the stages read what upstream said', (t) => {
  const sent = message({ answer: [a('www.example.', '192.0.2.1', 60)] });
  const { give, at, memory, asked, replies } = startKnown(sent);
  const made = nxdomain('example', 60);
  give(WWW, sent, 0);
  give(WWW, made, 0);
  t.same(
    at(WWW, 0),
    slowly(WWW, sent, 0, false),
    'what is said to be upstream’s and is not is not kept',
  );
  keep(replies, WWW, made);
  t.same(at(WWW, 0), slowly(WWW, made, 0, false));
  t.same(memory.find(asked)?.message, sent);
  give(WWW, sent, 1_000);
  t.same(at(WWW, 1_000), slowly(WWW, sent, 1, false), 'and the other way round');
  t.end();
});

test('a reply that is larger than the client takes goes the ordinary way (L4)', (t) => {
  const replies = startReplies();
  const answer = Array.from({ length: 40 }, (_, i) => a('a.example', `192.0.2.${i}`));
  const query = queryOctets('a.example', RrType.A, { edns: { dnssecOk: false } });
  keep(replies, query, message({ answer }));
  t.ok(ask(replies, query), '1,232 octets are enough');
  t.equal(ask(replies, queryOctets('a.example')), undefined, '512 are not');
  t.ok(ask(replies, queryOctets('a.example'), true), 'over TCP they are no matter');
  const small = query.slice();
  putUint16(small, small.length - 8, 600);
  t.equal(ask(replies, small), undefined, 'nor are 600');
  t.end();
});

test('entries of cuts end at once, others stay (N3)', (t) => {
  const replies = startReplies();
  keep(replies, queryOctets('x.com.svc.cluster.local'), nxdomain('cluster.local'), { isCut: true });
  keep(replies, queryOctets('y.example'), nxdomain('example'));
  const { epoch } = replies;
  replies.dropCuts();
  t.equal(ask(replies, queryOctets('x.com.svc.cluster.local')), undefined);
  t.ok(ask(replies, queryOctets('y.example')));
  t.not(replies.epoch, epoch, 'what was under way is not kept');
  keep(replies, queryOctets('x.com.svc.cluster.local'), nxdomain('cluster.local'), { isCut: true });
  t.ok(ask(replies, queryOctets('x.com.svc.cluster.local')), 'a new proof counts again');
  t.end();
});

test('hits are counted by kind, once', (t) => {
  const replies = startReplies();
  keep(replies, queryOctets('a.example'), message({ answer: [a('a.example', '192.0.2.1')] }), {
    kind: 3,
  });
  ask(replies, queryOctets('a.example'));
  ask(replies, queryOctets('a.example'));
  ask(replies, queryOctets('b.example'));
  const told: number[][] = [];
  replies.takeHits((kind, count) => told.push([kind, count]));
  replies.takeHits((kind, count) => told.push([kind, count]));
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
      const replies = startReplies();
      const again = { ...other, edns: one.edns, checkingDisabled: one.checkingDisabled };
      // Another client may have EDNS or not, where DO is not set.
      const query = queryOf(
        asked,
        type,
        0x7777,
        one.edns?.dnssecOk ? again : { ...again, edns: other.edns && { dnssecOk: false } },
      );
      const until = 1_000_000_000;
      keep(replies, queryOf(first, type, 1, one), reply, { age, agedAt: 0, until });
      replies.now = later * 1_000;
      const hit = ask(replies, query, overTcp);
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
  const replies = startReplies();
  const known = queryOctets('a.example', RrType.A, { edns: { dnssecOk: false } });
  keep(replies, known, message({ answer: [a('a.example', '192.0.2.1')] }));
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
    const length = replies.answer(buffer, 0, query.length, room, false);
    if (length > room) throw new Error(`reply of ${length} in ${room}`);
    const behind = buffer.subarray(Math.max(length, query.length));
    if (behind.some((octet) => octet !== 0xaa)) throw new Error('wrote behind the reply');
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2_000 }));
  t.end();
});
