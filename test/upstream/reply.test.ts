import fc from 'fast-check';
import { test } from 'tap';
import { judgeReply } from '../../src/upstream/reply.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { optRecord } from '../../src/wire/edns.ts';
import { putUint16 } from '../../src/wire/header.ts';
import type { Message } from '../../src/wire/message.ts';
import type { Question } from '../../src/wire/question.ts';
import {
  a,
  cname,
  message,
  nodata,
  nxdomain,
  queryOctets,
  recordOctets,
  responseOctets,
} from '../support/messages.ts';
import { outgoing } from './loopback.ts';

const ID = 0x1234;
const question = outgoing('api.example.');
const answers = [
  message({ answer: [a('api.example.', '192.0.2.1')] }),
  message({ answer: [cname('api.example.', 'b.example.'), a('b.example.', '192.0.2.2')] }),
  nxdomain('example.'),
];
const QUESTION_OCTETS = 'api.example.'.length + 5;
const honest = answers.map((answer) => responseOctets({ id: ID, question }, answer));

test('an honest reply is the message that was sent', (t) => {
  honest.forEach((octets, i) => {
    const verdict = judgeReply(octets, ID, question);
    t.same(verdict, {
      kind: 'reply',
      reply: { message: answers[i], truncated: false, edns: false },
    });
  });
  t.end();
});

test('any octets get a verdict, and only those of this ID and question are a reply (U3)', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        const verdict = judgeReply(octets, ID, question);
        // 200 random octets do not spell the name.
        return verdict.kind === 'mismatched' || octets.length === 12;
      }),
    ),
  );
  t.end();
});

test('an honest reply with one octet changed: never an error, never another question (U3)', (t) => {
  const mutation = fc.record({
    original: fc.constantFrom(...honest),
    at: fc.nat(),
    octet: fc.integer({ min: 0, max: 255 }),
    cut: fc.option(fc.nat()),
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(mutation, ({ original, at, octet, cut }) => {
        const mutant = Uint8Array.from(original);
        mutant[at % mutant.length] = octet;
        const octets = cut === null ? mutant : mutant.subarray(0, cut % mutant.length);
        if (judgeReply(octets, ID, question).kind !== 'reply') return true;
        return octets.length === 12 || asked(octets) === asked(original);
      }),
      { numRuns: 2_000 },
    ),
  );
  t.end();
});

/** The first honest reply, with some octets of its header changed: ID 0, flags 2, QDCOUNT 4, ANCOUNT 6, NSCOUNT 8, ARCOUNT 10. */
function withHeader(changes: readonly (readonly [at: number, value: number])[]): Uint8Array {
  const octets = Uint8Array.from(honest[0] ?? []);
  for (const [at, value] of changes) new DataView(octets.buffer).setUint16(at, value);
  return octets;
}

const mismatched = { kind: 'mismatched', wrongId: false } as const;

test('another ID is told apart from what is no reply at all (U3)', async (t) => {
  t.strictSame(judgeReply(withHeader([[0, ID + 1]]), ID, question), {
    kind: 'mismatched',
    wrongId: true,
  });
  t.strictSame(judgeReply(new Uint8Array(11), ID, question), mismatched, 'no header');
  t.strictSame(judgeReply(withHeader([[2, 0x0180]]), ID, question), mismatched, 'a query');
  t.strictSame(judgeReply(withHeader([[2, 0xa180]]), ID, question), mismatched, 'NOTIFY');
});

test('a reply to another question is none (U3)', async (t) => {
  for (const other of [
    { ...question, qname: 'www.example.' },
    { ...question, qtype: 28 },
    { ...question, qclass: 3 },
  ]) {
    t.strictSame(judgeReply(honest[0] ?? new Uint8Array(), ID, other), mismatched);
  }
  const unreadable = withHeader([[12, 0x40ff]]);
  t.strictSame(judgeReply(unreadable, ID, question), mismatched, 'a label that is none');
});

test('what matches and cannot be read is malformed: it comes from who knew ID and question (U3)', async (t) => {
  const cut = (honest[0] ?? new Uint8Array()).subarray(0, -1);
  t.strictSame(judgeReply(cut, ID, question), { kind: 'malformed' });
});

test('a bug in reading is no malformed reply: it goes to where bugs are told', async (t) => {
  const octets = honest[0] ?? new Uint8Array();
  for (const place of [12, 12 + QUESTION_OCTETS]) {
    const broken = new Proxy(octets, {
      get: (_, key) => {
        if (key === String(place)) throw new TypeError('a bug');
        const value: unknown = Reflect.get(octets, key);
        return typeof value === 'function' ? value.bind(octets) : value;
      },
    });
    t.throws(() => judgeReply(broken, ID, question), new TypeError('a bug'), `octet ${place}`);
  }
});

