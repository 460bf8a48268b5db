import { test } from 'tap';
import { addressRecords, textRecord } from '../../src/demo/cluster-record.ts';
import { RrType } from '../../src/wire/codes.ts';

const ask = (qtype: number) => ({ qname: 'a.example.', qtype, qclass: 1 });

test('addresses of the family that was asked for become octets', async (t) => {
  const addresses = ['192.0.2.1', '2001:db8::1', '::1', 'fd00:1:2:3:4:5:6:7', 'fe80::'];
  const hex = (qtype: number) =>
    addressRecords(ask(qtype), addresses, 5).map(({ rdata }) => Buffer.from(rdata).toString('hex'));
  t.strictSame(hex(RrType.A), ['c0000201']);
  t.strictSame(hex(RrType.AAAA), [
    '20010db8000000000000000000000001',
    '00000000000000000000000000000001',
    'fd000001000200030004000500060007',
    'fe800000000000000000000000000000',
  ]);
  t.strictSame(hex(RrType.TXT), []);
});

test('a text is one character-string (RFC 1035 §3.3.14)', async (t) => {
  const { rdata } = textRecord(ask(RrType.TXT), 'hello', 5);
  t.equal(Buffer.from(rdata).toString('latin1'), '\x05hello');
});
