import { domainToASCII } from 'node:url';
import tlds from 'tlds' with { type: 'json' };

/** The IANA root zone's labels, in the form that goes over the wire (RFC 5890: A-labels). */
const labels: ReadonlySet<string> = new Set(
  tlds.map((tld: string) => (/^[a-z]+$/.test(tld) ? tld : domainToASCII(tld))),
);

/** Whether a label is a top-level domain in the IANA list that this release carries (N4, N5). */
export function isIanaTld(label: string): boolean {
  return labels.has(label);
}
