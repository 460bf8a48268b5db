import { test } from 'tap';
import { Rcode, RrType, rcodeName, typeCode, typeName } from '../../src/wire/codes.ts';

test('every number has a name, and its name leads back to it (RFC 3597 §5)', (t) => {
  const lost: number[] = [];
  for (let code = 0; code <= 0xffff; code++) {
    if (typeCode(typeName(code)) !== code) lost.push(code);
  }
  t.equal(lost.length, 0, `${lost.slice(0, 3)}`);
  for (const [name, code] of Object.entries(RrType)) {
    if (typeName(code) !== name) t.fail(`two types have the number ${code}`);
  }
  t.equal(typeName(65_280), 'TYPE65280');
  t.end();
});

test('type mnemonics are read in any case; what is none is undefined', (t) => {
  t.equal(typeCode('aaaa'), RrType.AAAA);
  t.equal(typeCode('type28'), RrType.AAAA);
  t.equal(typeCode('TYPE65535'), 0xffff);
  for (const none of ['TYPE65536', 'TYPE', 'TYPE-1', 'ATYPE1', 'TYPE1.5', '', '28', 'toString']) {
    t.equal(typeCode(none), undefined, none);
  }
  t.end();
});

test('response codes have names', (t) => {
  t.equal(rcodeName(Rcode.NXDOMAIN), 'NXDOMAIN');
  t.equal(rcodeName(Rcode.BADVERS), 'BADVERS');
  t.equal(rcodeName(4_000), 'RCODE4000');
  t.end();
});