test('TC and OPT of a reply are told', async (t) => {
  const request = { id: ID, question };
  const truncated = judgeReply(withHeader([[2, 0x8380]]), ID, question);
  t.match(truncated, { kind: 'reply', reply: { truncated: true, edns: false } });
  const octets = responseOctets(request, message());
  const opt = optRecord({ rcode: 0, dnssecOk: false });
  const withOpt = Uint8Array.from([...octets, ...opt]);
  withOpt[11] = 1;
  t.match(judgeReply(withOpt, ID, question), { kind: 'reply', reply: { edns: true } });
});

test('a bare header is a reply where servers answer so, and nothing else is (U4)', async (t) => {
  const bare = (rcode: number, ...counts: number[]) => {
    const octets = new Uint8Array(12 + (counts[3] ?? 0));
    const view = new DataView(octets.buffer);
    [ID, 0x8180 | rcode, 0, ...counts.slice(0, 3)].forEach((value, i) => {
      view.setUint16(2 * i, value);
    });
    return judgeReply(octets, ID, question);
  };
  for (const rcode of [Rcode.FORMERR, Rcode.SERVFAIL, Rcode.NOTIMP, Rcode.REFUSED]) {
    t.strictSame(bare(rcode), {
      kind: 'reply',
      reply: { message: message({ rcode }), truncated: false, edns: false },
    });
    t.strictSame(bare(rcode, 1, 0, 0), mismatched, 'that claims an answer');
    t.strictSame(bare(rcode, 0, 1, 0), mismatched, 'that claims an authority');
    t.strictSame(bare(rcode, 1, 1, 0), mismatched, 'that claims both');
    t.strictSame(bare(rcode, 0, 0, 1), mismatched, 'that claims an additional record');
    t.strictSame(bare(rcode, 0, 0, 0, 1), mismatched, 'with something behind it');
  }
  t.strictSame(bare(Rcode.NOERROR), mismatched);
  t.strictSame(bare(Rcode.NXDOMAIN), mismatched, 'a denial of what?');
});

/** ID, and the question without regard to case. */
function asked(octets: Uint8Array): string {
  const text = Buffer.from(octets).toString('latin1');
  return text.slice(0, 2) + text.slice(4, 6) + text.slice(12, 12 + QUESTION_OCTETS).toLowerCase();
}

const asking = { qname: 'api.example.', qtype: RrType.A, qclass: 1 };
const addresses = message({
  answer: [a('api.example.', '192.0.2.1'), a('api.example.', '192.0.2.2')],
});
const judged = (said: Message, patch: (octets: Uint8Array) => Uint8Array) =>
  judgeReply(patch(responseOctets({ id: 7, question: asking }, said)), 7, asking);
const counting = (at: number, count: number) => (octets: Uint8Array) => {
  putUint16(octets, at, count);
  return octets;
};

test('damage behind the answer section takes nothing from it (U3)', (t) => {
  const behind = judged(addresses, counting(10, 1));
  t.match(behind, {
    kind: 'reply',
    reply: { edns: false, truncated: false, message: { answer: addresses.answer } },
  });
  t.strictSame(
    behind.kind === 'reply' ? { ...behind.reply.message, answer: [] } : behind,
    { ...message(), authoritative: false },
    'it is a whole answer, and nothing else of it is kept',
  );
  const counted = judged(addresses, (octets) => counting(10, 3)(counting(6, 1)(octets)));
  t.equal(counted.kind === 'reply' ? counted.reply.message.answer.length : 0, 1, 'ANCOUNT counts');
  const cname1 = message({
    answer: [cname('api.example.', 'b.example.'), a('b.example.', '192.0.2.1')],
  });
  t.equal(judged(cname1, counting(8, 3)).kind, 'reply', 'also at the end of a chain');
  const withTc = judged(addresses, (octets) => counting(10, 1)(counting(2, 0x8380)(octets)));
  t.match(withTc, { kind: 'malformed', partial: { isAnswerWhole: true } }, 'but for TC');
  t.end();
});

