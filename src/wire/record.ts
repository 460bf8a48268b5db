import { RrType } from './codes.ts';
import { uint16, uint32 } from './header.ts';
import { readName, skipName } from './name.ts';
import { WireError } from './wire-error.ts';

/** A TTL, or an amount to subtract from one. */
export type Seconds = number;

/** A resource record that is independent of its message: none of its names points into one. */
export interface Rr {
  /** Wire octets, no compression, the sender's case. */
  readonly owner: Uint8Array;
  readonly type: number;
  readonly klass: number;
  /** Seconds; a TTL with the top bit set was read as 0 (RFC 2181 §8). */
  readonly ttl: number;
  /** Names in it are written in full, if the type may have compressed ones (RFC 3597 §4). */
  readonly rdata: Uint8Array;
}

/** The offsets of a record's parts in its message, before anything is copied. */
export interface RrSpan {
  readonly start: number;
  readonly type: number;
  readonly klass: number;
  /** As on the wire: in an OPT this holds flags. */
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

/** How RDATA is laid out: fixed octets, then character strings, then names, then the rest. */
interface Layout {
  readonly before: number;
  readonly strings: number;
  readonly names: number;
  /** How many octets end the RDATA; `undefined` where any number may. */
  readonly after: number | undefined;
}

const oneName: Layout = { before: 0, strings: 0, names: 1, after: 0 };
const twoNames: Layout = { ...oneName, names: 2 };
/** A preference or a similar number, and a name. */
const numberAndName: Layout = { ...oneName, before: 2 };

/**
 * Types whose RDATA holds names. RFC 3597 §4 allows compression for those of RFC 1035 and asks receivers to understand
 * it in the others up to SRV. From KX on it was never allowed; a pointer that appears anyway has to be resolved, since
 * in another message it would point at something else.
 */
const layouts = new Map<number, Layout>([
  [RrType.NS, oneName],
  [RrType.MD, oneName],
  [RrType.MF, oneName],
  [RrType.CNAME, oneName],
  [RrType.SOA, { ...twoNames, after: 20 }],
  [RrType.MB, oneName],
  [RrType.MG, oneName],
  [RrType.MR, oneName],
  [RrType.PTR, oneName],
  [RrType.MINFO, twoNames],
  [RrType.MX, numberAndName],
  [RrType.RP, twoNames],
  [RrType.AFSDB, numberAndName],
  [RrType.RT, numberAndName],
  [RrType.SIG, { ...oneName, before: 18, after: undefined }],
  [RrType.PX, { ...twoNames, before: 2 }],
  [RrType.NXT, { ...oneName, after: undefined }],
  [RrType.NAPTR, { ...oneName, before: 4, strings: 3 }],
  [RrType.SRV, { ...oneName, before: 6 }],
  [RrType.KX, numberAndName],
  [RrType.DNAME, oneName],
  [RrType.RRSIG, { ...oneName, before: 18, after: undefined }],
  [RrType.NSEC, { ...oneName, after: undefined }],
  [RrType.SVCB, { ...numberAndName, after: undefined }],
  [RrType.HTTPS, { ...numberAndName, after: undefined }],
]);

/** RFC 1035 §3.3.2, §3.3.14: RDATA that is character strings to its end. */
const characterStrings: ReadonlySet<number> = new Set([RrType.HINFO, RrType.TXT]);

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
  if (characterStrings.has(span.type)) checkStrings(octets, span);
  const layout = layouts.get(span.type);
  if (layout === undefined) return octets.slice(span.rdataAt, span.end);
  let at = span.rdataAt + layout.before;
  for (let i = 0; i < layout.strings; i++) at += 1 + (octets[at] ?? 0);
  const parts = [octets.subarray(span.rdataAt, at)];
  for (let i = 0; i < layout.names; i++) {
    parts.push(readName(octets, at));
    at = skipName(octets, at);
  }
  checkEnd(span, at, layout.after);
  parts.push(octets.subarray(at, span.end));
  return concat(parts);
}

/** Octets after the last field are malformed too: clients refuse them. */
function checkEnd(span: RrSpan, at: number, after: number | undefined): void {
  const rest = span.end - at;
  if (rest < 0) throw new WireError(`name in RDATA at ${span.rdataAt} runs past it`);
  if (after !== undefined && rest !== after) {
    throw new WireError(
      `RDATA at ${span.rdataAt} has ${rest} octets after its names, not ${after}`,
    );
  }
}

function checkStrings(octets: Uint8Array, span: RrSpan): void {
  let at = span.rdataAt;
  while (at < span.end) at += 1 + (octets[at] ?? 0);
  if (at !== span.end) throw new WireError(`string in RDATA at ${span.rdataAt} runs past it`);
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
