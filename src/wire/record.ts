import { RrType } from './codes.ts';
import { uint16, uint32 } from './header.ts';
import { readName, skipName } from './name.ts';
import { WireError } from './wire-error.ts';

/** A TTL, or what is taken off one. */
export type Seconds = number;

/** A resource record that stands on its own: nothing in it points into a message. */
export interface Rr {
  /** Wire octets, no compression, the sender's case. */
  readonly owner: Uint8Array;
  readonly type: number;
  readonly klass: number;
  /** Seconds; the top bit set has been read as 0 (RFC 2181 §8). */
  readonly ttl: number;
  /** Names in it are written out, where the type may hold compressed ones (RFC 3597 §4). */
  readonly rdata: Uint8Array;
}

/** Where a record's parts stand in its message, before anything is copied. */
export interface RrSpan {
  readonly start: number;
  readonly type: number;
  readonly klass: number;
  /** As on the wire: OPT keeps flags here. */
  readonly ttl: number;
  readonly rdataAt: number;
  readonly rdlength: number;
  readonly end: number;
}

/** TYPE, CLASS, TTL and RDLENGTH (RFC 1035 §4.1.3). */
const FIXED_OCTETS = 10;

/** @throws {WireError} If the record that starts at `offset` runs past the message. */
export function spanRecord(octets: Uint8Array, offset: number): RrSpan {
  const fixed = skipName(octets, offset);
  const rdataAt = fixed + FIXED_OCTETS;
  if (rdataAt > octets.length) throw new WireError(`record at ${offset} runs past the message`);
  const rdlength = uint16(octets, fixed + 8);
  const end = rdataAt + rdlength;
  if (end > octets.length)
    throw new WireError(`RDATA at ${rdataAt} runs past the message: ${rdlength}`);
  return {
    start: offset,
    type: uint16(octets, fixed),
    klass: uint16(octets, fixed + 2),
    ttl: uint32(octets, fixed + 4),
    rdataAt,
    rdlength,
    end,
  };
}

/** @throws {WireError} If a name in the record is malformed, or an address is not as long as its type says. */
export function readRecord(octets: Uint8Array, span: RrSpan): Rr {
  return {
    owner: readName(octets, span.start),
    type: span.type,
    klass: span.klass,
    ttl: span.ttl > 0x7fffffff ? 0 : span.ttl,
    rdata: readRdata(octets, span),
  };
}

/**
 * How RDATA is laid out where it may hold compressed names: how many fixed octets, then how many names; what is left is
 * copied. RFC 3597 §4 allows compression for the types of RFC 1035 and asks to understand it in the others here.
 */
const layouts = new Map<number, { readonly before: number; readonly names: number }>([
  [RrType.NS, { before: 0, names: 1 }],
  [RrType.MD, { before: 0, names: 1 }],
  [RrType.MF, { before: 0, names: 1 }],
  [RrType.CNAME, { before: 0, names: 1 }],
  [RrType.SOA, { before: 0, names: 2 }],
  [RrType.MB, { before: 0, names: 1 }],
  [RrType.MG, { before: 0, names: 1 }],
  [RrType.MR, { before: 0, names: 1 }],
  [RrType.PTR, { before: 0, names: 1 }],
  [RrType.MINFO, { before: 0, names: 2 }],
  [RrType.MX, { before: 2, names: 1 }],
  [RrType.RP, { before: 0, names: 2 }],
  [RrType.AFSDB, { before: 2, names: 1 }],
  [RrType.RT, { before: 2, names: 1 }],
  [RrType.SIG, { before: 18, names: 1 }],
  [RrType.PX, { before: 2, names: 2 }],
  [RrType.NXT, { before: 0, names: 1 }],
  [RrType.SRV, { before: 6, names: 1 }],
  [RrType.KX, { before: 2, names: 1 }],
  [RrType.DNAME, { before: 0, names: 1 }],
]);

/** RFC 1035 §3.4.1, RFC 3596 §2.2: RDATA of one length only. */
const addressOctets = new Map<number, number>([
  [RrType.A, 4],
  [RrType.AAAA, 16],
]);

function readRdata(octets: Uint8Array, span: RrSpan): Uint8Array {
  const wanted = addressOctets.get(span.type);
  if (wanted !== undefined && wanted !== span.rdlength) {
    throw new WireError(`address at ${span.rdataAt} is not ${wanted} octets: ${span.rdlength}`);
  }
  const layout = layouts.get(span.type);
  if (layout === undefined) return octets.slice(span.rdataAt, span.end);
  const parts: Uint8Array[] = [];
  let at = span.rdataAt + layout.before;
  parts.push(octets.subarray(span.rdataAt, at));
  for (let i = 0; i < layout.names; i++) {
    if (at >= span.end) throw new WireError(`RDATA at ${span.rdataAt} ends before its name`);
    parts.push(readName(octets, at));
    at = skipName(octets, at);
  }
  if (at > span.end) throw new WireError(`name in RDATA at ${span.rdataAt} runs past it`);
  parts.push(octets.subarray(at, span.end));
  return concat(parts);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
