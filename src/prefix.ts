import { isIP } from 'node:net';

/** A range of addresses: `10.244.0.0/16`, or one address, whose length is all its bits. */
export interface Prefix {
  readonly address: string;
  /** How many leading bits count: 0 to 32 (IPv4) or 128 (IPv6). */
  readonly length: number;
}

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
