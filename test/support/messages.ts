import { isIPv4 } from 'node:net';
import { Rcode, RrClass, RrType } from '../../src/wire/codes.ts';
import { optRecord } from '../../src/wire/edns.ts';
import { Flag, putUint16, putUint32 } from '../../src/wire/header.ts';
import type { Message } from '../../src/wire/message.ts';
import { encodeName } from '../../src/wire/name.ts';
import type { Question } from '../../src/wire/question.ts';
import type { Rr, Seconds } from '../../src/wire/record.ts';
import {
  buildQuery,
  type QueryOptions,
  type Request,
  readRequest,
} from '../../src/wire/request.ts';

/** What the program builds with {@link EMPTY}, said shortly: `message({ answer: [a('x.', '192.0.2.1')] })`. */
export function message(parts: Partial<Message> = {}): Message {
  return {
    rcode: Rcode.NOERROR,
    authoritative: false,
    authenticData: false,
    answer: [],
    authority: [],
    additional: [],
    ...parts,
  };
}

/** The name does not exist; the SOA of `zone` says for how long. */
export function nxdomain(zone: string, minimum: Seconds = 30): Message {
  return message({ rcode: Rcode.NXDOMAIN, authority: [soa(zone, { minimum })] });
}

/** The name exists without this type. */
export function nodata(zone: string, minimum: Seconds = 30): Message {
  return message({ authority: [soa(zone, { minimum })] });
}

export function a(owner: string, address: string, ttl: Seconds = 60): Rr {
  return record(owner, RrType.A, addressOctets(address), ttl);
}

export function aaaa(owner: string, address: string, ttl: Seconds = 60): Rr {
  return record(owner, RrType.AAAA, addressOctets(address), ttl);
}

export function cname(owner: string, target: string, ttl: Seconds = 60): Rr {
  return record(owner, RrType.CNAME, encodeName(target), ttl);
}

/** @param options.ttl - As `minimum` unless told otherwise, which is what most zones have. */
export function soa(
  zone: string,
  {
    minimum = 30,
    ttl = minimum,
    serial = 1,
  }: { minimum?: Seconds; ttl?: Seconds; serial?: number } = {},
): Rr {
  const numbers = new Uint8Array(20);
  [serial, 7200, 1800, 86_400, minimum].forEach((number, i) => {
    putUint32(numbers, 4 * i, number);
  });
  const under = (label: string) => encodeName(zone === '.' ? label : `${label}.${zone}`);
  const rdata = Buffer.concat([under('ns.dns'), under('hostmaster'), numbers]);
  return record(zone, RrType.SOA, rdata, ttl);
}

/** A record of any type in class IN. @param rdata - As on the wire, without compression. */
export function record(owner: string, type: number, rdata: Uint8Array, ttl: Seconds = 60): Rr {
  // A plain Uint8Array, as the reader gives it: a Buffer would not compare equal.
  return { owner: encodeName(owner), type, klass: RrClass.IN, ttl, rdata: Uint8Array.from(rdata) };
}

/** The octets of a client's query; without OPT unless `edns` is there, as musl and glibc send it. */
export function queryOctets(
  qname: string,
  qtype: number = RrType.A,
  { id = 0x1234, checkingDisabled = false, edns }: Partial<QueryOptions> = {},
): Uint8Array {
  // The name goes in as it is written: buildQuery does not change its case.
  const question = { qname, qtype, qclass: RrClass.IN };
  return buildQuery(question, { id, checkingDisabled, edns });
}

/** The same as the listener reads it. */
export function request(...query: Parameters<typeof queryOctets>): Request {
  return readRequest(queryOctets(...query));
}

/** How a scripted upstream departs from a plain honest reply. */
export interface ResponseOptions {
  /** TC set; the records stay. */
  readonly tc?: boolean;
  /** RA; set unless told otherwise. */
  readonly ra?: boolean;
  /** Whether there is an OPT; as in the query unless told otherwise. */
  readonly edns?: boolean;
  /** In place of the query's. */
  readonly id?: number;
  /** In place of the query's. */
  readonly question?: Question;
}

/**
 * What an upstream sends back: nothing compressed, each record as it is given, so that nothing here depends on the
 * renderer that is under test.
 */
export function responseOctets(
  query: Uint8Array | { readonly id: number; readonly question: Question },
  { rcode, answer, authority, additional, ...more }: Message,
  options: ResponseOptions = {},
): Uint8Array {
  const asked = query instanceof Uint8Array ? readQuery(query) : { ...query, edns: false };
  const edns = options.edns ?? asked.edns;
  const header = new Uint8Array(12);
  putUint16(header, 0, options.id ?? asked.id);
  putUint16(
    header,
    2,
    Flag.QR |
      Flag.RD |
      (options.ra === false ? 0 : Flag.RA) |
      (options.tc === true ? Flag.TC : 0) |
      (more.authoritative ? Flag.AA : 0) |
      (more.authenticData ? Flag.AD : 0) |
      (rcode & 0xf),
  );
  const counts = [1, answer.length, authority.length, additional.length + (edns ? 1 : 0)];
  counts.forEach((count, i) => {
    putUint16(header, 4 + 2 * i, count);
  });
  const records = [...answer, ...authority, ...additional].map(recordOctets);
  const opt = edns ? [optRecord({ rcode, dnssecOk: false })] : [];
  const question = questionOctets(options.question ?? asked.question);
  return Uint8Array.from(Buffer.concat([header, question, ...records, ...opt]));
}

/** A record as it stands in a message, nothing compressed. */
export function recordOctets({ owner, type, klass, ttl, rdata }: Rr): Uint8Array {
  const fixed = new Uint8Array(10);
  putUint16(fixed, 0, type);
  putUint16(fixed, 2, klass);
  putUint32(fixed, 4, ttl);
  putUint16(fixed, 8, rdata.length);
  return Buffer.concat([owner, fixed, rdata]);
}

/** An address as RDATA: 4 or 16 octets. */
export function addressOctets(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number);
  const [head = '', tail] = address.split('::');
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((hex) => Number(`0x${hex}`));
  const before = groups(head);
  const after = groups(tail ?? '');
  const octets = new Uint8Array(16);
  before.forEach((group, i) => {
    putUint16(octets, 2 * i, group);
  });
  after.forEach((group, i) => {
    putUint16(octets, 16 - 2 * (after.length - i), group);
  });
  return octets;
}

function readQuery(octets: Uint8Array): { id: number; question: Question; edns: boolean } {
  const { header, question, edns } = readRequest(octets);
  return { id: header.id, question, edns: edns !== undefined };
}

/** A question that was read goes back octet for octet, so that the client's case survives. */
function questionOctets(question: Question & { octets?: Uint8Array }): Uint8Array {
  if (question.octets !== undefined) return question.octets;
  const name = encodeName(question.qname);
  const octets = new Uint8Array(name.length + 4);
  octets.set(name);
  putUint16(octets, name.length, question.qtype);
  putUint16(octets, name.length + 2, question.qclass);
  return octets;
}
