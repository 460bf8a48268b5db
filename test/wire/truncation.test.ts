import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'tap';
import { RrType } from '../../src/wire/codes.ts';
import { readResponse } from '../../src/wire/message.ts';
import { canonicalName, encodeName } from '../../src/wire/name.ts';
import type { Rr } from '../../src/wire/record.ts';
import { renderReply, udpLimit } from '../../src/wire/render.ts';
import type { Request } from '../../src/wire/request.ts';
import { shortenAnswer } from '../../src/wire/truncation.ts';
import { a, aaaa, cname, message, record, request, soa } from '../support/messages.ts';
import { anyMessage } from './arbitraries.ts';

const edns = { dnssecOk: false };
const txt = (owner: string, length: number) => record(owner, 65_280, new Uint8Array(length));

const keyOf = ({ type, owner }: Rr) => `${type} ${canonicalName(owner)}`;

const inLowerCase = (rr: Rr) => ({ ...rr, owner: canonicalName(rr.owner) });

function reply(client: Request, sent: Parameters<typeof message>[0], limit = udpLimit(client)) {
  const octets = renderReply(client, message(sent), { age: 0, limit });
  return { size: octets.length, ...readResponse(octets) };
}

const limits = fc.integer({ min: 512, max: 1_232 });

test('a reply never passes its limit, whatever is in it', (t) => {
  const ede = fc.option(fc.record({ code: fc.nat(30), text: fc.string({ maxLength: 300 }) }), {
    nil: undefined,
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(anyMessage(40), limits, fc.boolean(), ede, (sent, limit, opt, explained) => {
        const client = request('a.example.', 16, { edns: opt ? edns : undefined });
        const options = { age: 0, limit, ede: explained };
        assert.ok(renderReply(client, sent, options).length <= limit);
      }),
    ),
  );
  t.end();
});

test('a client with EDNS gets whole RRsets, and TC when one is lost (RFC 2181 §9)', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(anyMessage(40), limits, (sent, limit) => {
        const { truncated, message: seen } = reply(request('q.', 16, { edns }), sent, limit);
        const kept = new Set(seen.answer.map(keyOf));
        const expected = sent.answer.filter((rr) => kept.has(keyOf(rr)));
        // A name that is compressed takes its case from where it stood before (RFC 4343 §4.1).
        assert.deepEqual(
          seen.answer.map(inLowerCase),
          expected.map(inLowerCase),
          'all of each RRset',
        );
        assert.equal(truncated, seen.answer.length < sent.answer.length);
        if (truncated) assert.equal(seen.authority.length + seen.additional.length, 0);
        assert.ok([0, sent.authority.length].includes(seen.authority.length));
        assert.ok([0, sent.additional.length].includes(seen.additional.length));
      }),
    ),
  );
  t.end();
});

test('no more is lost than has to be: what was dropped next would not have fitted', (t) => {
  const answer = [txt('a.', 300), txt('b.', 300), txt('c.', 300)];
  const { message: seen } = reply(request('a.', 65_280, { edns }), { answer }, 700);
  t.same(seen.answer, answer.slice(0, 2));
  t.end();
});

test('additional goes first, then authority, then answers (L4)', (t) => {
  const sections = {
    answer: [txt('a.', 200)],
    authority: [soa('a.')],
    additional: [txt('b.', 200)],
  };
  const client = request('a.', 65_280, { edns });
  const counts = (limit: number) => {
    const { message: seen, truncated } = reply(client, sections, limit);
    return [seen.answer.length, seen.authority.length, seen.additional.length, truncated];
  };
  t.same(counts(1_232), [1, 1, 1, false]);
  t.same(counts(400), [1, 1, 0, false]);
  t.same(counts(260), [1, 0, 0, false]);
  t.same(counts(100), [0, 0, 0, true]);
  t.end();
});

test('of a section that is left out nothing stays, not even what would have fitted', (t) => {
  const answer = [txt('a.', 200)];
  const client = request('a.', 65_280, { edns });
  const authority = [txt('b.', 50), txt('c.', 400)];
  const whole = reply(client, { answer }, 400);
  t.equal(reply(client, { answer, authority }, 400).size, whole.size);
  t.end();
});

test('an RRset that only fitted because of a lost one goes too: a name past 16 KiB is written out (RFC 1035 §4.1.4)', (t) => {
  const long = `${'x'.repeat(60)}.${'y'.repeat(60)}.example.`;
  const lost = (host: string) => record('q.', RrType.NS, encodeName(host));
  const late = Array.from({ length: 1_000 }, (_, i) => a(long, `192.0.${i >> 8}.${i & 0xff}`));
  const filler = txt('f.', 17_000);
  const client = request('q.', 255, { edns });
  const fits = [lost(long), filler, ...late];
  // Room for all but the second NS; without the first, none of the addresses may point to its name.
  const { size } = reply(client, { answer: fits }, 0xffff);
  const { message: seen } = reply(client, { answer: [...fits, lost('other.example.')] }, size);
  t.same(seen.answer, [filler]);
  t.end();
});

