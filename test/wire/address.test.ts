import { test } from 'tap';
import { addressOctets, addressText } from '../../src/wire/address.ts';

const hex = (text: string) => Buffer.from(addressOctets(text)).toString('hex');
const zeros = (groups: number) => '0000'.repeat(groups);

test('an address in text is its octets (RFC 4291 §2.2)', async (t) => {
  t.equal(hex('192.0.2.255'), 'c00002ff');
  t.equal(hex('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008');
  t.equal(hex('::'), zeros(8));
  t.equal(hex('::1'), `${zeros(7)}0001`);
  t.equal(hex('2001:DB8::'), `20010db8${zeros(6)}`);
  t.equal(hex('2001:db8::a:ffff'), `20010db8${zeros(4)}000affff`);
  t.equal(hex('::ffff:192.0.2.1'), `${zeros(5)}ffffc0000201`);
  t.equal(hex('64:ff9b::10.20.30.40'), `0064ff9b${zeros(4)}0a141e28`);
  t.equal(hex('1:2:3:4:5:6:127.0.0.1'), '0001000200030004000500067f000001');
  t.equal(hex('fe80::1%eth0'), `fe80${zeros(6)}0001`, 'without its zone');
});

test('octets have one text (RFC 5952 §4)', async (t) => {
  const text = (octets: string) => addressText(Uint8Array.from(Buffer.from(octets, 'hex')));
  t.equal(text('c00002ff'), '192.0.2.255');
  t.equal(text('00010002000300040005000600070008'), '1:2:3:4:5:6:7:8');
  t.equal(text(zeros(8)), '::');
  t.equal(text(`${zeros(7)}0001`), '::1');
  t.equal(text(`20010db8${zeros(6)}`), '2001:db8::');
  t.equal(text(`20010db8${zeros(4)}000affff`), '2001:db8::a:ffff');
  t.equal(text(`2001${zeros(2)}0001${zeros(3)}0001`), '2001:0:0:1::1', 'the longest run');
  t.equal(text(`2001${zeros(2)}00010001${zeros(2)}0001`), '2001::1:1:0:0:1', 'the first of two');
  t.equal(text('20010db8000000010001000100010001'), '2001:db8:0:1:1:1:1:1', 'one zero stays');
});
