import { BlockList, isIP, isIPv6 } from 'node:net';

/** A range of addresses: `10.244.0.0/16`, or one address, whose length is all its bits. */
export interface Prefix {
  readonly address: string;
  /** Bits that count, from the left: 0 to 32 (IPv4) or 128 (IPv6). */
  readonly length: number;
}

/** Whether a client may ask, by its address. */
export type Allows = (address: string) => boolean;

/** @returns `undefined` if it is not a prefix; bits beyond the length may be set and are ignored. */
export function parsePrefix(text: string): Prefix | undefined {
  const [, address = '', digits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0) return undefined;
  const longest = family === 6 ? 128 : 32;
  const length = digits === undefined ? longest : Number(digits);
  return length <= longest ? { address, length } : undefined;
}

/** The form that {@link parsePrefix} reads. */
export function formatPrefix({ address, length }: Prefix): string {
  return `${address}/${length}`;
}

/**
 * A test for clients in one of the prefixes.
 *
 * @returns `undefined` for no prefixes: every client may ask, and no address has to be read.
 */
export function allowList(prefixes: readonly Prefix[]): Allows | undefined {
  if (prefixes.length === 0) return undefined;
  const allowed = new BlockList();
  for (const { address, length } of prefixes) {
    allowed.addSubnet(address, length, isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return (address) => {
    // A link-local client's address has its interface after a percent sign, which is not part of the prefix.
    const [bare = ''] = address.split('%');
    return allowed.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4');
  };
}
