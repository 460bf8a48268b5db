import { test } from 'tap';
import { localNames } from '../../src/resolve/local-names.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { canonicalName } from '../../src/wire/name.ts';
import { negativeProof } from '../../src/wire/soa.ts';
import { addressOctets } from '../support/messages.ts';
import { answer, below, promised, query } from './queries.ts';

const REVERSE_4 = '1.0.0.127.in-addr.arpa.';
const REVERSE_6 = `1.${'0.'.repeat(31)}ip6.arpa.`;

function setup(hosts: Record<string, string[]> | undefined = undefined) {
  const { next, asked } = below();
  const lookup = (qname: string) => hosts?.[qname]?.map(addressOctets);
  const resolve = promised(localNames(hosts === undefined ? undefined : lookup)(next));
  return { resolve, asked };
}

test('L6: localhost and what is below it is the loopback, in both families (RFC 6761 §6.3)', async (t) => {
  const { resolve, asked } = setup();
  for (const qname of ['localhost.', 'db.localhost.']) {
    const v4 = await resolve(query(qname, RrType.A));
    t.equal(v4.source, 'local');
    t.same([...(v4.message.answer[0]?.rdata ?? [])], [127, 0, 0, 1]);
    t.equal(canonicalName(v4.message.answer[0]?.owner ?? new Uint8Array()), qname);
    const v6 = await resolve(query(qname, RrType.AAAA));
    t.same(v6.message.answer[0]?.rdata, addressOctets('::1'));
    const txt = await resolve(query(qname, RrType.TXT));
    t.equal(txt.message.rcode, Rcode.NOERROR, 'it exists');
    t.same(txt.message.answer, []);
    t.equal(txt.message.authority[0]?.type, RrType.SOA);
  }
  t.same(asked, []);
});

test('L6: invalid does not exist (RFC 6761 §6.4)', async (t) => {
  const { resolve, asked } = setup();
  for (const qname of ['invalid.', 'git.invalid.']) {
    const { message } = await resolve(query(qname));
    t.equal(message.rcode, Rcode.NXDOMAIN);
    t.match(negativeProof(message, qname), { zone: 'invalid.', ttl: 86_400 });
  }
  t.same(asked, []);
});

test('L6: the reverse of the loopback is localhost', async (t) => {
  const { resolve, asked } = setup();
  for (const qname of [REVERSE_4, REVERSE_6]) {
    const { message } = await resolve(query(qname, RrType.PTR));
    t.equal(canonicalName(message.answer[0]?.rdata ?? new Uint8Array()), 'localhost.', qname);
    t.same((await resolve(query(qname, RrType.A))).message.answer, []);
    t.equal((await resolve(query(`x.${qname}`, RrType.PTR))).message.rcode, Rcode.NXDOMAIN);
  }
  const other = await resolve(query('9.0.0.127.in-addr.arpa.', RrType.PTR));
  t.equal(other.message.rcode, Rcode.NOERROR);
  t.same(other.message.answer, []);
  t.same(asked, []);
});

test('L6: what only looks like a local name goes on, and so do other classes', async (t) => {
  const { resolve, asked } = setup();
  const names = [
    'localhost.job.svc.cluster.local.',
    'notlocalhost.',
    'invalid.example.',
    '1.0.0.10.in-addr.arpa.',
    `2.${'0.'.repeat(31)}ip6.arpa.`,
  ];
  for (const qname of names) void resolve(query(qname, RrType.PTR));
  void resolve(query('localhost.', RrType.A, { qclass: 3 }));
  t.same(
    asked.map((each) => each.query.qname),
    [...names, 'localhost.'],
  );
});

test('a query passes as the value that it was', async (t) => {
  const { resolve, asked } = setup({});
  const given = query('api.example.com.');
  const waiting = resolve(given);
  t.equal(asked[0]?.query, given);
  const said = answer();
  asked[0]?.resolve(said);
  t.equal(await waiting, said);
});

test('L6: a hosts file comes first, and denies the family that it does not list', async (t) => {
  const { resolve, asked } = setup({
    'db.example.com.': ['192.0.2.7', '192.0.2.8'],
    'localhost.': ['127.0.0.9'],
  });
  const v4 = await resolve(query('db.example.com.', RrType.A));
  t.same(
    v4.message.answer.map((rr) => [rr.type, rr.ttl, [...rr.rdata].join('.')]),
    [
      [RrType.A, 5, '192.0.2.7'],
      [RrType.A, 5, '192.0.2.8'],
    ],
  );
  const v6 = await resolve(query('db.example.com.', RrType.AAAA));
  t.equal(v6.message.rcode, Rcode.NOERROR);
  t.same(v6.message.answer, []);
  const own = await resolve(query('localhost.', RrType.A));
  t.same([...(own.message.answer[0]?.rdata ?? [])], [127, 0, 0, 9]);
  void resolve(query('www.example.com.'));
  t.equal(asked.length, 1, 'the others go on');
});
