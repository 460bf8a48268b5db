import fc from 'fast-check';
import { test } from 'tap';
import { chainOf, deniesName, verdictOf } from '../../src/resolve/verdict.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { a, aaaa, cname, message, nodata, nxdomain, soa } from '../support/messages.ts';
import { query } from './queries.ts';

const NAME = 'api.example.com.';

test('a message means data, NODATA, NXDOMAIN or failure to its question (RFC 2308 §1, §2)', async (t) => {
  const alias = cname(NAME, 'www.example.com.');
  t.equal(verdictOf(message({ answer: [a(NAME, '192.0.2.1')] }), query(NAME)), 'data');
  t.equal(verdictOf(nodata('example.com.'), query(NAME)), 'nodata');
  t.equal(
    verdictOf(message({ answer: [alias] }), query(NAME)),
    'nodata',
    'a chain that ends empty',
  );
  t.equal(
    verdictOf(message({ answer: [aaaa(NAME, '::1')] }), query(NAME)),
    'nodata',
    'another type',
  );
  t.equal(verdictOf(nxdomain('example.com.'), query(NAME)), 'nxdomain');
  t.equal(
    verdictOf({ ...nxdomain('example.com.'), answer: [alias] }, query(NAME)),
    'nxdomain',
    'of the end of the chain (RFC 6604 §3)',
  );
  for (const rcode of [1, 2, 4, 5, 6, 9, 16, 23]) {
    const said = message({ rcode, answer: [a(NAME, '192.0.2.1')] });
    t.equal(verdictOf(said, query(NAME)), 'failure', `RCODE ${rcode}`);
  }
});

test('ANY is answered by anything; CNAME by itself', async (t) => {
  const any = query(NAME, RrType.ANY);
  t.equal(verdictOf(message({ answer: [soa(NAME)] }), any), 'data');
  t.equal(verdictOf(message(), any), 'nodata');
  const alias = message({ answer: [cname(NAME, 'www.example.com.')] });
  t.equal(verdictOf(alias, query(NAME, RrType.CNAME)), 'data');
});

test('N3: NXDOMAIN at the end of a chain denies another name than the QNAME (RFC 6604 §3)', async (t) => {
  t.equal(deniesName(nxdomain('example.com.'), query(NAME)), true);
  const dangling = { ...nxdomain('example.com.'), answer: [cname(NAME, 'gone.example.com.')] };
  t.equal(deniesName(dangling, query(NAME)), false);
  t.equal(deniesName(nodata('example.com.'), query(NAME)), false);
  t.equal(deniesName(message({ rcode: Rcode.SERVFAIL }), query(NAME)), false);
});

test('a chain is followed by its names, whatever their order and case', async (t) => {
  const links = [
    cname('C.example.com.', 'd.example.com.'),
    cname('b.example.com.', 'c.EXAMPLE.com.'),
    cname('A.example.com.', 'B.example.com.'),
    cname('x.example.com.', 'y.example.com.'),
    a('d.example.com.', '1.0.0.1'),
  ];
  t.same(chainOf(links, 'a.example.com.'), [
    'a.example.com.',
    'b.example.com.',
    'c.example.com.',
    'd.example.com.',
  ]);
  t.same(chainOf(links, 'nobody.example.com.'), ['nobody.example.com.']);
});

test('a chain that loops, or goes on for ever, is bounded and names nothing twice', async (t) => {
  const name = fc.nat(60).map((number) => `n${number}.example.`);
  const links = fc.array(fc.tuple(name, name), { maxLength: 120 });
  const property = fc.property(links, name, (pairs, qname) => {
    const chain = chainOf(
      pairs.map(([owner, target]) => cname(owner, target)),
      qname,
    );
    return chain[0] === qname && chain.length <= 33 && new Set(chain).size === chain.length;
  });
  t.doesNotThrow(() => fc.assert(property));
  const long = Array.from({ length: 1_000 }, (_, i) =>
    cname(`n${i}.example.`, `n${i + 1}.example.`),
  );
  t.equal(chainOf(long, 'n0.example.').length, 33, 'the name and 32 aliases');
});
