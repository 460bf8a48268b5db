import { test } from 'tap';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { encodeName } from '../../src/wire/name.ts';
import { negativeProof, ownNegative, ownSoa } from '../../src/wire/soa.ts';
import { a, message, record, soa } from '../support/messages.ts';

const QNAME = 'api.example.com.';
const proofOf = (...authority: ReturnType<typeof soa>[]) =>
  negativeProof(message({ authority }), QNAME);

test('a denial lives as long as the lesser of TTL and MINIMUM of its SOA (RFC 2308 §5)', async (t) => {
  t.strictSame(proofOf(soa('example.com.', { minimum: 30, ttl: 60 })), {
    zone: 'example.com.',
    mname: 'ns.dns.example.com.',
    ttl: 30,
  });
  t.equal(proofOf(soa('example.com.', { minimum: 60, ttl: 30 }))?.ttl, 30);
  t.equal(proofOf(soa('.', { minimum: 3 }))?.zone, '.');
});

test('only the SOA of a zone that holds the name speaks for it, wherever it stands', async (t) => {
  t.equal(proofOf(), undefined);
  t.equal(proofOf(soa('example.org.')), undefined, 'another zone');
  t.equal(proofOf(soa(`below.${QNAME}`)), undefined, 'a zone below');
  t.equal(proofOf(soa('example.org.'), a('example.com.', '192.0.2.1'), soa('com.'))?.zone, 'com.');
  const txt = record('example.com.', RrType.TXT, new Uint8Array(30));
  t.equal(proofOf(txt, soa('com.'))?.zone, 'com.', 'however long another record is');
  t.equal(proofOf(soa('EXAMPLE.Com.'))?.zone, 'example.com.', 'in any case');
});

test('RDATA that cannot be that of an SOA is passed over', async (t) => {
  const of = (octets: number) => record('example.com.', RrType.SOA, new Uint8Array(octets));
  t.equal(proofOf(of(21)), undefined);
  t.strictSame(proofOf(of(22)), { zone: 'example.com.', mname: '.', ttl: 0 }, 'two roots');
  t.equal(proofOf(of(0), soa('com.'))?.zone, 'com.');
});

test('an SOA of ours says how long to believe it, and whose it is', async (t) => {
  const rr = ownSoa('Example.com.', 0x01020304);
  t.strictSame(rr.owner, encodeName('Example.com.'));
  t.equal(rr.type, RrType.SOA);
  t.equal(rr.klass, 1);
  t.equal(rr.ttl, 0x01020304);
  const names = [encodeName('sidestub.invalid'), encodeName('nobody.invalid')];
  const numbers = `00000001${'01020304'.repeat(4)}`;
  t.equal(
    Buffer.from(rr.rdata).toString('hex'),
    Buffer.concat(names).toString('hex') + numbers,
    'SERIAL 1 and four times the TTL',
  );
});

test('a negative answer of ours is its RCODE and the proof', async (t) => {
  const denial = ownNegative(Rcode.NXDOMAIN, 'example.com.', 5);
  t.equal(denial.rcode, Rcode.NXDOMAIN);
  t.same(denial.answer, []);
  t.equal(denial.authority.length, 1);
  t.strictSame(negativeProof(denial, QNAME), {
    zone: 'example.com.',
    mname: 'sidestub.invalid.',
    ttl: 5,
  });
});
