import { EdeCode } from './codes.ts';
import { putUint16, uint16 } from './header.ts';
import { WireError } from './wire-error.ts';

/**
 * RFC 9715 §3.2 and DNS Flag Day 2020: a size that passes every path without fragments; asked for upstream and offered
 * to clients (L4, U4).
 */
export const EDNS_UDP_OCTETS = 1232;

/** RFC 6891 §6.1.3: DO, in the second half of the OPT TTL. */
const DO_FLAG = 0x8000;
const OPT_TYPE = 41;
/** RFC 8914 §2. */
const EDE_OPTION = 15;

/**
 * An option code from RFC 6891 §9's range for local use. `sidestub explain` sends it empty, to ask the daemon for the
 * source of an answer; the daemon says it in an EDE with {@link SOURCE_INFO}.
 */
export const SOURCE_OPTION = 65_310;
/** An INFO-CODE from RFC 8914 §5.2's range for private use. */
export const SOURCE_INFO = 49_310;

/**
 * An option code from RFC 6891 §9's range for local use. Empty, it marks a query that a sidestub sends for a proof and
 * not for a client. Another sidestub then answers with upstream's own RCODE (N7). It is valid for one hop.
 */
export const PROBE_OPTION = 65_311;

/** The contents of an OPT record. Its options are not kept, since none is forwarded (U4). */
export interface Edns {
  /** The sender's UDP payload size, at least 512 (RFC 6891 §6.2.3). */
  readonly udpOctets: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  /** The upper eight bits of the RCODE, already shifted into place. */
  readonly rcodeHigh: number;
  /** Whether {@link SOURCE_OPTION} is there. */
  readonly asksSource?: true;
  /** Whether {@link PROBE_OPTION} is there. */
  readonly isProbe?: true;
  /** Whether {@link NODATA_DENIED} is there. */
  readonly nodataDenied?: true;
  /** Whether an EDE says that the server got no answer from the servers that it asked (RFC 8914 §4.23, §4.24). */
  readonly unreached?: true;
  /** Whether its text says that a sidestub could not send the question, see {@link undelivered}. */
  readonly undelivered?: true;
}

/** An Extended DNS Error for the client. @see RFC 8914 */
export interface Ede {
  readonly code: number;
  readonly text: string;
}

/**
 * N7: the EDE text of a NODATA that was changed to NXDOMAIN for a client's walk. Another sidestub recognises the denial
 * by it, octet for octet, so the text must stay as every version has sent it.
 */
export const NODATA_DENIED: Ede = {
  code: EdeCode.OTHER,
  text: 'exists without addresses, denied so that the search goes on',
};

/**
 * F5: the EDE of a question that did not reach upstream. Another sidestub knows it by how the text begins, and takes it for no
 * word of upstream's, so every version must begin it like this.
 */
export function undelivered(why: string): Ede {
  return { code: EdeCode.NETWORK_ERROR, text: `${UNDELIVERED}${why}` };
}

const UNDELIVERED = 'not delivered: ';

/**
 * Reads the fixed fields of an OPT record and checks that its options fit (RFC 6891 §6.1.2).
 *
 * @throws {WireError} If an option runs past the RDATA.
 */
export function readOpt(
  octets: Uint8Array,
  opt: { klass: number; ttl: number; rdataAt: number; rdlength: number },
): Edns {
  const end = opt.rdataAt + opt.rdlength;
  let at = opt.rdataAt;
  let ours: Partial<Edns> | undefined;
  while (at < end) {
    if (at + 4 > end) throw new WireError(`EDNS option at ${at} runs past OPT`);
    const next = at + 4 + uint16(octets, at + 2);
    const own = readOption(octets, at, Math.min(next, end));
    if (own !== undefined) ours = { ...ours, ...own };
    at = next;
  }
  if (at !== end) throw new WireError(`EDNS options run past OPT at ${opt.rdataAt}`);
  return {
    udpOctets: Math.max(512, opt.klass),
    rcodeHigh: (opt.ttl >>> 24) << 4,
    version: (opt.ttl >>> 16) & 0xff,
    dnssecOk: (opt.ttl & DO_FLAG) !== 0,
    ...ours,
  };
}

/** The meaning of an option, if we understand it; most have none here. */
function readOption(octets: Uint8Array, at: number, end: number): Partial<Edns> | undefined {
  switch (uint16(octets, at)) {
    case SOURCE_OPTION:
      return { asksSource: true };
    case PROBE_OPTION:
      return { isProbe: true };
    case EDE_OPTION:
      return readOwnEde(octets.subarray(at, end));
    default:
      return undefined;
  }
}

function readOwnEde(option: Uint8Array): Partial<Edns> | undefined {
  if (isNodataDenied(option)) return { nodataDenied: true };
  if (option.length < 6 || !UNREACHED.has(uint16(option, 4))) return undefined;
  const isUndelivered = Buffer.from(option.subarray(6)).toString().startsWith(UNDELIVERED);
  return isUndelivered ? { unreached: true, undelivered: true } : { unreached: true };
}

function isNodataDenied(option: Uint8Array): boolean {
  return Buffer.compare(option, NODATA_DENIED_OPTION) === 0;
}

/** The text of the EDE with this INFO-CODE in an OPT; `undefined` if there is none, or its options are malformed. */
export function readEde(
  octets: Uint8Array,
  opt: { rdataAt: number; rdlength: number },
  code: number,
): string | undefined {
  const end = opt.rdataAt + opt.rdlength;
  for (let at = opt.rdataAt; at + 4 <= end; ) {
    const length = uint16(octets, at + 2);
    const isEde = uint16(octets, at) === EDE_OPTION && length >= 2 && at + 4 + length <= end;
    if (isEde && uint16(octets, at + 4) === code) {
      return Buffer.from(octets.subarray(at + 6, at + 4 + length)).toString();
    }
    at += 4 + length;
  }
  return undefined;
}

/** The OPT record of a message that we send: built anew on each hop (RFC 6891 §6.1.1). */
export function optRecord({
  rcode,
  dnssecOk,
  ede,
  probe,
}: {
  rcode: number;
  dnssecOk: boolean;
  ede?: Ede | undefined;
  /** For a query: whether to include {@link PROBE_OPTION}. */
  probe?: boolean | undefined;
}): Uint8Array {
  const mark = probe === true ? PROBE : NO_OPTION;
  const option = ede === undefined ? mark : edeOption(ede);
  const record = new Uint8Array(11 + option.length);
  putUint16(record, 1, OPT_TYPE);
  putUint16(record, 3, EDNS_UDP_OCTETS);
  record[5] = rcode >> 4;
  putUint16(record, 7, dnssecOk ? DO_FLAG : 0);
  putUint16(record, 9, option.length);
  record.set(option, 11);
  return record;
}

const NO_OPTION = new Uint8Array(0);
const PROBE = Uint8Array.of(PROBE_OPTION >> 8, PROBE_OPTION & 0xff, 0, 0);

function edeOption({ code, text }: Ede): Uint8Array {
  const octets = Buffer.from(text);
  const option = new Uint8Array(6 + octets.length);
  putUint16(option, 0, EDE_OPTION);
  putUint16(option, 2, 2 + octets.length);
  putUint16(option, 4, code);
  option.set(octets, 6);
  return option;
}

const UNREACHED: ReadonlySet<number> = new Set([
  EdeCode.NO_REACHABLE_AUTHORITY,
  EdeCode.NETWORK_ERROR,
]);
const NODATA_DENIED_OPTION = edeOption(NODATA_DENIED);
