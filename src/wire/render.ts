import { RrType } from './codes.ts';
import { EDNS_UDP_OCTETS, type Ede, optRecord } from './edns.ts';
import { Flag, HEADER_OCTETS, putUint16, putUint32, uint16 } from './header.ts';
import type { Message } from './message.ts';
import type { Rr } from './record.ts';
import type { Request } from './request.ts';

/** How a message is put for one client. */
export interface RenderOptions {
  /** Seconds since the message was fresh: taken off each TTL, never below 0. */
  readonly age: number;
  /** The most octets the reply may have. */
  readonly limit: number;
  /** Sent to clients with EDNS only. */
  readonly ede?: Ede | undefined;
}

/** RFC 1035 §4.2.1: what a client without EDNS takes over UDP. */
const PLAIN_UDP_OCTETS = 512;
/** Over TCP the two-octet length is the limit. */
export const TCP_OCTETS = 0xffff;

/** How large a UDP reply to this client may be: its own size, but never past what every path carries (L4). */
export function udpLimit(request: Request): number {
  return Math.min(request.edns?.udpOctets ?? PLAIN_UDP_OCTETS, EDNS_UDP_OCTETS);
}

/**
 * The octets that answer `request`: its ID, question and flags, RA set (L3), names compressed.
 *
 * What is too large loses additional records, then authority, then whole RRsets from the end; only the loss of an
 * answer sets TC (L4, RFC 2181 §9).
 */
export function renderReply(
  request: Request,
  message: Message,
  options: RenderOptions,
): Uint8Array {
  const whole = new Writer(request, message, options).write(message);
  if (whole.length <= options.limit) return whole;
  const bare = { ...message, additional: [] };
  const answerOnly = { ...bare, authority: [] };
  for (const smaller of [bare, answerOnly]) {
    const octets = new Writer(request, smaller, options).write(smaller);
    if (octets.length <= options.limit) return octets;
  }
  return truncate(request, answerOnly, options);
}

/** A reply without records: an RCODE of ours to a question that was understood. */
export function renderError(request: Request, rcode: number): Uint8Array {
  const message = { ...EMPTY, rcode };
  return new Writer(request, message, { age: 0, limit: PLAIN_UDP_OCTETS }).write(message);
}

/** An empty NOERROR, for what is built on it. */
export const EMPTY: Message = {
  rcode: 0,
  authoritative: false,
  authenticData: false,
  answer: [],
  authority: [],
  additional: [],
};

/** Drops RRsets from the end of the answer until the rest fits: part of an RRset is never sent (RFC 2181 §5, §9). */
function truncate(request: Request, message: Message, options: RenderOptions): Uint8Array {
  const sets = rrsets(message.answer);
  for (;;) {
    sets.pop();
    const shorter = { ...message, answer: sets.flat() };
    const octets = new Writer(request, shorter, options).write(shorter);
    if (octets.length > options.limit && sets.length > 0) continue;
    putUint16(octets, 2, uint16(octets, 2) | Flag.TC);
    return octets;
  }
}

