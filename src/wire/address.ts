import { isIPv4 } from 'node:net';
import { putUint16, uint16 } from './header.ts';

const IPV6_GROUPS = 8;

/**
 * The octets of an address in text: 4 for IPv4, 16 for IPv6; a zone (`%eth0`) is not part of them.
 *
 * @param text - An address, as `node:net`'s `isIP` knows it: nothing is checked again.
 * @see RFC 4291 §2.2
 */
export function addressOctets(text: string): Uint8Array {
  const [address = ''] = text.split('%');
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number);
  const [head = '', tail = ''] = withoutDots(address).split('::');
  // The groups between them are zero already.
  const octets = new Uint8Array(2 * IPV6_GROUPS);
  groupsOf(head).forEach((group, index) => {
    putUint16(octets, 2 * index, group);
  });
  groupsOf(tail).forEach((group, index, { length }) => {
    putUint16(octets, 2 * (IPV6_GROUPS - length + index), group);
  });
  return octets;
}

/** The text of 4 or 16 octets, IPv6 in its one canonical form (RFC 5952 §4). */
export function addressText(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.');
  const groups = Array.from({ length: IPV6_GROUPS }, (_, index) => uint16(octets, 2 * index));
  const { start, length } = longestZeros(groups);
  const text = (part: readonly number[]): string =>
    part.map((group) => group.toString(16)).join(':');
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((hex) => Number.parseInt(hex, 16));
}

/** `::ffff:192.0.2.1` with its last four octets as two groups. */
function withoutDots(address: string): string {
  const match = /(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)/.exec(address);
  if (match === null) return address;
  const [, head = '', ...quad] = match;
  const [a = 0, b = 0, c = 0, d = 0] = quad.map(Number);
  return `${head}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** RFC 5952 §4.2.3: the longest run of zero groups; the first of two equal ones. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  groups.forEach((group, index) => {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  });
  return best;
}
