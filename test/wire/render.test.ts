import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'tap';
import { Rcode } from '../../src/wire/codes.ts';
import { Flag, HEADER_OCTETS, uint16 } from '../../src/wire/header.ts';
import { type Message, readResponse } from '../../src/wire/message.ts';
import { sameName } from '../../src/wire/name.ts';
import type { Rr } from '../../src/wire/record.ts';
import { EMPTY, renderError, renderReply, TCP_OCTETS, udpLimit } from '../../src/wire/render.ts';
import { type Request, readRequest } from '../../src/wire/request.ts';
import { a, cname, message, queryOctets, record, request, soa } from '../support/messages.ts';
import { anyMessage, question } from './arbitraries.ts';

const edns = { dnssecOk: false };
const whole = { age: 0, limit: TCP_OCTETS };

/** A client's query of any question, any flags that a query may have, with or without OPT. */
const anyRequest: fc.Arbitrary<Request> = fc
  .record({
    id: fc.nat(0xffff),
    flags: fc.constantFrom(0, Flag.RD, Flag.CD, Flag.RD | Flag.AD, Flag.RD | Flag.CD | Flag.AD),
    asked: question,
    opt: fc.option(fc.record({ udpOctets: fc.nat(4096), dnssecOk: fc.boolean() })),
  })
  .map(({ id, flags, asked, opt }) => {
    const header = [id >> 8, id & 0xff, flags >> 8, flags & 0xff, 0, 1, 0, 0, 0, 0, 0, opt ? 1 : 0];
    const { udpOctets = 0, dnssecOk = false } = opt ?? {};
    const size = [udpOctets >> 8, udpOctets & 0xff];
    const record = opt ? [0, 0, 41, ...size, 0, 0, dnssecOk ? 0x80 : 0, 0, 0, 0] : [];
    return readRequest(Uint8Array.from([...header, ...asked, ...record]));
  });

const qnameOf = ({ question: { octets } }: Request) => octets.slice(0, octets.length - 4);

/** A record as its client must see it: an owner that is the QNAME in the client's own case. */
const seenBy =
  (client: Request, age = 0) =>
  (rr: Rr): Rr => ({
    ...rr,
    owner: sameName(rr.owner, qnameOf(client)) ? qnameOf(client) : rr.owner,
    ttl: Math.max(0, rr.ttl - age),
  });

test('the question comes back byte for byte, with ID, QR and RA (L3)', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(anyRequest, anyMessage(), (client, answer) => {
        for (const reply of [
          renderReply(client, answer, { age: 0, limit: udpLimit(client) }),
          renderError(client, Rcode.SERVFAIL),
        ]) {
          const read = readResponse(reply);
          assert.equal(read.header.id, client.header.id);
          assert.equal(read.header.qdcount, 1);
          assert.deepEqual(read.question?.octets, client.question.octets);
          const set = Flag.QR | Flag.RA;
          assert.equal(read.header.flags & set, set);
          assert.equal(read.header.opcode, 0);
          const echoed = Flag.RD | Flag.CD;
          assert.equal(read.header.flags & echoed, client.header.flags & echoed);
        }
      }),
    ),
  );
  t.end();
});

test('what is rendered reads back as the same records, in the same order, the case of names kept', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(anyRequest, anyMessage(), (client, sent) => {
        const reply = readResponse(renderReply(client, sent, whole));
        const see = seenBy(client);
        assert.deepEqual(reply.message.answer, sent.answer.map(see));
        assert.deepEqual(reply.message.authority, sent.authority.map(see));
        assert.deepEqual(reply.message.additional, sent.additional.map(see));
        assert.equal(reply.message.authoritative, sent.authoritative);
        assert.equal(reply.truncated, false);
      }),
    ),
  );
  t.end();
});

