import assert from 'node:assert/strict';
import { Packet } from 'dns2';
import fc from 'fast-check';
import { test } from 'tap';
import { RrType } from '../../src/wire/codes.ts';
import { readResponse } from '../../src/wire/message.ts';
import type { Rr } from '../../src/wire/record.ts';
import { renderReply } from '../../src/wire/render.ts';
import { queryOctets, request, responseOctets } from '../support/messages.ts';
import { anyMessage } from './arbitraries.ts';
import { viewOrWireError } from './view-or-wire-error.ts';

/*
 * dns2 is the oracle: a complete codec by others. Where both accept a packet they have to agree, with these differences
 * taken out of the comparison: dns2 reads a TTL with the top bit set as 2^31 - 1 (here 0, RFC 2181 §8 as C2 has it);
 * it does the same to the TTL of OPT, which spoils RCODEs from 2048 up; it keeps OPT and TSIG among the additional records; it
 * joins labels with dots and escapes nothing. It accepts what is refused here: pointers that lead forwards, an OPT in any
 * section, malformed RDATA of types that it has no codec for.
 */

/** A name as dns2 prints it: Latin-1, no last dot. */
function dotted(name: Uint8Array, offset = 0): string {
  const parts: string[] = [];
  for (let at = offset; (name[at] ?? 0) !== 0; at += 1 + (name[at] ?? 0)) {
    parts.push(Buffer.from(name.slice(at + 1, at + 1 + (name[at] ?? 0))).toString('latin1'));
  }
  return parts.join('.');
}

/** What of a record dns2 and this program both know. */
interface Common {
  readonly name: string;
  readonly type: number;
  readonly klass: number;
  readonly ttl: number;
  /** As text, for the types whose RDATA dns2 takes apart. */
  readonly data: string | undefined;
}

const groups = (rdata: Uint8Array) =>
  Buffer.from(rdata)
    .toString('hex')
    .replace(/^(?:0{4})*/, '');

function ours({ owner, type, klass, ttl, rdata }: Rr): Common {
  return { name: dotted(owner), type, klass, ttl, data: ourData(type, rdata) };
}

function ourData(type: number, rdata: Uint8Array): string | undefined {
  if (type === RrType.A) return rdata.join('.');
  if (type === RrType.AAAA) return groups(rdata);
  if (type === RrType.CNAME || type === RrType.PTR || type === RrType.NS) return dotted(rdata);
  if (type === RrType.MX) return dotted(rdata, 2);
  if (type === RrType.SRV) return dotted(rdata, 6);
  if (type === RrType.SOA) return dotted(rdata);
  if (type >= 65_280) return Buffer.from(rdata).toString('hex');
  return undefined;
}

interface Dns2Record {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly address?: string;
  readonly domain?: string;
  readonly ns?: string;
  readonly exchange?: string;
  readonly target?: string;
  readonly primary?: string;
  readonly data?: unknown;
}

function theirs(record: Dns2Record): Common {
  const { name, type, ttl } = record;
  return {
    name,
    type,
    klass: record.class,
    ttl: ttl === 0x7fffffff ? 0 : ttl,
    data: theirData(record),
  };
}

function theirData({ type, address, domain, ns, exchange, target, primary, data }: Dns2Record) {
  if (type === RrType.AAAA) return groups(ipv6(address ?? ''));
  if (type >= 65_280 && Buffer.isBuffer(data)) return data.toString('hex');
  return address ?? domain ?? ns ?? exchange ?? target ?? primary;
}

function ipv6(text: string): Uint8Array {
  const [head = '', tail] = text.split('::').map((part) => part.split(':').filter(Boolean));
  const back = tail ?? [];
  const middle = Array.from({ length: 8 - head.length - back.length }, () => '0');
  const hex = [...head, ...middle, ...back].map((group) => group.padStart(4, '0'));
  return Buffer.from(hex.join(''), 'hex');
}

/** The additional records as dns2 sees them, without those that belong to one hop. */
const handedOn = (records: readonly Dns2Record[]) =>
  records.filter(({ type }) => type !== RrType.OPT && type !== RrType.TSIG).map(theirs);

/** @returns Whether both accepted the packet. */
function compare(packet: Uint8Array): boolean {
  const read = viewOrWireError(() => readResponse(packet));
  const parsed = Packet.parse(Buffer.from(packet));
  if (read === undefined || parsed.errors.length > 0) return false;
  const level = (rr: Rr) => ours(rr.ttl === 0x7fffffff ? { ...rr, ttl: 0 } : rr);
  assert.equal(parsed.header.id, read.header.id);
  if (read.message.rcode < 0x800) assert.equal(parsed.header.rcode, read.message.rcode);
  assert.equal(Boolean(parsed.header.aa), read.message.authoritative);
  assert.equal(Boolean(parsed.header.tc), read.truncated);
  assert.equal(parsed.questions[0]?.name, read.question && dotted(read.question.octets));
  assert.equal(parsed.questions[0]?.type, read.question?.qtype);
  assert.deepEqual(parsed.answers.map(theirs), read.message.answer.map(level));
  assert.deepEqual(parsed.authorities.map(theirs), read.message.authority.map(level));
  assert.deepEqual(handedOn(parsed.additionals), read.message.additional.map(level));
  return true;
}

const query = queryOctets('git.example.com.', 1, { edns: { dnssecOk: false } });

test('dns2 reads what is sent here, and both read the same', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(anyMessage(), (sent) => {
        assert.ok(compare(responseOctets(query, sent)), 'both accept');
      }),
    ),
  );
  t.end();
});

test('dns2 reads what is rendered here, compressed', (t) => {
  const client = request('a.COM.', 1, { edns: { dnssecOk: true } });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(anyMessage(), (sent) => {
        assert.ok(compare(renderReply(client, sent, { age: 0, limit: 0xffff })), 'both accept');
      }),
    ),
  );
  t.end();
});

test('damaged packets that both accept are read the same', (t) => {
  let agreed = 0;
  const change = fc.tuple(fc.nat(500), fc.nat(255));
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        anyMessage(),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        (sent, changes) => {
          const client = request('a.COM.', 1);
          const packet = renderReply(client, sent, { age: 0, limit: 0xffff });
          for (const [at, octet] of changes) packet[at % packet.length] = octet;
          if (compare(packet)) agreed++;
        },
      ),
      { numRuns: 500 },
    ),
  );
  t.ok(agreed > 50, `${agreed} packets compared`);
  t.end();
});

test('what dns2 writes is read here', (t) => {
  const packet = new Packet();
  packet.header.id = 77;
  packet.header.qr = 1;
  packet.questions.push(new Packet.Question('git.example.com', 1, 1));
  for (const address of ['192.0.2.1', '192.0.2.2']) {
    packet.answers.push(
      new Packet.Resource({ name: 'git.example.com', type: 1, class: 1, ttl: 60, address }),
    );
  }
  const octets = packet.toBuffer();
  t.ok(octets.length < 70, 'dns2 compresses');
  t.ok(compare(octets));
  t.equal(readResponse(octets).message.answer.length, 2);
  t.end();
});
