import { BlockList, isIPv6 } from 'node:net';
import type { Prefix } from '../prefix.ts';

/** Whether a client may ask, by its address. */
export type Allows = (address: string) => boolean;

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
