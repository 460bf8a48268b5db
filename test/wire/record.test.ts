import { test } from 'tap';
import { RrType } from '../../src/wire/codes.ts';
import { type Rr, readRecord, spanRecord } from '../../src/wire/record.ts';
import { WireError } from '../../src/wire/wire-error.ts';

/** `example.` stands at 0 of every message here. */
const EXAMPLE = [7, ...Buffer.from('example'), 0];
const TO_EXAMPLE = [0xc0, 0];

/** Reads a record at the root whose RDATA stands behind {@link EXAMPLE}, so that pointers have somewhere to lead. */
function read(type: number, rdata: readonly number[], after: readonly number[] = []): Rr {
  const fixed = [0, type >> 8, type & 0xff, 0, 1, 0, 0, 0, 60, 0, rdata.length];
  const octets = Uint8Array.from([...EXAMPLE, ...fixed, ...rdata, ...after]);
  return readRecord(octets, spanRecord(octets, EXAMPLE.length));
}

const zeros = (count: number) => Array.from({ length: count }, () => 0);

/** What stands before, between and after names; N is a name. @see RFC 3597 §4 and the RFC of each type */
const layouts: readonly [
  keyof typeof RrType,
  string,
  readonly number[],
  number,
  readonly number[],
][] = [
  ['NS', 'RFC 1035 §3.3.11', [], 1, []],
  ['MD', 'RFC 1035 §3.3.4', [], 1, []],
  ['MF', 'RFC 1035 §3.3.5', [], 1, []],
  ['CNAME', 'RFC 1035 §3.3.1', [], 1, []],
  ['SOA', 'RFC 1035 §3.3.13', [], 2, zeros(20)],
  ['MB', 'RFC 1035 §3.3.3', [], 1, []],
  ['MG', 'RFC 1035 §3.3.6', [], 1, []],
  ['MR', 'RFC 1035 §3.3.8', [], 1, []],
  ['PTR', 'RFC 1035 §3.3.12', [], 1, []],
  ['MINFO', 'RFC 1035 §3.3.7', [], 2, []],
  ['MX', 'RFC 1035 §3.3.9', [0, 10], 1, []],
  ['RP', 'RFC 1183 §2.2', [], 2, []],
  ['AFSDB', 'RFC 1183 §1', [0, 1], 1, []],
  ['RT', 'RFC 1183 §3.3', [0, 1], 1, []],
  ['SIG', 'RFC 2535 §4.1', zeros(18), 1, [1, 2, 3]],
  ['PX', 'RFC 2163 §4', [0, 1], 2, []],
  ['NXT', 'RFC 2535 §5.2', [], 1, [0x40, 1]],
  ['NAPTR', 'RFC 3403 §4.1', [0, 1, 0, 2, 1, 0x53, 3, 1, 2, 3, 0], 1, []],
  ['SRV', 'RFC 2782', zeros(6), 1, []],
  ['KX', 'RFC 2230 §3.1', [0, 1], 1, []],
  ['DNAME', 'RFC 6672 §2.1', [], 1, []],
  ['RRSIG', 'RFC 4034 §3.1', zeros(18), 1, [1, 2, 3]],
  ['NSEC', 'RFC 4034 §4.1', [], 1, [0, 1, 0x40]],
  ['SVCB', 'RFC 9460 §2.2', [0, 1], 1, [0, 1, 0, 2, 1, 0x61]],
  ['HTTPS', 'RFC 9460 §2.2', [0, 1], 1, [0, 1, 0, 2, 1, 0x61]],
];

for (const [name, where, before, names, after] of layouts) {
  test(`${name}: a compressed name is written out (${where}, RFC 3597 §4)`, (t) => {
    const written = Array.from({ length: names }, () => EXAMPLE).flat();
    const pointers = Array.from({ length: names }, () => TO_EXAMPLE).flat();
    const plain = Uint8Array.from([...before, ...written, ...after]);
    t.same(read(RrType[name], [...before, ...pointers, ...after]).rdata, plain);
    t.same(read(RrType[name], [...plain]).rdata, plain, 'and a plain one kept');
    t.throws(() => read(RrType[name], before), WireError, 'no name');
    t.throws(() => read(RrType[name], [...before, 1, 0x61], [0]), WireError, 'a name cut off');
    t.throws(() => read(RrType[name], []), WireError, 'nothing');
    t.end();
  });
}

test('octets left over behind the last field are refused where the type has none', (t) => {
  for (const [name, , before, names, after] of layouts) {
    const pointers = Array.from({ length: names }, () => TO_EXAMPLE).flat();
    const open = ['SIG', 'NXT', 'RRSIG', 'NSEC', 'SVCB', 'HTTPS'].includes(name);
    const reading = () => read(RrType[name], [...before, ...pointers, ...after, 0]);
    if (open) t.doesNotThrow(reading, name);
    else t.throws(reading, WireError, name);
  }
  t.throws(() => read(RrType.SOA, [0, 0, ...zeros(19)]), WireError, 'SOA without all its numbers');
  t.end();
});

test('NAPTR: a string that runs past the RDATA takes the name with it', (t) => {
  t.throws(() => read(RrType.NAPTR, [0, 1, 0, 2, 200, 1, 2, 0, 0]), WireError);
  t.throws(() => read(RrType.NAPTR, [0, 1, 0, 2, 0, 0, 9, 0]), WireError);
  t.end();
});

test('RDATA of an unknown type is opaque, pointers and all (RFC 3597 §3)', (t) => {
  t.same(read(65_280, TO_EXAMPLE).rdata, Uint8Array.from(TO_EXAMPLE));
  t.same(read(65_280, []).rdata, new Uint8Array(0));
  t.end();
});

test('an address has the length of its type (RFC 1035 §3.4.1, RFC 3596 §2.2)', (t) => {
  t.same(read(RrType.A, [192, 0, 2, 1]).rdata, Uint8Array.of(192, 0, 2, 1));
  for (const length of [0, 3, 5, 16]) t.throws(() => read(RrType.A, zeros(length)), WireError);
  t.equal(read(RrType.AAAA, zeros(16)).rdata.length, 16);
  for (const length of [0, 4, 15, 17]) t.throws(() => read(RrType.AAAA, zeros(length)), WireError);
  t.end();
});

test('character strings fill their RDATA (RFC 1035 §3.3.14)', (t) => {
  t.same(read(RrType.TXT, [1, 0x61, 0]).rdata, Uint8Array.of(1, 0x61, 0));
  t.throws(() => read(RrType.TXT, [2, 0x61]), WireError);
  t.throws(() => read(RrType.TXT, [1, 0x61, 5], [1, 2, 3, 4, 5]), WireError);
  t.throws(() => read(RrType.HINFO, [1, 0x61, 9, 0x62]), WireError);
  t.end();
});

test('a record that runs past the message is refused, wherever it is cut', (t) => {
  const whole = Uint8Array.from([1, 0x61, 0, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
  t.equal(spanRecord(whole, 0).end, whole.length);
  for (let length = 0; length < whole.length; length++) {
    t.throws(() => spanRecord(whole.subarray(0, length), 0), WireError, `${length} octets`);
  }
  t.end();
});
