import fc from 'fast-check';
import { test } from 'tap';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { Flag, putUint16, uint16 } from '../../src/wire/header.ts';
import type { Rr } from '../../src/wire/record.ts';
import { a, aaaa, cname, message, queryOctets, record, soa } from '../support/messages.ts';
import { ask, keep, slowly, startReplies } from './ready-replies.ts';

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/);
const qname = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));
const ttl = fc.nat(100_000);
const rr = (owner: string): fc.Arbitrary<Rr> =>
  fc.oneof(
    ttl.map((seconds) => a(owner, '192.0.2.1', seconds)),
    ttl.map((seconds) => aaaa(owner, '2001:db8::1', seconds)),
    fc.tuple(qname, ttl).map(([target, seconds]) => cname(owner, target, seconds)),
    fc
      .tuple(fc.uint8Array({ maxLength: 300 }), ttl)
      .map(([rdata, seconds]) => record(owner, 65_280, rdata, seconds)),
  );
const world = qname.chain((name) => {
  const parent = name.split('.').slice(1).join('.') || '.';
  const section = fc.array(fc.oneof(rr(name), rr(parent), qname.chain(rr)), { maxLength: 5 });
  return fc.record({
    name: fc.constant(name),
    asked: fc.mixedCase(fc.constant(name)),
    first: fc.mixedCase(fc.constant(name)),
    type: fc.constantFrom(RrType.A, RrType.AAAA, 65, 97),
    reply: fc.record({
      rcode: fc.constantFrom(Rcode.NOERROR, Rcode.NXDOMAIN),
      authoritative: fc.boolean(),
      authenticData: fc.boolean(),
      answer: section,
      authority: fc.oneof(
        section,
        ttl.map((seconds) => [soa(parent, { minimum: seconds })]),
      ),
      additional: section,
    }),
  });
});
const client = fc.record({
  edns: fc.option(fc.record({ dnssecOk: fc.boolean() }), { nil: undefined }),
  size: fc.constantFrom(0, 512, 600, 1_232, 4_096),
  checkingDisabled: fc.boolean(),
  wantsAd: fc.boolean(),
  wantsRecursion: fc.boolean(),
});

function queryOf(
  name: string,
  type: number,
  id: number,
  from: typeof client extends fc.Arbitrary<infer T> ? T : never,
): Uint8Array {
  const { edns, checkingDisabled } = from;
  const query = queryOctets(name, type, { id, checkingDisabled, edns });
  const flags = uint16(query, 2) & ~(Flag.RD | Flag.AD);
  putUint16(query, 2, flags | (from.wantsAd ? Flag.AD : 0) | (from.wantsRecursion ? Flag.RD : 0));
  if (edns !== undefined) putUint16(query, query.length - 8, from.size);
  return query;
}

test('a hit says what the stages would say, octet for octet (L3, L4, C2)', (t) => {
  let hits = 0;
  const property = fc.property(
    world,
    client,
    client,
    fc.nat(50),
    fc.nat(100),
    fc.boolean(),
    ({ asked, first, type, reply }, one, other, age, later, overTcp) => {
      const replies = startReplies();
      const again = { ...other, edns: one.edns, checkingDisabled: one.checkingDisabled };
      // Another client may have EDNS or not, where DO is not set.
      const query = queryOf(
        asked,
        type,
        0x7777,
        one.edns?.dnssecOk ? again : { ...again, edns: other.edns && { dnssecOk: false } },
      );
      const until = 1_000_000_000;
      keep(replies, queryOf(first, type, 1, one), reply, { age, agedAt: 0, until });
      replies.now = later * 1_000;
      const hit = ask(replies, query, overTcp);
      if (hit === undefined) return;
      hits++;
      const expected = slowly(query, reply, age + later, overTcp);
      if (expected === undefined) throw new Error('larger than the client takes');
      if (Buffer.compare(hit, expected) !== 0) {
        throw new Error(
          `${Buffer.from(hit).toString('hex')}\n${Buffer.from(expected).toString('hex')}`,
        );
      }
    },
  );
  t.doesNotThrow(() => fc.assert(property, { numRuns: 1_000 }));
  t.ok(hits > 300, `hits among them: ${hits}`);
  t.end();
});

test('no octets make it throw or write behind its room', (t) => {
  const replies = startReplies();
  const known = queryOctets('a.example', RrType.A, { edns: { dnssecOk: false } });
  keep(replies, known, message({ answer: [a('a.example', '192.0.2.1')] }));
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(fc.nat(known.length - 1), fc.nat(255), fc.nat(known.length))
      .map(([at, octet, length]) => {
        const copy = known.slice(0, length);
        if (at < length) copy[at] = octet;
        return copy;
      }),
  );
  const property = fc.property(octets, fc.nat(80), (query, more) => {
    const buffer = new Uint8Array(1_024).fill(0xaa);
    buffer.set(query);
    const room = query.length + more;
    const length = replies.answer(buffer, 0, query.length, room, false);
    if (length > room) throw new Error(`reply of ${length} in ${room}`);
    const behind = buffer.subarray(Math.max(length, query.length));
    if (behind.some((octet) => octet !== 0xaa)) throw new Error('wrote behind the reply');
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2_000 }));
  t.end();
});
