import { putUint16 } from '../../src/wire/header.ts';
import type { Message } from '../../src/wire/message.ts';
import { responseOctets } from '../support/messages.ts';

/** One EDNS option. */
export function option(code: number, ...data: number[]): Uint8Array {
  return Uint8Array.of(code >> 8, code & 0xff, data.length >> 8, data.length & 0xff, ...data);
}

/** Options that no hop may pass on, and whose they are. */
export const OPT_CASES: readonly (readonly [what: string, options: Uint8Array])[] = [
  ['client subnet (RFC 7871)', option(8, 0, 1, 24, 24, 10, 1, 2)],
  ['cookie (RFC 7873)', option(10, 1, 2, 3, 4, 5, 6, 7, 8)],
  ['cookie with the server part (RFC 9018)', option(10, ...new Uint8Array(24).fill(9))],
  ['keepalive (RFC 7828)', option(11)],
  ['padding (RFC 7830)', option(12, ...new Uint8Array(40))],
  ['NSID (RFC 5001)', option(3)],
  ['key tag (RFC 8145)', option(14, 0x4f, 0x66)],
  ['an unknown option', option(65_001, 1, 2, 3)],
  ['an option that looks like a record', option(65_001, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0)],
  [
    'a hundred options',
    Uint8Array.from(Array.from({ length: 100 }, () => [...option(65_002)]).flat()),
  ],
];

/** A response with these options in its OPT. */
export function withOpt(query: Uint8Array, said: Message, options: Uint8Array): Uint8Array {
  const plain = responseOctets(query, said, { edns: true });
  const octets = Uint8Array.from([...plain, ...options]);
  putUint16(octets, plain.length - 2, options.length);
  return octets;
}