test('the EDE goes before anything else does (RFC 8914 §3), the OPT stays', (t) => {
  const answer = [txt('a.', 200)];
  const client = request('a.', 65_280, { edns });
  const ede = { code: 3, text: 'x'.repeat(250) };
  const octets = renderReply(client, message({ answer }), { age: 0, limit: 400, ede });
  const seen = readResponse(octets);
  t.same(seen.message.answer, answer);
  t.equal(seen.truncated, false);
  t.ok(seen.edns);
  const long = { code: 3, text: 'x'.repeat(600) };
  const empty = renderReply(client, message(), { age: 0, limit: 512, ede: long });
  t.ok(empty.length <= 512);
  t.ok(readResponse(empty).edns);
  t.end();
});

test('an RRset is one whatever the case of its owner, and wherever its records stand', (t) => {
  const answer = [txt('set.', 100), txt('other.', 100), txt('SET.', 300)];
  const { message: seen, truncated } = reply(request('q.', 65_280, { edns }), { answer }, 512);
  t.same(seen.answer, [txt('other.', 100)]);
  t.equal(truncated, true);
  t.end();
});

const addresses = (owner: string, count: number) =>
  Array.from({ length: count }, (_, i) => a(owner, `192.0.2.${i}`, 60));

test('a client without EDNS gets the addresses that fit: musl < 1.2.4 has no TCP (L4)', (t) => {
  const alias = cname('git.example.com.', 'lb.example.com.');
  const answer = [alias, ...addresses('lb.example.com.', 60)];
  const client = request('git.example.com.');
  const { message: seen, truncated, size } = reply(client, { answer });
  t.same(seen.answer, answer.slice(0, seen.answer.length));
  t.ok(size > 512 - 16 && size <= 512, 'not one more would fit');
  t.equal(truncated, true);
  t.end();
});

/** A chain of CNAMEs that leaves no room for an address in 512 octets. */
function longChain(qname: string): Rr[] {
  const names = [qname, ...Array.from({ length: 8 }, (_, i) => `${i}${'x'.repeat(62)}.example.`)];
  return names.slice(1).map((target, i) => cname(names[i] ?? '', target, 100 - i));
}

test('a chain that leaves no room for an address is flattened for a client without EDNS (L4)', (t) => {
  const chain = longChain('git.example.com.');
  const end = `7${'x'.repeat(62)}.example.`;
  const answer = [...chain, ...addresses(end, 3).map((rr) => ({ ...rr, ttl: 1_000 }))];
  const { message: seen, truncated } = reply(request('GIT.example.com.'), { answer });
  t.equal(seen.answer.length, 3);
  for (const [i, rr] of seen.answer.entries()) {
    t.same(
      rr,
      { ...a('GIT.example.com.', `192.0.2.${i}`), ttl: 93 },
      'the lowest TTL of the chain',
    );
  }
  t.equal(truncated, true, 'who has TCP gets the chain');
  t.end();
});

test('flattened, still more addresses than fit are cut', (t) => {
  const end = `7${'x'.repeat(62)}.example.`;
  const answer = [...longChain('git.example.com.'), ...addresses(end, 100)];
  const { message: seen, size } = reply(request('git.example.com.'), { answer });
  t.ok(seen.answer.length > 25);
  t.ok(size <= 512);
  t.ok(seen.answer.every((rr) => canonicalName(rr.owner) === 'git.example.com.'));
  t.end();
});

test('only addresses are flattened: a chain without them, or for another type, is cut', (t) => {
  const chain = longChain('git.example.com.');
  for (const [qtype, answer] of [
    [1, chain],
    [16, [...chain, record('x.', 16, Uint8Array.of(1, 0x61))]],
  ] as const) {
    const { message: seen, truncated } = reply(request('git.example.com.', qtype), { answer });
    t.same(seen.answer, chain.slice(0, seen.answer.length));
    t.ok(seen.answer.length > 0);
    t.equal(truncated, true);
  }
  t.end();
});

test('the longest QNAME leaves room for an address', (t) => {
  const qname = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}.`;
  t.equal(encodeName(qname).length, 255);
  const { message: seen } = reply(request(qname), { answer: addresses(qname, 40) });
  t.equal(seen.answer.length, Math.floor((512 - 12 - 255 - 4) / 16));
  t.end();
});

test('a limit below what any reply needs gives an empty reply, never a hang', (t) => {
  const { message: seen, truncated } = reply(request('a.'), { answer: addresses('a.', 3) }, 1);
  t.same(seen.answer, []);
  t.equal(truncated, true);
  t.end();
});

test('only a client without EDNS, for addresses, gets part of an RRset: as many as fit (L4)', async (t) => {
  const two = [a('q.', '192.0.2.1'), a('q.', '192.0.2.2')];
  const twoTexts = [
    record('q.', 16, Uint8Array.of(1, 0x61)),
    record('q.', 16, Uint8Array.of(1, 0x62)),
  ];
  const sixes = [aaaa('q.', '2001:db8::1'), aaaa('q.', '2001:db8::2')];
  t.same(shortenAnswer(request('q.', 1), two, 1), two.slice(0, 1));
  t.same(shortenAnswer(request('q.', 28), sixes, 1), sixes.slice(0, 1));
  t.same(shortenAnswer(request('q.', 1, { edns }), two, 1), [], 'with EDNS, whole RRsets');
  t.same(shortenAnswer(request('q.', 16), twoTexts, 1), [], 'of another type, whole RRsets');
});
