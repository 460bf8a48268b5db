import { RrClass, RrType } from '../wire/codes.ts';
import type { Name } from '../wire/name.ts';
import { buildQuery, randomId } from '../wire/request.ts';

/** One question as it is sent. */
export interface PairQuestion {
  readonly qname: Name;
  readonly qtype: number;
  readonly id: number;
  readonly octets: Uint8Array;
}

/** The A and the AAAA question of one name: index 0 is A. */
export type QuestionPair = readonly [PairQuestion, PairQuestion];

/**
 * The pair for `qname`.
 *
 * The IDs differ, as in musl, which matches the two answers by ID alone (M3).
 *
 * @param edns - Whether to include an OPT: Go and c-ares send one, the libcs do not (M3, G1).
 */
export function questionPair(qname: Name, edns: boolean): QuestionPair {
  const a = question(qname, RrType.A, randomId(), edns);
  const drawn = randomId();
  const other = drawn === a.id ? (drawn + 1) & 0xffff : drawn;
  return [a, question(qname, RrType.AAAA, other, edns)];
}

function question(qname: Name, qtype: number, id: number, edns: boolean): PairQuestion {
  const octets = buildQuery(
    { qname, qtype, qclass: RrClass.IN },
    { id, checkingDisabled: false, edns: edns ? { dnssecOk: false } : undefined },
  );
  return { qname, qtype, id, octets };
}
