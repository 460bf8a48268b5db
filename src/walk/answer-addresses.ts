import { RrType } from '../wire/codes.ts';
import { uint16 } from '../wire/header.ts';
import { canonicalName, type Name } from '../wire/name.ts';
import type { Rr } from '../wire/record.ts';

/** Every address of one type in a section, whatever its owner: musl, Go and c-ares do not check owners (M3). */
export function addressesOf(answer: readonly Rr[], qtype: number): string[] {
  return answer.filter((rr) => rr.type === qtype).map(addressText);
}

/**
 * The addresses that belong to `qname`: the owner is the name, or the target of the last CNAME before the record (G6).
 */
export function ownedAddresses(answer: readonly Rr[], qname: Name, qtype: number): string[] {
  const owned: string[] = [];
  let owner = qname;
  for (const rr of answer) {
    if (canonicalName(rr.owner) !== owner) continue;
    if (rr.type === RrType.CNAME) owner = canonicalName(rr.rdata);
    else if (rr.type === qtype) owned.push(addressText(rr));
  }
  return owned;
}

/** The text of an A or AAAA record's address (RFC 5952). */
export function addressText({ type, rdata }: Rr): string {
  if (type === RrType.A) return rdata.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => uint16(rdata, 2 * i).toString(16)).join(':');
  // Two zero groups or more; of equal runs the first is shortened (RFC 5952 §4.2).
  const [longest] = [...groups.matchAll(/\b0(?::0)+\b/g)].sort((x, y) => y[0].length - x[0].length);
  if (longest === undefined) return groups;
  const before = groups.slice(0, longest.index).replace(/:$/, '');
  const after = groups.slice(longest.index + longest[0].length).replace(/^:/, '');
  return `${before}::${after}`;
}