test('an owner equal to the QNAME takes the case of the client, other names keep their own', (t) => {
  const sent = message({
    answer: [cname('git.example.com.', 'LB.Example.com.'), a('LB.Example.com.', '192.0.2.1')],
  });
  const { answer } = readResponse(renderReply(request('GIT.example.COM.'), sent, whole)).message;
  const text = (octets: Uint8Array | undefined) => Buffer.from(octets ?? []).toString('latin1');
  t.equal(text(answer[0]?.owner), '\x03GIT\x07example\x03COM\0');
  t.equal(text(answer[0]?.rdata), '\x02LB\x07Example\x03com\0');
  t.equal(text(answer[1]?.owner), '\x02LB\x07Example\x03com\0');
  t.end();
});

test('a QNAME that differs only in Latin-1 letters is another name (RFC 4343)', (t) => {
  const other = a('\\225.example.', '192.0.2.1');
  const sent = message({ answer: [other] });
  const reply = readResponse(renderReply(request('\\193.example.'), sent, whole));
  t.same(reply.message.answer, [other]);
  t.end();
});

test('names are compressed: a suffix that stands already is pointed to (RFC 1035 §4.1.4)', (t) => {
  const answer = [1, 2, 3].map((host) => a('lb.example.com.', `192.0.2.${host}`));
  const sent = message({ answer: [cname('git.example.com.', 'lb.example.com.'), ...answer] });
  const reply = renderReply(request('git.example.com.'), sent, whole);
  const alias = 2 + 10 + 3 + 2;
  const address = 2 + 10 + 4;
  t.equal(reply.length, HEADER_OCTETS + 17 + 4 + alias + 3 * address);
  t.end();
});

test('a suffix past 16 KiB cannot be pointed to, and is written out', (t) => {
  const late = [a('a.late.example.', '192.0.2.2'), a('b.late.example.', '192.0.2.3')];
  // Octet by octet across the last offset that 14 bits can say.
  for (let size = 0x3fff - 60; size < 0x3fff; size++) {
    const filler = record('x.', 65_280, new Uint8Array(size));
    const sent = message({ answer: [filler, ...late] });
    const reply = readResponse(renderReply(request('x.'), sent, whole));
    t.strictSame(reply.message.answer.slice(-2), late, `${size} octets before`);
  }
  t.end();
});

test('RDATA of types newer than RFC 1035 is not compressed (RFC 3597 §4)', (t) => {
  const target = Uint8Array.of(3, 0x67, 0x69, 0x74, 0);
  const sent = message({
    answer: [
      { ...a('git.', '192.0.2.1'), type: 33, rdata: Uint8Array.of(0, 1, 0, 2, 0, 3, ...target) },
    ],
  });
  const reply = renderReply(request('git.', 33), sent, whole);
  t.same(Uint8Array.from(reply.slice(-target.length)), target);
  t.end();
});

test('TTLs age, never below 0, and never grow (C2)', (t) => {
  const age = fc.oneof(fc.integer({ min: -100, max: 100 }), fc.nat(0x7fffffff));
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(anyRequest, anyMessage(), age, (client, sent, seconds) => {
        const options = { age: seconds, limit: TCP_OCTETS };
        const reply = readResponse(renderReply(client, sent, options)).message;
        const see = seenBy(client, Math.max(0, seconds));
        assert.deepEqual(reply.answer, sent.answer.map(see));
        assert.deepEqual(reply.authority, sent.authority.map(see));
        assert.deepEqual(reply.additional, sent.additional.map(see));
      }),
    ),
  );
  t.end();
});

test('an OPT comes back to who sent one and to nobody else, with its DO (RFC 6891 §7)', (t) => {
  const ede = { code: 3, text: 'stale' };
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(anyRequest, anyMessage(), fc.boolean(), (client, sent, explained) => {
        const options = { age: 0, limit: udpLimit(client), ede: explained ? ede : undefined };
        for (const reply of [
          readResponse(renderReply(client, sent, options)),
          readResponse(renderError(client, Rcode.REFUSED)),
        ]) {
          assert.equal(reply.edns?.dnssecOk, client.edns?.dnssecOk);
          assert.equal(reply.edns?.version, client.edns === undefined ? undefined : 0);
        }
      }),
    ),
  );
  t.end();
});

