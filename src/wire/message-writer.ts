import { RrType } from './codes.ts';
import { HEADER_OCTETS, putUint16, putUint32 } from './header.ts';
import { sameName } from './name.ts';
import type { Rr, Seconds } from './record.ts';

/** A position of the writer, to which it can return. */
export type Mark = number;

/** The fields of the header; the caller counts the records, without the OPT. */
export interface HeaderFields {
  readonly id: number;
  readonly flags: number;
  readonly ancount: number;
  readonly nscount: number;
  readonly arcount: number;
}

/**
 * Writes one message into a buffer of fixed size, with compressed names, and never past its end: work and memory are
 * bounded by what may be sent, not by what a message claims to hold.
 */
export class MessageWriter {
  private readonly room: number;
  private readonly octets: Uint8Array;
  private readonly qname: Uint8Array;
  private at = HEADER_OCTETS;
  /** Suffixes already written, as exact octets: a name keeps its case. */
  private readonly offsets = new Map<string, number>();

  /**
   * @param question - Written octet for octet (L3); it always fits.
   * @param room - The most octets for header, question and records.
   * @param largest - The most octets that one record takes with no name compressed.
   */
  constructor(question: Uint8Array, room: number, largest: number) {
    this.room = room;
    // A record is written before it is known whether compression makes it fit. The buffer is not zeroed, since every
    // octet up to `at` is written. It is not from Node's shared pool: a reply that is kept must not keep others in
    // memory.
    this.octets = Buffer.allocUnsafeSlow(Math.max(room, HEADER_OCTETS + question.length) + largest);
    this.qname = question.subarray(0, question.length - 4);
    this.rememberSuffixes(this.qname, this.qname.length - 1, this.at);
    this.copy(question);
  }

  mark(): Mark {
    return this.at;
  }

  /**
   * Writes `records` up to the first that does not fit.
   *
   * After one that did not fit, only {@link finish} may follow: later names would point into removed octets.
   *
   * @param age - Subtracted from each TTL, which never falls below 0 and never grows (C2).
   * @returns How many fit.
   */
  section(records: readonly Rr[], age: Seconds): number {
    let fit = 0;
    for (const rr of records) {
      const before = this.at;
      this.record(rr, age);
      if (this.at > this.room) {
        this.at = before;
        return fit;
      }
      fit++;
    }
    return fit;
  }

  /**
   * Removes everything after `mark`; then only {@link finish} may follow: later names would point into removed octets.
   */
  rewind(mark: Mark): void {
    this.at = mark;
  }

  /** Completes the message with `opt` as its last record. The writer cannot be used again. */
  finish(header: HeaderFields, opt: Uint8Array): Uint8Array {
    putUint16(this.octets, 0, header.id);
    putUint16(this.octets, 2, header.flags);
    putUint16(this.octets, 4, 1);
    putUint16(this.octets, 6, header.ancount);
    putUint16(this.octets, 8, header.nscount);
    putUint16(this.octets, 10, header.arcount + (opt.length === 0 ? 0 : 1));
    const whole = new Uint8Array(this.at + opt.length);
    whole.set(this.octets.subarray(0, this.at));
    whole.set(opt, this.at);
    return whole;
  }

  private record(rr: Rr, age: Seconds): void {
    this.owner(rr.owner);
    putUint16(this.octets, this.at, rr.type);
    putUint16(this.octets, this.at + 2, rr.klass);
    putUint32(this.octets, this.at + 4, Math.max(0, rr.ttl - Math.max(0, age)));
    this.at += 10;
    const rdataAt = this.at;
    this.rdata(rr);
    putUint16(this.octets, rdataAt - 2, this.at - rdataAt);
  }

  /** An owner equal to the QNAME is always written as a pointer to the question, so that it has the client's case. */
  private owner(name: Uint8Array): void {
    if (name.length > 1 && sameName(name, this.qname)) this.pointer(HEADER_OCTETS);
    else this.name(name);
  }

  private rdata(rr: Rr): void {
    const layout = compressible.get(rr.type);
    if (layout === undefined) {
      this.copy(rr.rdata);
      return;
    }
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
    const text = latin1(name);
    let from = 0;
    while (from < name.length - 1) {
      const offset = this.offsets.get(text.slice(from));
      if (offset !== undefined) {
        this.rememberSuffixes(name, from, this.at, text);
        this.copy(name.subarray(0, from));
        this.pointer(offset);
        return;
      }
      from += 1 + (name[from] ?? 0);
    }
    this.rememberSuffixes(name, name.length - 1, this.at, text);
    this.copy(name);
  }

  /** Remembers the suffixes of `name` that start before `until`; the name was written at `base`. */
  private rememberSuffixes(
    name: Uint8Array,
    until: number,
    base: number,
    text: string = latin1(name),
  ): void {
    let from = 0;
    while (from < until && base + from <= MAX_POINTER) {
      const suffix = text.slice(from);
      if (!this.offsets.has(suffix)) this.offsets.set(suffix, base + from);
      from += 1 + (name[from] ?? 0);
    }
  }

  private pointer(offset: number): void {
    putUint16(this.octets, this.at, 0xc000 | offset);
    this.at += 2;
  }

  private copy(part: Uint8Array): void {
    this.octets.set(part, this.at);
    this.at += part.length;
  }
}

/** RFC 1035 types whose RDATA may be compressed, and how many octets precede the name; no others may (RFC 3597 §4). */
const compressible = new Map<number, { readonly before: number; readonly names: number }>([
  [RrType.NS, { before: 0, names: 1 }],
  [RrType.CNAME, { before: 0, names: 1 }],
  [RrType.PTR, { before: 0, names: 1 }],
  [RrType.MX, { before: 2, names: 1 }],
  [RrType.SOA, { before: 0, names: 2 }],
]);

/** RFC 1035 §4.1.4: an offset has 14 bits. */
const MAX_POINTER = 0x3fff;

/** One character per octet, so that positions in the text are positions in the name. */
function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1');
}

function plainNameEnd(octets: Uint8Array, from: number): number {
  let at = from;
  while ((octets[at] ?? 0) !== 0) at += 1 + (octets[at] ?? 0);
  return at + 1;
}
