import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'tap';
import { Flag, putUint16, readHeader } from '../../src/wire/header.ts';
import { readResponse } from '../../src/wire/message.ts';
import { encodeName } from '../../src/wire/name.ts';
import { readQuestion } from '../../src/wire/question.ts';
import { buildQuery, readRequest } from '../../src/wire/request.ts';
import { WireError } from '../../src/wire/wire-error.ts';
import {
  a,
  message,
  nodata,
  nxdomain,
  queryOctets,
  record,
  recordOctets,
  responseOctets,
  soa,
} from '../support/messages.ts';
import { anyMessage, octets } from './arbitraries.ts';
import { viewOrWireError } from './view-or-wire-error.ts';

const query = queryOctets('git.example.com.', 1, { edns: { dnssecOk: false } });

/** A response with some of its octets replaced, or its end cut off: nearly right, which is what reaches deep. */
const damaged = fc
  .tuple(
    anyMessage(),
    fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 }),
    fc.option(fc.nat(400)),
  )
  .map(([sent, changes, cutAt]) => {
    const packet = responseOctets(query, sent);
    for (const [at, octet] of changes) packet[at % packet.length] = octet;
    return cutAt === null ? packet : packet.slice(0, cutAt);
  });

test('any octets are a view or a WireError', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.oneof(octets(), damaged), (packet) => {
        viewOrWireError(() => readHeader(packet));
        viewOrWireError(() => readQuestion(packet, 12));
        viewOrWireError(() => readRequest(packet));
        viewOrWireError(() => readResponse(packet));
      }),
      { numRuns: 1_000 },
    ),
  );
  t.end();
});

test('every response cut short is refused: nothing is read that is not there', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(anyMessage(3), fc.double({ min: 0, max: 1, noNaN: true }), (sent, part) => {
        const packet = responseOctets(query, sent);
        const cut = packet.subarray(0, Math.floor(part * (packet.length - 1)));
        assert.throws(() => readResponse(cut), WireError);
      }),
    ),
  );
  t.end();
});

test('a response is read as it was sent', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(anyMessage(), (sent) => {
        const {
          message: read,
          edns,
          question,
          truncated,
        } = readResponse(responseOctets(query, sent));
        assert.deepEqual(read, sent);
        assert.equal(edns?.udpOctets, 1232);
        assert.equal(question?.qname, 'git.example.com.');
        assert.equal(truncated, false);
      }),
    ),
  );
  t.end();
});

test('what is read keeps nothing of the packet: the socket may use its buffer again', (t) => {
  const packet = responseOctets(query, message({ answer: [a('git.example.com.', '192.0.2.1')] }));
  const read = readResponse(packet);
  const before = structuredClone(read);
  packet.fill(0xff);
  t.same(read, before);
  t.end();
});

