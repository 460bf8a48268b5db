// What is wrong with octets is said with its place and the value found there: who has the packet in hex finds it.
import { test } from 'tap';
import { RrType } from '../../src/wire/codes.ts';
import { readOpt } from '../../src/wire/edns.ts';
import { frame } from '../../src/wire/frame.ts';
import { readHeader } from '../../src/wire/header.ts';
import { readEdns, readResponse, spanSections } from '../../src/wire/message.ts';
import { encodeName, fitsWire, readName, skipName } from '../../src/wire/name.ts';
import { readQuestion } from '../../src/wire/question.ts';
import { readRecord, spanRecord } from '../../src/wire/record.ts';

const octets = (...values: number[]) => Uint8Array.from(values);
const header = (counts: readonly number[], flags = 0x8000) => {
  const message = new Uint8Array(12);
  const view = new DataView(message.buffer);
  [7, flags, ...counts].forEach((value, i) => {
    view.setUint16(2 * i, value);
  });
  return message;
};
/** A record at the root, of a type, with this RDATA. */
const rr = (type: number, ...rdata: number[]) =>
  octets(0, type >> 8, type & 0xff, 0, 1, 0, 0, 0, 9, 0, rdata.length, ...rdata);
const read = (type: number, ...rdata: number[]) => {
  const message = rr(type, ...rdata);
  return () => readRecord(message, spanRecord(message, 0));
};
const long = 'a'.repeat(63);
const response = (counts: readonly number[], ...records: Uint8Array[]) =>
  octets(...header(counts), ...records.flatMap((each) => [...each]));

const CASES: readonly (readonly [message: string, act: () => unknown])[] = [
  ['message shorter than a header: 11', () => readHeader(new Uint8Array(11))],
  ['name at 1 runs past the message', () => skipName(octets(9, 1, 0x61), 1)],
  ['reserved label type at 2: 64', () => skipName(octets(1, 0x61, 0x40), 0)],
  ['name at 0 is longer than 255 octets', () => skipName(new Uint8Array(300).fill(1), 0)],
  ['pointer at 0 runs past the message', () => skipName(octets(0xc0), 0)],
  ['name at 3 runs past the message', () => readName(octets(9, 1, 0x61), 1)],
  ['reserved label type at 2: 64', () => readName(octets(1, 0x61, 0x40), 0)],
  ['label at 0 runs past the message', () => readName(octets(2, 0x61), 0)],
  ['pointer at 1 does not lead backwards: 1', () => readName(octets(0, 0xc0, 1), 1)],
  ['name at 0 is longer than 255 octets', () => readName(new Uint8Array(300).fill(1), 0)],
  ['empty label in name: a..b', () => encodeName('a..b')],
  [`label longer than 63 octets in name: ${long}a`, () => encodeName(`${long}a`)],
  ['escape \\256 in name: \\256', () => encodeName('\\256')],
  ['escape cut off in name: a\\', () => encodeName('a\\')],
  ['escape cut off in name: \\0a', () => encodeName('\\0a')],
  ['escape cut off in name: \\9', () => encodeName('\\9')],
  [
    'question at 12 runs past the message',
    () => readQuestion(octets(...header([1]), 0, 0, 1, 0), 12),
  ],
  ['question at 12 runs past the message', () => readQuestion(octets(...header([1]), 0), 12)],
  [
    'compressed question at 12',
    () => readQuestion(octets(...header([1]), 0xc0, 6, 0, 1, 0, 1), 12),
  ],
  ['record at 0 runs past the message', () => spanRecord(rr(1).subarray(0, 10), 0)],
  ['RDATA at 11 runs past the message: 4', () => spanRecord(rr(1, 1, 2, 3, 4).subarray(0, 14), 0)],
  ['address at 11 is not 4 octets: 3', read(RrType.A, 1, 2, 3)],
  ['name in RDATA at 11 runs past it', () => readPastItsEnd()],
  ['RDATA at 11 has 1 octets after its names, not 0', read(RrType.CNAME, 0, 9)],
  ['string in RDATA at 11 runs past it', read(RrType.TXT, 2, 0x61)],
  ['EDNS option at 0 runs past OPT', () => readOpt(octets(0, 1, 0), opt(3))],
  ['EDNS options run past OPT at 0', () => readOpt(octets(0, 1, 0, 2, 0), opt(5))],
  ['message too long for TCP: 65536', () => frame(new Uint8Array(0x10000))],
  ['response without QR', () => readResponse(header([1], 0))],
  ['questions in a response: 2', () => readResponse(header([2]))],
  ['OPT at 12 outside additional', () => readResponse(response([0, 1, 0, 0], rr(RrType.OPT)))],
  ['records claimed: 2001', () => spanSections(new Uint8Array(), counts(2_001, 0, 0), 0)],
  ['records claimed: 2001', () => spanSections(new Uint8Array(), counts(1, 2_000, 0), 0)],
  ['records claimed: 2001', () => spanSections(new Uint8Array(), counts(0, 0, 2_001), 0)],
  ['records claimed: 6000', () => spanSections(new Uint8Array(), counts(2_000, 2_000, 2_000), 0)],
  ['OPT records: 2', () => twoOpts()],
];

/** A CNAME whose RDATA is one octet, which begins a name of three. */
function readPastItsEnd() {
  const message = octets(...rr(RrType.CNAME, 1), 0x61, 0);
  return readRecord(message, spanRecord(message, 0));
}

function opt(rdlength: number) {
  return { klass: 512, ttl: 0, rdataAt: 0, rdlength };
}

function counts(ancount: number, nscount: number, arcount: number) {
  return { ...readHeader(header([0])), ancount, nscount, arcount };
}

function twoOpts() {
  const message = response([0, 0, 0, 2], rr(RrType.OPT), rr(RrType.OPT));
  return readEdns(message, spanSections(message, readHeader(message), 12).additional);
}

test('a WireError says what, where, and the value found', async (t) => {
  for (const [message, act] of CASES) t.throws(act, { name: 'WireError', message }, message);
});

test('what just fits is no error', async (t) => {
  t.equal(skipName(octets(0xc0, 0), 0), 2);
  t.equal(spanRecord(rr(RrType.TXT, 1, 0x61), 0).end, 13);
  t.equal(readName(octets(1, 0x61, 0), 0).length, 3, 'a label that ends where the message does');
  t.equal(readQuestion(octets(...header([1]), 0, 0, 1, 0, 1), 12).end, 17);
  t.equal(frame(new Uint8Array(0xffff)).length, 0x10001);
  t.same(encodeName('\\255\\a'), octets(2, 255, 0x61, 0));
  t.throws(() => spanSections(new Uint8Array(), counts(2_000, 0, 0), 0), /runs past the message/);
});

test('a name fits the wire up to 255 octets, an escape being one of them', async (t) => {
  const name = (last: number) => `${`${long}.`.repeat(3)}${'b'.repeat(last)}.`;
  t.equal(encodeName(name(61)).length, 255);
  t.equal(fitsWire(name(61)), true);
  t.equal(fitsWire(name(62)), false);
  const escaped = (last: number) => name(last).replace('b', '\\000');
  t.equal(encodeName(escaped(61)).length, 255);
  t.equal(fitsWire(escaped(61)), true);
  t.equal(fitsWire(escaped(62)), false);
  t.equal(fitsWire('.'), true);
});
