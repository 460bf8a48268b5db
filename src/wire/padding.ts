import { HEADER_OCTETS, putUint16, uint16 } from './header.ts';
import { skipName } from './name.ts';

/**
 * A query with its OPT padded so that the whole has a multiple of `block` octets: its length then tells an observer of
 * an encrypted connection almost nothing.
 *
 * @param query - As buildQuery makes it: its last record may be an OPT.
 * @see RFC 7830 §3, RFC 8467 §4.1
 */
export function padQuery(query: Uint8Array, block: number): Uint8Array {
  const bare = query.length + OPTION_HEADER_OCTETS;
  const padding = (block - (bare % block)) % block;
  // Padding is zeros, and new octets are zero.
  const padded = new Uint8Array(bare + padding);
  padded.set(query);
  const rdlengthAt = skipName(query, HEADER_OCTETS) + QUESTION_REST + RDLENGTH_IN_OPT;
  putUint16(padded, rdlengthAt, uint16(query, rdlengthAt) + OPTION_HEADER_OCTETS + padding);
  putUint16(padded, query.length, PADDING_OPTION);
  putUint16(padded, query.length + 2, padding);
  return padded;
}

/** RFC 8467 §4.1: the block size for queries. */
export const QUERY_BLOCK_OCTETS = 128;

/** QTYPE and QCLASS. */
const QUESTION_REST = 4;
/** RFC 6891 §6.1.2: after root owner, type, size and the two halves of TTL. */
const RDLENGTH_IN_OPT = 9;

/** RFC 7830 §3. */
const PADDING_OPTION = 12;
/** RFC 6891 §6.1.2: code and length. */
const OPTION_HEADER_OCTETS = 4;
