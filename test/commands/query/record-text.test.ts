import fc from 'fast-check';
import { test } from 'tap';
import { nameText, rdataText } from '../../../src/commands/query/record-text.ts';
import { RrType } from '../../../src/wire/codes.ts';
import { encodeName } from '../../../src/wire/name.ts';
import { record } from '../../support/messages.ts';

const text = (type: number, ...parts: (readonly number[] | Uint8Array | string)[]) =>
  rdataText(record('a.example.', type, Buffer.concat(parts.map((part) => Buffer.from(part)))));

test('records stand in presentation form (RFC 1035 §5.1)', (t) => {
  const name = encodeName('Ns1.example');
  t.equal(text(RrType.A, [192, 0, 2, 1]), '192.0.2.1');
  t.equal(text(RrType.AAAA, [0x20, 1, 0x0d, 0xb8, ...Array(11).fill(0), 1]), '2001:db8::1');
  for (const type of [RrType.NS, RrType.CNAME, RrType.PTR]) {
    t.equal(text(type, name), 'Ns1.example.', 'case is kept');
  }
  t.equal(text(RrType.MX, [0, 10], name), '10 Ns1.example.');
  t.equal(text(RrType.SRV, [0, 1, 0, 2, 0x1f, 0x90], name), '1 2 8080 Ns1.example.');
  t.equal(text(RrType.MX, [0, 0], encodeName('.')), '0 .', 'RFC 7505');
  const numbers = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 255, 255, 255, 255];
  t.equal(
    text(RrType.SOA, name, encodeName('root.example'), numbers),
    'Ns1.example. root.example. 1 2 3 4 4294967295',
  );
  t.equal(text(RrType.TXT, [3], 'a b', [0], [4], 'q"\\\n'), '"a b" "" "q\\"\\\\\\010"');
  t.end();
});

test('what is special in a name is escaped', (t) => {
  t.equal(
    nameText(Uint8Array.of(4, 0x2e, 0x20, 0x07, 0x5c, 1, 0xff, 0)),
    '\\.\\032\\007\\\\.\\255.',
  );
  t.equal(nameText(Uint8Array.of(0)), '.');
  t.end();
});

test('other types, and RDATA that lies about its type, stand as octets (RFC 3597 §5)', (t) => {
  t.equal(text(65_280, [1, 0xab]), '\\# 2 01AB');
  t.equal(text(65_280), '\\# 0');
  t.equal(text(RrType.A, [1, 2, 3]), '\\# 3 010203', 'too short');
  t.equal(text(RrType.A, [1, 2, 3, 4, 5]), '\\# 5 0102030405', 'too long');
  t.equal(text(RrType.MX, [0]), '\\# 1 00');
  t.equal(text(RrType.TXT, [5], 'ab'), '\\# 3 056162', 'a string past the end');
  t.equal(text(RrType.TXT), '\\# 0', 'no string');
  t.end();
});

test('whatever the octets, the text is one printable line', (t) => {
  const type = fc.constantFrom(...Object.values(RrType), 65_280);
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(type, fc.uint8Array({ maxLength: 60 }), (rrType, rdata) =>
        /^[ -~]+$/.test(rdataText(record('a.example.', rrType, rdata))),
      ),
      { numRuns: 2_000 },
    ),
  );
  t.end();
});
