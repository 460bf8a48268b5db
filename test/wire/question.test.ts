import { test } from 'tap';
import { RrType } from '../../src/wire/codes.ts';
import { encodeName } from '../../src/wire/name.ts';
import { readQuestion } from '../../src/wire/question.ts';
import { WireError } from '../../src/wire/wire-error.ts';

/** As many octets as a header has: a question stands behind it. */
const HEADER = new Uint8Array(12);
/** AAAA in class CH: no octet is like another. */
const FIXED = Uint8Array.of(0, RrType.AAAA, 0, 3);

const behindHeader = (...parts: Uint8Array[]) =>
  Uint8Array.from(Buffer.concat([HEADER, ...parts, FIXED]));

test('a question is read in canonical form, and its octets are kept as they stood', async (t) => {
  const name = encodeName('GIT.Example.');
  const packet = Uint8Array.from([...behindHeader(name), 9, 9]);
  const question = readQuestion(packet, 12);
  t.strictSame(question, {
    qname: 'git.example.',
    qtype: RrType.AAAA,
    qclass: 3,
    octets: Uint8Array.from([...name, ...FIXED]),
    end: packet.length - 2,
  });
  packet.fill(0);
  t.strictSame(question.octets, Uint8Array.from([...name, ...FIXED]), 'a copy');
});

test('the root and the longest label can be asked for', async (t) => {
  t.equal(readQuestion(behindHeader(encodeName('.')), 12).qname, '.');
  const longest = `${'a'.repeat(63)}.b.`;
  t.equal(readQuestion(behindHeader(encodeName(longest)), 12).qname, longest);
});

test('a question ends inside the message', async (t) => {
  const packet = behindHeader(encodeName('git.example.'));
  t.equal(readQuestion(packet, 12).end, packet.length);
  for (let length = 12; length < packet.length; length++) {
    t.throws(() => readQuestion(packet.subarray(0, length), 12), WireError, `${length} octets`);
  }
  t.throws(() => readQuestion(packet.subarray(0, -1), 12), /question at 12 runs past the message/);
});

test('a question that a pointer stands in is refused: none can lead anywhere', async (t) => {
  for (const to of [0, 4, 11, 12]) {
    const pointer = Uint8Array.of(0xc0, to);
    const [alone, behindLabel] = [
      behindHeader(pointer),
      behindHeader(Uint8Array.of(1, 0x61), pointer),
    ];
    t.throws(() => readQuestion(alone, 12), /compressed question at 12/, `to ${to}`);
    t.throws(() => readQuestion(behindLabel, 12), /compressed question at 12/, `a. to ${to}`);
  }
});
