import fc from 'fast-check';
import { test } from 'tap';
import { admit } from '../../src/listen/admit.ts';
import { Opcode, Rcode, RrType, rcodeName } from '../../src/wire/codes.ts';
import { optRecord } from '../../src/wire/edns.ts';
import { Flag, putUint16, readHeader, uint16 } from '../../src/wire/header.ts';
import { queryOctets } from '../support/messages.ts';

const NAME = 'gIt.ExAmple.COM';
const plain = () => queryOctets(NAME);

/** A copy with its header changed: counts by offset, flags or-ed in. */
function bent(octets: Uint8Array, { flags = 0, counts = {} as Record<number, number> } = {}) {
  const copy = Uint8Array.from(octets);
  putUint16(copy, 2, uint16(copy, 2) | flags);
  for (const [at, value] of Object.entries(counts)) putUint16(copy, Number(at), value);
  return copy;
}

function withOpts(octets: Uint8Array, ...opts: Uint8Array[]): Uint8Array {
  return bent(Uint8Array.from(Buffer.concat([octets, ...opts])), { counts: { 10: opts.length } });
}

const OPT = () => optRecord({ rcode: 0, dnssecOk: false });
const VERSION_1 = () => {
  const opt = OPT();
  opt[6] = 1;
  return opt;
};
/** An option that no one knows, of four octets. */
const UNKNOWN_OPTION = () => {
  const opt = Buffer.concat([OPT(), Uint8Array.of(0xfd, 0xe9, 0, 4, 1, 2, 3, 4)]);
  putUint16(opt, 9, 8);
  return opt;
};

/** L2, and the queries of RFC 8906 §8 that a listener decides alone. */
const matrix: [string, Uint8Array, string][] = [
  ['a plain question', plain(), 'ask'],
  ['without RD', bent(plain(), { flags: 0 }), 'ask'],
  ['AD, CD and Z set', bent(plain(), { flags: Flag.AD | Flag.CD | 0x0040 }), 'ask'],
  ['TC set', bent(plain(), { flags: Flag.TC }), 'ask'],
  ['an RCODE in a query', bent(plain(), { flags: 0x000f }), 'ask'],
  ['an unknown type', queryOctets(NAME, 65_280), 'ask'],
  ['type 0', queryOctets(NAME, 0), 'ask'],
  ['ANY', queryOctets(NAME, RrType.ANY), 'ask'],
  ['the root', queryOctets('.', RrType.SOA), 'ask'],
  ['EDNS', withOpts(plain(), OPT()), 'ask'],
  ['an unknown EDNS option', withOpts(plain(), UNKNOWN_OPTION()), 'ask'],
  ['octets behind the question', Uint8Array.from([...plain(), 1, 2, 3]), 'ask'],
  ['QR set', bent(plain(), { flags: Flag.QR }), 'drop response'],
  [
    'QR set, shorter than a question',
    bent(plain().slice(0, 12), { flags: Flag.QR }),
    'drop response',
  ],
  ['nothing', new Uint8Array(0), 'drop malformed'],
  ['11 octets', plain().slice(0, 11), 'drop malformed'],
  ['a question that is cut off', plain().slice(0, 20), 'drop malformed'],
  [
    'a compressed question',
    Uint8Array.from([...plain().slice(0, 12), 0xc0, 4, 0, 1, 0, 1]),
    'drop malformed',
  ],
  ['AXFR', queryOctets(NAME, RrType.AXFR), 'reply REFUSED'],
  ['IXFR', queryOctets(NAME, RrType.IXFR), 'reply REFUSED'],
  ['no question', bent(plain().slice(0, 12), { counts: { 4: 0 } }), 'reply FORMERR'],
  ['two questions', bent(plain(), { counts: { 4: 2 } }), 'reply FORMERR'],
  ['65,535 questions', bent(plain(), { counts: { 4: 65_535 } }), 'reply FORMERR'],
  ['two OPTs', withOpts(plain(), OPT(), OPT()), 'reply FORMERR'],
  ['an OPT that is cut off', withOpts(plain(), OPT().slice(0, 8)), 'reply FORMERR'],
  ['records that are not there', bent(plain(), { counts: { 6: 3 } }), 'reply FORMERR'],
  ['EDNS version 1', withOpts(plain(), VERSION_1()), 'reply BADVERS'],
  ['IQUERY', bent(plain(), { flags: Opcode.IQUERY << 11 }), 'reply NOTIMP'],
  ['STATUS', bent(plain(), { flags: Opcode.STATUS << 11 }), 'reply NOTIMP'],
  ['NOTIFY', bent(plain(), { flags: Opcode.NOTIFY << 11 }), 'reply NOTIMP'],
  ['UPDATE', bent(plain(), { flags: Opcode.UPDATE << 11 }), 'reply NOTIMP'],
  ['opcode 15', bent(plain(), { flags: 15 << 11 }), 'reply NOTIMP'],
  [
    'an opcode and no question',
    bent(plain().slice(0, 12), { flags: 15 << 11, counts: { 4: 0 } }),
    'reply NOTIMP',
  ],
];

