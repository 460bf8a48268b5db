import { test } from 'tap';
import { AnswerMemory } from '../../src/memory/answer-memory.ts';
import { Replies } from '../../src/memory/replies.ts';
import { Rcode, RrClass, RrType } from '../../src/wire/codes.ts';
import { Flag, putUint16, uint16, uint32 } from '../../src/wire/header.ts';
import type { Message } from '../../src/wire/message.ts';
import { a, cname, message, nodata, nxdomain, queryOctets, record } from '../support/messages.ts';
import { ask, keep, ROOM, slowly, startReplies } from './ready-replies.ts';

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
  replies.dropCuts();
  t.equal(ask(replies, queryOctets('x.com.svc.cluster.local')), undefined, 'until it ends as well');
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

test('a reply takes all of its room, or goes the ordinary way', (t) => {
  const replies = startReplies();
  const query = queryOctets('a.example', RrType.A, { edns: { dnssecOk: false } });
  keep(replies, query, message({ answer: [a('a.example', '192.0.2.1')] }));
  const size = query.length + 16;
  for (const [room, length] of [
    [size, size],
    [size - 1, 0],
  ] as const) {
    const buffer = new Uint8Array(ROOM);
    buffer.set(query);
    t.equal(replies.answer(buffer, 0, query.length, room, true), length);
  }
  putUint16(query, query.length - 8, 600);
  const text = (octets: number) =>
    message({ answer: [record('a.example', RrType.TXT, new Uint8Array(octets).fill(7))] });
  // Question and OPT, and twelve octets before the RDATA.
  const free = 600 - query.length - 12;
  keep(replies, query, text(free));
  t.equal(ask(replies, query)?.length, 600, 'as much as the client takes');
  keep(replies, query, text(free + 1));
  t.equal(ask(replies, query), undefined);
  t.equal(ask(replies, query, true)?.length, 601);
  t.end();
});

test('DO of the client comes back with the reply, and no other EDNS flag', (t) => {
  const replies = startReplies();
  const query = queryOctets('a.example', RrType.A, { edns: { dnssecOk: true } });
  keep(replies, query, message({ answer: [a('a.example', '192.0.2.1')] }));
  t.same(ask(replies, query)?.slice(-11), [0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0]);
  t.end();
});

test('a clock that stands before the answer adds nothing to its TTLs (C2)', (t) => {
  const replies = startReplies();
  replies.now = 50_000;
  const query = queryOctets('a.example');
  keep(replies, query, message({ answer: [a('a.example', '192.0.2.1', 60)] }));
  const ttl = (now: number) => {
    replies.now = now;
    const reply = ask(replies, query) ?? new Uint8Array(16);
    return uint32(reply, reply.length - 10);
  };
  t.same([40_000, 50_000, 51_000].map(ttl), [60, 60, 59]);
  t.end();
});

test('a TTL of more than 16 bits ages as a whole', (t) => {
  const replies = startReplies();
  const query = queryOctets('a.example');
  keep(replies, query, message({ answer: [a('a.example', '192.0.2.1', 0x20000)] }));
  replies.now = 1_000;
  const reply = ask(replies, query) ?? new Uint8Array(16);
  t.equal(uint32(reply, reply.length - 10), 0x1ffff);
  t.end();
});

test('every kind that fits an octet is counted, and none twice', (t) => {
  const replies = startReplies();
  const told: number[][] = [];
  const take = () => replies.takeHits((kind, count) => told.push([kind, count]));
  for (const [name, kind] of [
    ['a.example', 255],
    ['b.example', 0],
    ['c.example', 7],
  ] as const) {
    keep(replies, queryOctets(name), message({ answer: [a(name, '192.0.2.1')] }), { kind });
    ask(replies, queryOctets(name));
  }
  ask(replies, queryOctets('b.example'));
  take();
  t.same(told, [
    [0, 2],
    [7, 1],
    [255, 1],
  ]);
  take();
  t.equal(told.length, 3);
  t.end();
});

test('a reply that a stage made is kept by what it says: data, or none (C3)', (t) => {
  const cases: [reply: Message, part: 'positive' | 'negative'][] = [
    [message({ answer: [a('a.example', '192.0.2.1')] }), 'positive'],
    [nodata('example'), 'negative'],
    [nxdomain('example'), 'negative'],
    [message({ rcode: Rcode.NXDOMAIN, answer: [cname('a.example', 'gone.example')] }), 'negative'],
  ];
  for (const [reply, part] of cases) {
    const memory = new AnswerMemory({ octets: 1 << 20, negativeOctets: 1 << 18, seed: 1 });
    keep(new Replies(memory), queryOctets('a.example'), reply);
    const { positive, negative } = memory.sizes;
    t.same([positive.entries, negative.entries], part === 'positive' ? [1, 0] : [0, 1]);
  }
  t.end();
});

test('what is over before it is kept, and what upstream did not say, is no reply', (t) => {
  const replies = startReplies();
  const query = queryOctets('a.example');
  const reply = message({ answer: [a('a.example', '192.0.2.1')] });
  keep(replies, query, reply, { agedAt: 1_000, until: 999 });
  t.equal(ask(replies, query), undefined);
  keep(replies, query, reply, { storedAt: 0 });
  t.equal(ask(replies, query), undefined, 'the memory has no such answer');
  t.end();
});

test('a reply that is too large to be repeated ends the one before it, of a stage as well', (t) => {
  const replies = startReplies();
  const query = queryOctets('a.example');
  const replyOf = (count: number) =>
    message({ answer: Array.from({ length: count }, () => a('a.example', '192.0.2.1')) });
  keep(replies, query, replyOf(1));
  t.ok(ask(replies, query, true));
  keep(replies, query, replyOf(300));
  t.equal(ask(replies, query, true), undefined);
  t.end();
});

test('a stage’s reply stays in a full memory until its end, and no longer (C3)', (t) => {
  const memory = new AnswerMemory({ octets: 1 << 14, negativeOctets: 1 << 14, seed: 1 });
  const replies = new Replies(memory);
  const keepOne = (name: string, until: number) =>
    keep(replies, queryOctets(name), message({ answer: [a(name, '192.0.2.1')] }), { until });
  replies.now = 1_000_000;
  keepOne('over.example', 1_000_100);
  keepOne('used.example', 1_060_000);
  for (const name of ['over.example', 'used.example']) t.ok(ask(replies, queryOctets(name)), name);
  replies.now = 1_000_200;
  // Enough to push all out of the queue of new entries, and not enough to fill the one behind it.
  for (let i = 0; i < 40; i++) keepOne(`n${i}.example`, 1_000_100);
  t.ok(ask(replies, queryOctets('used.example')));
  replies.now = 1_000_050;
  t.equal(ask(replies, queryOctets('over.example')), undefined, 'its room is taken');
  t.end();
});

test('a reply that is too large for the memory changes no other', (t) => {
  const replies = startReplies(1 << 12, 1 << 12);
  const [small, large] = [queryOctets('a.example'), queryOctets('b.example')];
  const reply = message({ answer: [a('a.example', '192.0.2.1')] });
  keep(replies, small, reply);
  keep(
    replies,
    large,
    message({ answer: Array.from({ length: 20 }, () => a('b.example', '192.0.2.2')) }),
  );
  t.equal(ask(replies, large, true), undefined);
  t.same(ask(replies, small), slowly(small, reply, 0, false));
  t.end();
});
