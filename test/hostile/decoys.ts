import { RrType } from '../../src/wire/codes.ts';
import { HEADER_OCTETS, putUint16, uint16 } from '../../src/wire/header.ts';
import { readRequest } from '../../src/wire/request.ts';
import { a, message, responseOctets } from '../support/messages.ts';

/** The address that no answer may have. */
export const LIE = '203.0.113.66';

/** Fourteen ways in which a reply to `query` can be somebody else's, each with {@link LIE} where it says anything. */
export const DECOYS: Readonly<Record<string, (query: Uint8Array) => Uint8Array>> = {
  'another ID': (query) => lie(query, { id: (uint16(query, 0) + 1) & 0xffff }),
  'the octets of the ID swapped': (query) => {
    const id = uint16(query, 0);
    const swapped = ((id << 8) | (id >> 8)) & 0xffff;
    return lie(query, { id: swapped === id ? id ^ 0x8000 : swapped });
  },
  'QR not set': (query) =>
    patched(lie(query), (octets) => putUint16(octets, 2, uint16(octets, 2) & 0x7fff)),
  'another opcode': (query) =>
    patched(lie(query), (octets) => putUint16(octets, 2, uint16(octets, 2) | (4 << 11))),
  'another name': (query) => lie(query, { qname: 'evil.example.' }),
  'a name above': (query) => lie(query, { qname: 'example.' }),
  'a name below': (query) => lie(query, { qname: `x.${readRequest(query).question.qname}` }),
  'another type': (query) => lie(query, { qtype: RrType.TXT }),
  'another class': (query) => lie(query, { qclass: 3 }),
  'no question': (query) => patched(lie(query), (octets) => putUint16(octets, 4, 0)),
  'two questions': (query) => patched(lie(query), (octets) => putUint16(octets, 4, 2)),
  'NXDOMAIN without a question': (query) =>
    Uint8Array.of(query[0] ?? 0, query[1] ?? 0, 0x81, 0x83, ...new Uint8Array(8)),
  'cut off in its answer': (query) => lie(query).subarray(0, questionEnd(query) + 20),
  'more records claimed than are there': (query) =>
    patched(lie(query), (octets) => putUint16(octets, 6, 40)),
};

interface Lie {
  readonly id?: number;
  readonly qname?: string;
  readonly qtype?: number;
  readonly qclass?: number;
}

function lie(query: Uint8Array, { id, ...other }: Lie = {}): Uint8Array {
  const { header, question } = readRequest(query);
  const { qname, qtype, qclass } = question;
  const said = message({ answer: [a(qname, LIE)] });
  const asked = { qname, qtype, qclass, ...other };
  return responseOctets({ id: id ?? header.id, question: asked }, said);
}

function questionEnd(query: Uint8Array): number {
  return HEADER_OCTETS + readRequest(query).question.octets.length;
}

function patched(octets: Uint8Array, patch: (octets: Uint8Array) => void): Uint8Array {
  const copy = Uint8Array.from(octets);
  patch(copy);
  return copy;
}