test('an EDE goes to a client with EDNS, byte for byte (RFC 8914 §2)', (t) => {
  const ede = { code: 22, text: 'no' };
  const option = [0, 15, 0, 4, 0, 22, 0x6e, 0x6f];
  const reply = renderReply(request('a.', 1, { edns }), EMPTY, { ...whole, ede });
  t.same([...reply.slice(-option.length)], option);
  const plain = renderReply(request('a.'), EMPTY, { ...whole, ede });
  t.equal(plain.length, HEADER_OCTETS + 3 + 4);
  t.end();
});

test('an RCODE past 15 needs OPT: without it the client is told SERVFAIL (RFC 6891 §6.1.3)', (t) => {
  const badvers = { ...EMPTY, rcode: Rcode.BADVERS };
  const withOpt = readResponse(renderReply(request('a.', 1, { edns }), badvers, whole));
  t.equal(withOpt.message.rcode, Rcode.BADVERS);
  const without = readResponse(renderReply(request('a.'), badvers, whole));
  t.equal(without.message.rcode, Rcode.SERVFAIL);
  t.equal(readResponse(renderError(request('a.', 1, { edns }), 16)).message.rcode, 16);
  t.end();
});

test('every RCODE of the header reaches a client without OPT too', (t) => {
  for (let rcode = 0; rcode <= 0xf; rcode++) {
    t.equal(
      readResponse(renderReply(request('a.'), { ...EMPTY, rcode }, whole)).message.rcode,
      rcode,
    );
  }
  t.end();
});

test('what upstream cut short is cut short for the client too (RFC 1035 §4.1.1)', (t) => {
  const cut = (sent: Message) => readResponse(renderReply(request('a.'), sent, whole)).truncated;
  t.equal(cut({ ...EMPTY, truncated: true }), true);
  t.equal(cut(EMPTY), false);
  t.end();
});

test('an answer of ours claims no authority (RFC 1035 §4.1.1: AA)', (t) => {
  const { header } = readResponse(renderError(request('a.'), Rcode.REFUSED));
  t.equal(header.flags & Flag.AA, 0);
  t.end();
});

test('AD reaches a client that shows that it understands it (RFC 6840 §5.8)', (t) => {
  const secure: Message = { ...EMPTY, authenticData: true };
  const ad = (client: Request, sent: Message) =>
    readResponse(renderReply(client, sent, whole)).message.authenticData;
  const octets = queryOctets('a.');
  octets[3] = (octets[3] ?? 0) | Flag.AD;
  t.equal(ad(readRequest(octets), secure), true);
  t.equal(ad(request('a.', 1, { edns: { dnssecOk: true } }), secure), true);
  t.equal(ad(request('a.', 1, { edns }), secure), false);
  t.equal(ad(readRequest(octets), EMPTY), false, 'never of our own accord');
  t.end();
});

test('over UDP a client gets what it asked for, 512 without EDNS, and 1232 at most (L4)', (t) => {
  const client = (udpOctets: number) => ({
    ...request('a.'),
    edns: { udpOctets, version: 0, dnssecOk: false, rcodeHigh: 0 },
  });
  t.equal(udpLimit(request('a.')), 512);
  t.equal(udpLimit(client(512)), 512);
  t.equal(udpLimit(client(1_000)), 1_000);
  t.equal(udpLimit(client(4_096)), 1_232);
  t.end();
});

test('rendering changes neither message nor request', (t) => {
  const client = request('git.example.com.');
  const sent = message({
    answer: [a('git.example.com.', '192.0.2.1')],
    authority: [soa('example.com.')],
  });
  const before = structuredClone({ client, sent });
  const reply = renderReply(client, sent, { age: 7, limit: 512 });
  reply.fill(0);
  t.same({ client, sent }, before);
  t.equal(uint16(renderReply(client, sent, { age: 7, limit: 512 }), 6), 1);
  t.end();
});
