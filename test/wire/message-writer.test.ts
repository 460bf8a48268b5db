import { test } from 'tap';
import { RrType } from '../../src/wire/codes.ts';
import { readResponse } from '../../src/wire/message.ts';
import { MessageWriter } from '../../src/wire/message-writer.ts';
import { encodeName } from '../../src/wire/name.ts';
import type { Rr } from '../../src/wire/record.ts';
import { a, cname, record, request, soa } from '../support/messages.ts';

const ROOM = 0xffff;
const FIXED = 10;

/** A response with `answer` to a question for `qname`, and how many octets the records have. */
function written(qname: string, answer: readonly Rr[]) {
  const { octets: question } = request(qname).question;
  const writer = new MessageWriter(question, ROOM, ROOM);
  const before = writer.mark();
  writer.section(answer, 0);
  const size = writer.mark() - before;
  const counts = { ancount: answer.length, nscount: 0, arcount: 0 };
  const octets = writer.finish({ id: 1, flags: 0x8000, ...counts }, new Uint8Array(0));
  return { size, answer: readResponse(octets).message.answer };
}

test('names in RDATA are compressed for the types of RFC 1035, and read back as they were (RFC 3597 §4)', async (t) => {
  const target = encodeName('ns.git.example.');
  const numbers = new Uint8Array(20);
  const cases: [string, number, Uint8Array, size: number][] = [
    ['NS', RrType.NS, target, 3 + 2],
    ['CNAME', RrType.CNAME, target, 3 + 2],
    ['PTR', RrType.PTR, target, 3 + 2],
    ['MX', RrType.MX, Buffer.concat([Uint8Array.of(0, 10), target]), 2 + 3 + 2],
    // The second name is the first one again.
    ['SOA', RrType.SOA, Buffer.concat([target, target, numbers]), 3 + 2 + 2 + 20],
    ['SRV', RrType.SRV, Buffer.concat([new Uint8Array(6), target]), 6 + target.length],
  ];
  for (const [name, type, rdata, size] of cases) {
    const sent = [record('git.example.', type, rdata)];
    const { size: whole, answer } = written('git.example.', sent);
    t.equal(whole, 2 + FIXED + size, name);
    t.same(answer, sent, name);
  }
});

test('the root is one octet, never a pointer of two', async (t) => {
  const { size } = written('.', [record('.', RrType.A, Uint8Array.of(192, 0, 2, 1))]);
  t.equal(size, 1 + FIXED + 4);
});

test('numbers behind the names of an SOA stay, though they read like a name that stands already', async (t) => {
  // 1 `a` 0: the name `a.` in three octets.
  const sent = [soa('a.', { serial: 0x01610000 })];
  t.same(written('a.', sent).answer, sent);
});

test('a name inside a label is no suffix: `a\\001b.example.` holds no `b.example.`', async (t) => {
  const sent = [cname('b.example.', 'a\\001b.example.')];
  t.same(written('b.example.', sent).answer, sent);
  const { size } = written('a\\001b.example.', [a('b.example.', '192.0.2.1')]);
  t.equal(size, 2 + 2 + FIXED + 4, 'its first label is written out');
});

test('a suffix is pointed to up to the last offset that 14 bits can say (RFC 1035 §4.1.4)', async (t) => {
  const size = (filler: number) =>
    written('x.', [
      record('x.', 65_280, new Uint8Array(filler)),
      a('a.late.example.', '192.0.2.2'),
      a('b.late.example.', '192.0.2.3'),
    ]).size;
  // Header, question, the filler's own twelve octets, and the first label.
  const last = 0x3fff - (12 + 7 + 2 + FIXED + 2);
  const saved = encodeName('late.example.').length - 2;
  t.equal(size(last + 1), size(last) + 1 + saved);
});