test('damage within it leaves what is whole, with TTL 0, where that answers the question (U3)', (t) => {
  const cut = (octets: Uint8Array) => octets.subarray(0, octets.length - 3);
  for (const patch of [cut, counting(6, 3)]) {
    const verdict = judged(addresses, patch);
    t.equal(verdict.kind, 'malformed');
    const partial = verdict.kind === 'malformed' ? verdict.partial?.message : undefined;
    t.equal(partial?.partial, true);
    t.ok(partial?.answer.every(({ ttl }) => ttl === 0));
    t.ok((partial?.answer.length ?? 0) >= 1);
  }
  const none: [string, Message, (octets: Uint8Array) => Uint8Array][] = [
    ['no whole record', message({ answer: [a('api.example.', '192.0.2.1')] }), cut],
    ['another owner', message({ answer: [a('b.example.', '192.0.2.1')] }), counting(6, 2)],
    ['another type', message({ answer: [cname('api.example.', 'b.example.')] }), counting(6, 2)],
    [
      'an alias of another name',
      message({ answer: [cname('x.example.', 'b.example.'), a('b.example.', '192.0.2.1')] }),
      counting(8, 1),
    ],
    [
      'a name that is no alias',
      message({
        answer: [
          { ...cname('api.example.', 'b.example.'), type: RrType.NS },
          a('b.example.', '192.0.2.1'),
        ],
      }),
      counting(8, 1),
    ],
    ['a refusal with a record', { ...addresses, rcode: Rcode.REFUSED }, counting(8, 1)],
    ['NODATA', message(), counting(8, 1)],
    ['a failure', message({ rcode: Rcode.SERVFAIL }), counting(8, 1)],
  ];
  for (const [what, said, patch] of none) t.same(judged(said, patch), { kind: 'malformed' }, what);
  t.end();
});

test('a SOA where the answer should be: NODATA whose count is wrong, used where nothing better comes (U3)', (t) => {
  const soaFirst = nodata('example.');
  for (const count of [1, 2, 40]) {
    const verdict = judged(soaFirst, counting(6, count));
    t.match(verdict, { kind: 'malformed', partial: { isAnswerWhole: false, isBesideOpt: false } });
    const partial = verdict.kind === 'malformed' ? verdict.partial?.message : undefined;
    t.strictSame(
      partial,
      { ...message(), authoritative: false, partial: true },
      `ANCOUNT ${count}`,
    );
  }
  const whole = responseOctets({ id: 7, question: asking }, soaFirst);
  t.same(
    judgeReply(counting(6, 1)(whole.subarray(0, whole.length - 1)), 7, asking),
    { kind: 'malformed' },
    'a SOA that is cut is none',
  );
  const apex: Question = { qname: 'api.example.', qtype: RrType.SOA, qclass: 1 };
  const none: [string, Message, typeof apex][] = [
    ['a SOA that is asked for', nodata('example.'), apex],
    ['as one of all', nodata('example.'), { ...apex, qtype: RrType.ANY }],
    ['beside a failure', { ...soaFirst, rcode: Rcode.SERVFAIL }, asking],
    ['behind another record', { ...soaFirst, answer: [cname('x.example.', 'y.example.')] }, asking],
    [
      'another record',
      message({ authority: [{ ...cname('example.', 'b.example.'), type: RrType.NS }] }),
      asking,
    ],
  ];
  for (const [what, said, question] of none) {
    const octets = counting(6, 2)(responseOctets({ id: 7, question }, said));
    t.same(judgeReply(octets, 7, question), { kind: 'malformed' }, what);
  }
  const withOpt = responseOctets({ id: 7, question: asking }, soaFirst, { edns: true });
  t.same(
    judgeReply(counting(6, 2)(withOpt), 7, asking),
    { kind: 'malformed' },
    'an OPT behind it, as an answer',
  );
  t.match(
    judged(message({ answer: addresses.answer, authority: soaFirst.authority }), counting(6, 4)),
    {
      partial: {
        message: { answer: [{ type: RrType.A }, { type: RrType.A }, { type: RrType.SOA }] },
      },
    },
    'addresses before it are no NODATA',
  );
  t.end();
});

test('an OPT among the answers: what is with it is the worst of replies (U3, U4)', (t) => {
  // ANCOUNT says 1, and what stands first is the OPT of the query.
  const query = queryOctets('api.example.', RrType.A, { id: 7, edns: { dnssecOk: false } });
  const behind = addresses.answer.map(recordOctets);
  const octets = Uint8Array.from(Buffer.concat([query, ...behind]));
  putUint16(octets, 2, 0x8180);
  putUint16(octets, 6, 2);
  const verdict = judgeReply(octets, 7, asking);
  const partial = verdict.kind === 'malformed' ? verdict.partial : undefined;
  t.match(partial, { isBesideOpt: true, isAnswerWhole: false, message: { partial: true } });
  t.same(
    partial?.message.answer.map(({ type, ttl }) => [type, ttl]),
    [[RrType.A, 0]],
  );
  putUint16(octets, 2, 0x8180 | Rcode.NXDOMAIN);
  t.same(judgeReply(octets, 7, asking), { kind: 'malformed' }, 'no denial');
  t.end();
});

test('NXDOMAIN with a broken rest denies, and proves nothing (U3)', (t) => {
  const verdict = judged(message({ rcode: Rcode.NXDOMAIN }), counting(8, 1));
  t.match(verdict, {
    kind: 'reply',
    reply: { message: { rcode: Rcode.NXDOMAIN, answer: [], authority: [], partial: true } },
  });
  t.end();
});
