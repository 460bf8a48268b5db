import fc from 'fast-check';
import { RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import type { Rr } from '../../src/wire/record.ts';
import { message } from '../support/messages.ts';

/** Octets of any kind, a few of them or enough for a message. */
export const octets = (maxLength = 300): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });

/**
 * Labels: some that meet each other up to case, some that text handles badly (a dot, a backslash, Latin-1 letters that
 * differ only in what `toLowerCase` folds and DNS does not), some of any octets.
 */
const label: fc.Arbitrary<Uint8Array> = fc
  .oneof(
    { weight: 4, arbitrary: fc.constantFrom('a', 'A', 'b', 'com', 'COM', 'svc', 'example') },
    { weight: 1, arbitrary: fc.constantFrom('.', '\\', '\xc1', '\xe1', '\0', ' ', 'x'.repeat(63)) },
    { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 63 }) },
  )
  .map((text) => (typeof text === 'string' ? Uint8Array.from(Buffer.from(text, 'latin1')) : text));

/** The labels of a name that fits 255 octets; none for the root. */
export const labels: fc.Arbitrary<Uint8Array[]> = fc.array(label, { maxLength: 8 }).map(fitting);

/** A name on the wire. */
export const wireName: fc.Arbitrary<Uint8Array> = labels.map(wireOf);

/** The wire form of a list of labels. */
export function wireOf(list: readonly Uint8Array[]): Uint8Array {
  const parts = list.map((part) => [part.length, ...part]);
  return Uint8Array.from([...parts.flat(), 0]);
}

function fitting(list: Uint8Array[]): Uint8Array[] {
  let size = 1;
  return list.filter((part) => {
    size += 1 + part.length;
    return size <= 255;
  });
}

/** RDATA of the length given, any octets. */
const blob = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

const concat = (parts: readonly Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));

const string = fc
  .uint8Array({ maxLength: 20 })
  .map((text) => Uint8Array.from([text.length, ...text]));

/** RDATA that is right for its type: one with names of each layout, those that are checked, and one that is opaque. */
const rdata: readonly [number, fc.Arbitrary<Uint8Array>][] = [
  [RrType.A, blob(4)],
  [RrType.AAAA, blob(16)],
  [RrType.CNAME, wireName],
  [RrType.NS, wireName],
  [RrType.PTR, wireName],
  [RrType.DNAME, wireName],
  [RrType.MX, fc.tuple(blob(2), wireName).map(concat)],
  [RrType.SRV, fc.tuple(blob(6), wireName).map(concat)],
  [RrType.PX, fc.tuple(blob(2), wireName, wireName).map(concat)],
  [RrType.SOA, fc.tuple(wireName, wireName, blob(20)).map(concat)],
  [RrType.NAPTR, fc.tuple(blob(4), string, string, string, wireName).map(concat)],
  [RrType.RRSIG, fc.tuple(blob(18), wireName, octets(40)).map(concat)],
  [RrType.HTTPS, fc.tuple(blob(2), wireName, octets(40)).map(concat)],
  [RrType.TXT, fc.array(string, { minLength: 1, maxLength: 4 }).map(concat)],
  [65_280, octets(60)],
];

/** Objects as the reader makes them: deep equality looks at prototypes. */
const PLAIN = { noNullPrototype: true } as const;

/** @param owner - Repeated owners make RRsets, and let compression bite. */
export const rr = (owner: fc.Arbitrary<Uint8Array> = wireName): fc.Arbitrary<Rr> =>
  fc.constantFrom(...rdata).chain(([type, data]) =>
    fc.record(
      {
        owner,
        type: fc.constant(type),
        klass: fc.constant(1),
        ttl: fc.integer({ min: 0, max: 0x7fffffff }),
        rdata: data,
      },
      PLAIN,
    ),
  );

/** A message whose names come back several times, as they do in answers. */
export const anyMessage = (most = 6): fc.Arbitrary<Message> =>
  fc.array(wireName, { minLength: 1, maxLength: 3 }).chain((owners) => {
    const records = (maxLength: number) => fc.array(rr(fc.constantFrom(...owners)), { maxLength });
    return fc
      .record({
        rcode: fc.integer({ min: 0, max: 0xfff }),
        authoritative: fc.boolean(),
        authenticData: fc.boolean(),
        answer: records(most),
        authority: records(2),
        additional: records(2),
      })
      .map(message);
  });

/** What is asked, as its octets: QNAME, QTYPE and QCLASS. */
export const question: fc.Arbitrary<Uint8Array> = fc
  .tuple(wireName, fc.constantFrom(1, 28, 16, 65_280))
  .map(([name, qtype]) => Uint8Array.from([...name, qtype >> 8, qtype & 0xff, 0, 1]));