test('L2: what becomes of a message is decided by this table', async (t) => {
  for (const [what, octets, expected] of matrix) {
    const admission = admit(octets);
    const detail =
      admission.kind === 'reply'
        ? ` ${rcodeName(admission.rcode)}`
        : admission.kind === 'drop'
          ? ` ${admission.reason}`
          : '';
    t.equal(admission.kind + detail, expected, what);
  }
});

test('L3: every reply echoes ID, opcode, RD and the question byte for byte, with QR and RA set', async (t) => {
  const question = plain().slice(12);
  for (const [what, octets] of matrix) {
    const admission = admit(octets);
    if (admission.kind !== 'reply') continue;
    const { octets: reply, rcode } = admission;
    const [asked, said] = [readHeader(octets), readHeader(reply)];
    t.equal(said.id, asked.id, what);
    t.equal(said.opcode, asked.opcode, what);
    t.equal(said.rcode, rcode & 0xf, what);
    t.ok((said.flags & Flag.QR) !== 0 && (said.flags & Flag.RA) !== 0, what);
    t.equal(said.flags & Flag.RD, asked.flags & Flag.RD, what);
    if (asked.qdcount !== 1) t.equal(reply.length, 12, what);
    else if (octets.length >= plain().length && asked.opcode === 0 && !what.includes('XFR')) {
      t.same(reply.slice(12, 12 + question.length), question, what);
    }
  }
});

test('L3: the case of the client’s question survives', async (t) => {
  const admission = admit(bent(plain(), { flags: Opcode.NOTIFY << 11 }));
  t.ok(admission.kind === 'reply' && Buffer.from(admission.octets).includes('ExAmple'));
  const asked = admit(plain());
  t.equal(asked.kind === 'ask' && asked.request.question.qname, 'git.example.com.');
});

test('L3: 12 octets go only to who asked no single question', async (t) => {
  for (const [what, octets] of matrix) {
    const admission = admit(octets);
    if (admission.kind !== 'reply' || admission.octets.length > 12) continue;
    t.not(readHeader(octets).qdcount, 1, what);
  }
});

test('L2: BADVERS stands in an OPT, which says version 0', async (t) => {
  const admission = admit(withOpts(plain(), VERSION_1()));
  if (admission.kind !== 'reply') throw new Error('no reply');
  const opt = admission.octets.slice(plain().length);
  t.equal(opt.length, 11);
  t.equal(opt[5], Rcode.BADVERS >> 4, 'the upper bits');
  t.equal(opt[6], 0, 'the version');
  t.equal(readHeader(admission.octets).rcode, 0, 'the lower bits');
});

test('L3: an A or AAAA question that can be read is never refused', async (t) => {
  const property = fc.property(
    fc.constantFrom(RrType.A, RrType.AAAA),
    fc.integer({ min: 0, max: 0xffff }),
    fc.integer({ min: 0, max: 0x7ff }).filter((flags) => (flags & Flag.QR) === 0),
    fc.option(fc.boolean(), { nil: undefined }),
    (qtype, id, flags, dnssecOk) => {
      const edns = dnssecOk === undefined ? undefined : { dnssecOk };
      return admit(bent(queryOctets(NAME, qtype, { id, edns }), { flags })).kind === 'ask';
    },
  );
  t.doesNotThrow(() => fc.assert(property));
});

/** Octets from nothing, and queries with a few octets changed, cut or added: what comes near to a message. */
const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc
    .tuple(
      fc.constantFrom(...matrix.map(([, octets]) => octets)),
      fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 6 }),
      fc.nat(80),
    )
    .map(([octets, changes, length]) => {
      const copy = Uint8Array.from(octets);
      for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
      return copy.slice(0, length);
    }),
);

test('L2: no octets make it throw, a response is never answered, and a reply is never a query', async (t) => {
  const property = fc.property(hostile, (octets) => {
    const before = Uint8Array.from(octets);
    const admission = admit(octets);
    if (Buffer.compare(octets, before) !== 0) throw new Error('the octets were changed');
    const isResponse = octets.length >= 12 && (readHeader(octets).flags & Flag.QR) !== 0;
    if (isResponse && admission.kind !== 'drop') throw new Error('a response was answered');
    if (admission.kind === 'reply' && (readHeader(admission.octets).flags & Flag.QR) === 0) {
      throw new Error('a reply without QR');
    }
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 2_000 }));
});
