import { RrType } from '../../src/wire/codes.ts';
import { HEADER_OCTETS, putUint16 } from '../../src/wire/header.ts';
import { a, message, queryOctets, responseOctets } from '../support/messages.ts';
import { option } from './opt-cases.ts';

/** Messages that are made to cost work (CVE-2026-52682, CVE-2024-8508): each as large as TCP carries. */
export const BOMBS: Readonly<
  Record<string, (query: Uint8Array, isResponse: boolean) => Uint8Array>
> = {
  '64 KiB of compression pointers': (query, isResponse) => {
    const octets = room(query, isResponse, 0xffff);
    const start = query.length;
    // Each leads to the one before it, and the record that stands last starts with the last of them.
    for (let at = start; at + 2 <= octets.length - 12; at += 2) {
      putUint16(octets, at, 0xc000 | Math.min(Math.max(HEADER_OCTETS, at - 2), 0x3fff));
    }
    putUint16(octets, 6, 2_000);
    return octets;
  },
  '10,000 options': (query, isResponse) => {
    const options = Uint8Array.from(
      Array.from({ length: 10_000 }, () => [...option(65_003)]).flat(),
    );
    const octets = room(query, isResponse, query.length + 11 + options.length);
    const opt = query.length;
    octets.set([0, 0, RrType.OPT, 4, 208, 0, 0, 0, 0], opt);
    putUint16(octets, opt + 9, options.length);
    octets.set(options, opt + 11);
    putUint16(octets, 10, 1);
    return octets;
  },
  '65,535 records claimed': (query, isResponse) => {
    const octets = room(query, isResponse, 0xffff);
    // As many as fit: a root name, type A, no data, 11 octets each.
    for (let at = query.length; at + 11 <= octets.length; at += 11)
      octets.set([0, 0, RrType.TXT, 0, 1], at);
    for (const count of [6, 8, 10]) putUint16(octets, count, 0xffff);
    return octets;
  },
};

function room(query: Uint8Array, isResponse: boolean, length: number): Uint8Array {
  const octets = new Uint8Array(length);
  octets.set(query);
  putUint16(octets, 2, isResponse ? 0x8180 : 0x0100);
  return octets;
}

/** A message of the same size that is as it should be: 64 KiB of addresses, which a client may well get. */
export function honestLarge(): Uint8Array {
  const answer = Array.from({ length: 1_900 }, (_, i) =>
    a('large.example.', `198.18.${i >> 8}.${i & 255}`),
  );
  return responseOctets(queryOctets('large.example.'), message({ answer }));
}