/** Runs of records with one owner and type, in their order. */
function rrsets(records: readonly Rr[]): Rr[][] {
  const sets: Rr[][] = [];
  let last: Rr | undefined;
  for (const rr of records) {
    const same = last !== undefined && last.type === rr.type && sameOctets(last.owner, rr.owner);
    if (same) sets.at(-1)?.push(rr);
    else sets.push([rr]);
    last = rr;
  }
  return sets;
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** RFC 1035 types whose RDATA may be compressed, and how many octets stand before the name; no others may (RFC 3597 §4). */
const compressible = new Map<number, { readonly before: number; readonly names: number }>([
  [RrType.NS, { before: 0, names: 1 }],
  [RrType.CNAME, { before: 0, names: 1 }],
  [RrType.PTR, { before: 0, names: 1 }],
  [RrType.MX, { before: 2, names: 1 }],
  [RrType.SOA, { before: 0, names: 2 }],
]);

const OPAQUE = { before: 0, names: 0 };

/** RFC 1035 §4.1.4: an offset has 14 bits. */
const MAX_POINTER = 0x3fff;

class Writer {
  private readonly request: Request;
  private readonly options: RenderOptions;
  private readonly opt: Uint8Array;
  private octets: Buffer;
  private at = HEADER_OCTETS;
  /** Suffixes already written, as exact octets: a name keeps its case. */
  private readonly offsets = new Map<string, number>();
  private readonly qname: string;

  constructor(request: Request, message: Message, options: RenderOptions) {
    this.request = request;
    this.options = options;
    this.opt =
      request.edns === undefined
        ? new Uint8Array(0)
        : optRecord({ rcode: message.rcode, dnssecOk: request.edns.dnssecOk, ede: options.ede });
    const question = Buffer.from(request.question.octets);
    this.qname = question.toString('latin1', 0, question.length - 4).toLowerCase();
    this.octets = Buffer.alloc(
      Math.max(PLAIN_UDP_OCTETS, upperBound(message, question.length + this.opt.length)),
    );
  }

  write(message: Message): Uint8Array {
    const { header, question } = this.request;
    putUint16(this.octets, 0, header.id);
    putUint16(this.octets, 2, this.flags(message));
    putUint16(this.octets, 4, 1);
    putUint16(this.octets, 6, message.answer.length);
    putUint16(this.octets, 8, message.authority.length);
    putUint16(this.octets, 10, message.additional.length + (this.opt.length === 0 ? 0 : 1));
    const qname = question.octets.subarray(0, question.octets.length - 4);
    this.rememberSuffixes(qname, qname.length - 1, this.at);
    this.copy(question.octets);
    for (const rr of message.answer) this.record(rr);
    for (const rr of message.authority) this.record(rr);
    for (const rr of message.additional) this.record(rr);
    this.copy(this.opt);
    return this.octets.subarray(0, this.at);
  }

  private flags(message: Message): number {
    const { recursionDesired, checkingDisabled, header } = this.request;
    // RFC 6840 §5.8: AD goes only to a client that shows it understands it.
    const wantsAd = (header.flags & Flag.AD) !== 0 || this.request.edns?.dnssecOk === true;
    return (
      Flag.QR |
      Flag.RA |
      (message.authoritative ? Flag.AA : 0) |
      (recursionDesired ? Flag.RD : 0) |
      (message.authenticData && wantsAd ? Flag.AD : 0) |
      (checkingDisabled ? Flag.CD : 0) |
      (message.rcode & 0xf)
    );
  }

  private record(rr: Rr): void {
    this.owner(rr.owner);
    putUint16(this.octets, this.at, rr.type);
    putUint16(this.octets, this.at + 2, rr.klass);
    putUint32(this.octets, this.at + 4, Math.max(0, rr.ttl - this.options.age));
    this.at += 10;
    const rdataAt = this.at;
    this.rdata(rr);
    putUint16(this.octets, rdataAt - 2, this.at - rdataAt);
  }

  /** The QNAME as owner is always written as a pointer to the question, so that it has the client's case. */
  private owner(name: Uint8Array): void {
    if (
      name.length === this.qname.length &&
      latin1(name).toLowerCase() === this.qname &&
      name.length > 1
    ) {
      putUint16(this.octets, this.at, 0xc000 | HEADER_OCTETS);
      this.at += 2;
    } else {
      this.name(name);
    }
  }

  private rdata(rr: Rr): void {
    const layout = compressible.get(rr.type) ?? OPAQUE;
    let from = layout.before;
    this.copy(rr.rdata.subarray(0, from));
    for (let i = 0; i < layout.names; i++) {
      const end = plainNameEnd(rr.rdata, from);
      this.name(rr.rdata.subarray(from, end));
      from = end;
    }
    this.copy(rr.rdata.subarray(from));
  }

  private name(name: Uint8Array): void {
    let from = 0;
    while (from < name.length - 1) {
      const offset = this.offsets.get(latin1(name.subarray(from)));
      if (offset !== undefined) {
        this.rememberSuffixes(name, from, this.at);
        this.copy(name.subarray(0, from));
        putUint16(this.octets, this.at, 0xc000 | offset);
        this.at += 2;
        return;
      }
      from += 1 + (name[from] ?? 0);
    }
    this.rememberSuffixes(name, name.length - 1, this.at);
    this.copy(name);
  }

  /** Notes the suffixes of `name` that start before `until`, `name` standing at `base`. */
  private rememberSuffixes(name: Uint8Array, until: number, base: number): void {
    let from = 0;
    while (from < until && base + from <= MAX_POINTER) {
      const suffix = latin1(name.subarray(from));
      if (!this.offsets.has(suffix)) this.offsets.set(suffix, base + from);
      from += 1 + (name[from] ?? 0);
    }
  }

  private copy(part: Uint8Array): void {
    this.octets.set(part, this.at);
    this.at += part.length;
  }
}

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1');
}

function plainNameEnd(octets: Uint8Array, from: number): number {
  let at = from;
  while ((octets[at] ?? 0) !== 0) at += 1 + (octets[at] ?? 0);
  return at + 1;
}

/** How many octets the message has with no name compressed. */
function upperBound(message: Message, rest: number): number {
  let sum = HEADER_OCTETS + rest;
  for (const section of [message.answer, message.authority, message.additional]) {
    for (const rr of section) sum += rr.owner.length + 10 + rr.rdata.length;
  }
  return sum;
}
