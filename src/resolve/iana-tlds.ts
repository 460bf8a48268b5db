import { domainToUnicode } from 'node:url';
import tlds from 'tlds' with { type: 'json' };

/** The IANA root zone's labels, in the form that people write (RFC 5890: U-labels), as the list has them. */
const labels: ReadonlySet<string> = new Set(tlds);

/**
 * Whether a label is a top-level domain in the IANA list of this release (N4, N5).
 *
 * @param label - As it is on the wire: an A-label is translated when it is looked up, instead of the whole list at the
 * start.
 */
export function isIanaTld(label: string): boolean {
  if (label.startsWith('xn--')) return labels.has(domainToUnicode(label));
  return /^[a-z]+$/.test(label) && labels.has(label);
}
