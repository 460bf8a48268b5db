import fc from 'fast-check';
import { test } from 'tap';
import { scrub } from '../../src/resolve/scrub.ts';
import { chainOf } from '../../src/resolve/verdict.ts';
import { RrType } from '../../src/wire/codes.ts';
import { canonicalName, encodeName } from '../../src/wire/name.ts';
import type { Rr } from '../../src/wire/record.ts';
import { a, aaaa, cname, message, nxdomain, record } from '../support/messages.ts';
import { query } from './queries.ts';

const NAME = 'api.example.com.';
const BOUNDS = { minTtl: 0, maxTtl: 86_400 };
const dname = (owner: string, target: string) => record(owner, RrType.DNAME, encodeName(target));

test('C1: only what belongs to the chain of the question stays (CVE-2021-25220)', async (t) => {
  const chain = [cname(NAME, 'www.example.net.'), a('WWW.example.net.', '192.0.2.1')];
  const foreign = [
    a('bank.example.', '192.0.2.66'),
    cname('other.example.com.', 'www.example.net.'),
    a('sub.api.example.com.', '192.0.2.66'),
    a('example.com.', '192.0.2.66'),
  ];
  const scrubbed = scrub(message({ answer: [...foreign, ...chain] }), query(NAME), BOUNDS);
  t.same(scrubbed.answer, chain);
});

test('C1: a DNAME stays where a name of the chain lies below it (RFC 6672)', async (t) => {
  const redirect = dname('example.com.', 'example.net.');
  const answer = [
    redirect,
    cname(NAME, 'api.example.net.'),
    a('api.example.net.', '192.0.2.1'),
    dname('example.org.', 'evil.example.'),
  ];
  t.same(scrub(message({ answer }), query(NAME), BOUNDS).answer, answer.slice(0, 3));
});

test('C1: records stand in the order of the chain, whatever the order upstream (RFC 1034 §3.6.2)', async (t) => {
  const dnamed = dname('example.com.', 'example.net.');
  const alias = cname(NAME, 'api.example.net.');
  const next = cname('api.example.net.', 'www.example.org.');
  const addresses = [a('www.example.org.', '192.0.2.2'), a('www.example.org.', '192.0.2.1')];
  const answer = [...addresses, next, alias, dnamed];
  t.same(scrub(message({ answer }), query(NAME), BOUNDS).answer, [
    dnamed,
    alias,
    next,
    ...addresses,
  ]);
});

test('C1: other types at the name stay: what is not understood passes (RFC 3597)', async (t) => {
  const answer = [
    record(NAME, 65_280, Uint8Array.of(1, 2, 3)),
    record(NAME, RrType.RRSIG, new Uint8Array(20)),
  ];
  t.same(scrub(message({ answer }), query(NAME, 65_280), BOUNDS).answer, answer);
});

test('an RRset has its lowest TTL, owner by owner and type by type (RFC 2181 §5.2)', async (t) => {
  const ttls = (...answer: Rr[]) =>
    scrub(message({ answer }), query(NAME), BOUNDS).answer.map((rr) => rr.ttl);
  const first = a(NAME, '192.0.2.1', 300);
  const second = a('API.example.com.', '192.0.2.2', 20);
  const others = [a(NAME, '192.0.2.3', 60), aaaa(NAME, '2001:db8::1', 500)];
  t.same(ttls(first, second, ...others), [20, 20, 20, 500]);
  t.same(ttls(first, second), [20, 20], 'two records are a set');
  t.same(ttls(first, { ...second, klass: 3 }), [300, 20], 'of a class');
});

test('C2: TTLs stay inside the bounds; the minimum is for answers, never for a denial', async (t) => {
  const bounds = { minTtl: 10, maxTtl: 100 };
  const answer = [a(NAME, '192.0.2.1', 1)];
  t.equal(scrub(message({ answer }), query(NAME), bounds).answer[0]?.ttl, 10);
  const long = [a(NAME, '192.0.2.1', 1_000_000)];
  const capped = scrub(message({ answer: long, additional: long }), query(NAME), bounds);
  t.equal(capped.answer[0]?.ttl, 100);
  t.equal(capped.additional[0]?.ttl, 100);
  t.equal(scrub(nxdomain('example.com.', 1), query(NAME), bounds).authority[0]?.ttl, 1);
  t.equal(scrub(nxdomain('example.com.', 900), query(NAME), bounds).authority[0]?.ttl, 100);
});

test('C1: scrubbing leaves nothing foreign, changes nothing else, and has nothing to do the second time', async (t) => {
  const name = fc.nat(6).map((number) => `n${number}.example.`);
  const ttl = fc.nat(100_000);
  const rr = fc.oneof(
    fc.tuple(name, ttl).map(([owner, seconds]) => a(owner, '192.0.2.1', seconds)),
    fc.tuple(name, name, ttl).map(([owner, target, seconds]) => cname(owner, target, seconds)),
  );
  const property = fc.property(fc.array(rr, { maxLength: 12 }), name, (answer, qname) => {
    const given = message({ answer });
    const once = scrub(given, query(qname), BOUNDS);
    const chain = chainOf(answer, qname);
    const owned = chain.flatMap((name) =>
      answer.filter(({ owner }) => canonicalName(owner) === name),
    );
    const untimed = (records: typeof answer) => records.map((each) => ({ ...each, ttl: 0 }));
    t.same(untimed([...once.answer]), untimed(owned));
    t.ok(once.answer.every((each, i) => each.ttl <= (owned[i]?.ttl ?? 0)));
    t.same(scrub(once, query(qname), BOUNDS), once);
    t.same(given, message({ answer }), 'the message that was given is as it was');
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 60 }));
});
