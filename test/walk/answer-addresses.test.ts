import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { test } from 'tap';
import { addressesOf, addressText, ownedAddresses } from '../../src/walk/answer-addresses.ts';
import { RrType } from '../../src/wire/codes.ts';
import { a, aaaa, addressOctets, cname } from '../support/messages.ts';

test('addresses are written as RFC 5952 says', async (t) => {
  const forms = [
    ['::', '::'],
    ['::1', '::1'],
    ['2001:db8::', '2001:db8::'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['10:0:5:0:0:1:2:3', '10:0:5::1:2:3'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ] as const;
  for (const [given, written] of forms) t.equal(addressText(aaaa('x', given)), written);
  t.equal(addressText(a('x', '192.0.2.1')), '192.0.2.1');
});

test('what is written reads back as the same octets', async (t) => {
  const group = fc.oneof(fc.constant(0), fc.nat(0xffff));
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const rr = aaaa('x', groups.map((each) => each.toString(16)).join(':'));
        const text = addressText(rr);
        return isIPv6(text) && Buffer.compare(addressOctets(text), rr.rdata) === 0;
      }),
    ),
  );
});

test('an owner counts for glibc alone: the QNAME, in any case, or the end of its chain (G6, M3)', async (t) => {
  const answer = [
    cname('www.example.com', 'edge.example.net'),
    a('EDGE.example.net', '192.0.2.1'),
    a('other.example', '192.0.2.2'),
  ];
  t.strictSame(ownedAddresses(answer, 'www.example.com.', RrType.A), ['192.0.2.1']);
  t.strictSame(addressesOf(answer, RrType.A), ['192.0.2.1', '192.0.2.2']);
});

test('an address before its CNAME is not found by glibc (G6)', async (t) => {
  const answer = [a('edge.example.net', '192.0.2.1'), cname('www.example.com', 'edge.example.net')];
  t.strictSame(ownedAddresses(answer, 'www.example.com.', RrType.A), []);
});