test('TC, AA, AD and a missing question are seen', (t) => {
  const sent = message({ authoritative: true, authenticData: true });
  const cut = readResponse(responseOctets(query, sent, { tc: true }));
  t.equal(cut.truncated, true);
  t.equal(cut.message.authoritative, true);
  t.equal(cut.message.authenticData, true);
  const bare = Uint8Array.of(0, 7, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  const { question, message: error } = readResponse(bare);
  t.equal(question, undefined, 'as old servers send FORMERR');
  t.equal(error.rcode, 1);
  t.end();
});

test('negative answers read as the builders say', (t) => {
  t.equal(readResponse(responseOctets(query, nxdomain('example.com.'))).message.rcode, 3);
  t.same(readResponse(responseOctets(query, nodata('example.com.', 5))).message, {
    ...message(),
    authority: [soa('example.com.', { minimum: 5, ttl: 5 })],
  });
  t.end();
});

test('what is no response is refused', (t) => {
  t.throws(() => readResponse(query), /without QR/);
  const two = responseOctets(query, message());
  putUint16(two, 4, 2);
  t.throws(() => readResponse(two), /questions in a response: 2/);
  t.throws(() => readHeader(new Uint8Array(11)), /shorter than a header: 11/);
  t.end();
});

test('claimed counts are held against what is there, and 2,000 is the end', (t) => {
  const claim = (count: number, records: readonly Uint8Array[]) => {
    const header = Uint8Array.of(0, 1, 0x80, 0, 0, 0, count >> 8, count & 0xff, 0, 0, 0, 0);
    return Buffer.concat([header, ...records]);
  };
  const smallest = recordOctets({ ...a('.', '0.0.0.0'), type: 65_280, rdata: new Uint8Array(0) });
  const many = (count: number) => Array.from({ length: count }, () => smallest);
  t.equal(readResponse(claim(2_000, many(2_000))).message.answer.length, 2_000);
  t.throws(() => readResponse(claim(2_001, many(2_001))), /records claimed: 2001/);
  t.throws(() => readResponse(claim(0xffff, many(5_957))), /records claimed: 65535/);
  t.throws(() => readResponse(claim(2, many(1))), WireError);
  t.end();
});

test('a TTL with the top bit set is 0 (RFC 2181 §8)', (t) => {
  const ttlOf = (ttl: number) =>
    readResponse(responseOctets(query, message({ answer: [a('x.', '192.0.2.1', ttl)] }))).message
      .answer[0]?.ttl;
  t.equal(ttlOf(0x7fffffff), 0x7fffffff);
  t.equal(ttlOf(0x80000000), 0);
  t.equal(ttlOf(0xffffffff), 0);
  t.end();
});

test('OPT: one at most, at the root, in additional, never handed on (RFC 6891 §6.1.1)', (t) => {
  const opt = { ...record('.', 41, new Uint8Array(0), 0), klass: 1232 };
  const read = (sent: Parameters<typeof message>[0]) => () =>
    readResponse(responseOctets(query, message(sent), { edns: false }));
  const one = read({ additional: [opt] })();
  t.same(one.message.additional, []);
  t.equal(one.edns?.udpOctets, 1232);
  t.throws(read({ additional: [opt, opt] }), /OPT records: 2/);
  t.throws(read({ additional: [{ ...opt, owner: encodeName('a.') }] }), /not the root/);
  t.throws(read({ answer: [opt] }), /outside additional/);
  t.throws(read({ authority: [opt] }), /outside additional/);
  const rdata = Uint8Array.of(0, 10, 0, 9, 1);
  t.throws(read({ additional: [{ ...opt, rdata }] }), /run past OPT/);
  t.throws(read({ additional: [{ ...opt, rdata: rdata.slice(0, 3) }] }), /runs past OPT/);
  t.end();
});

test('TSIG belongs to one hop (RFC 8945 §5.3)', (t) => {
  const tsig = { ...record('key.', 250, new Uint8Array(30), 0), klass: 255 };
  const sent = message({ additional: [a('x.', '192.0.2.1'), tsig] });
  const { additional } = readResponse(responseOctets(query, sent)).message;
  t.same(additional, [a('x.', '192.0.2.1')]);
  t.end();
});

test('the twelve bits of an RCODE come from header and OPT (RFC 6891 §6.1.3)', (t) => {
  t.equal(readResponse(responseOctets(query, message({ rcode: 0xabc }))).message.rcode, 0xabc);
  t.end();
});

test('a query carries the question, RD, and CD and OPT as asked', (t) => {
  const asked = { qname: 'git.example.com.', qtype: 28, qclass: 1 };
  const plain = readRequest(buildQuery(asked, { id: 9, checkingDisabled: false, edns: undefined }));
  t.equal(plain.header.id, 9);
  t.equal(plain.header.flags, Flag.RD);
  t.match(plain.question, asked);
  t.equal(plain.edns, undefined);
  const options = { id: 9, checkingDisabled: true, edns: { dnssecOk: true } };
  const full = readRequest(buildQuery(asked, options));
  t.equal(full.checkingDisabled, true);
  t.same(full.edns, { udpOctets: 1232, version: 0, dnssecOk: true, rcodeHigh: 0 });
  t.end();
});

test('a query is read with the case and the octets of its client', (t) => {
  const { question } = readRequest(queryOctets('GIT.Example.'));
  t.equal(question.qname, 'git.example.');
  t.equal(Buffer.from(question.octets).toString('latin1'), '\x03GIT\x07Example\0\0\x01\0\x01');
  t.equal(question.end, 12 + 13 + 4);
  t.end();
});
