import fc from 'fast-check';
import { test } from 'tap';
import { judgeReply } from '../../src/upstream/reply.ts';
import { a, cname, message, nxdomain, responseOctets } from '../support/messages.ts';
import { outgoing } from './loopback.ts';

const ID = 0x1234;
const question = outgoing('api.example.');
const answers = [
  message({ answer: [a('api.example.', '192.0.2.1')] }),
  message({ answer: [cname('api.example.', 'b.example.'), a('b.example.', '192.0.2.2')] }),
  nxdomain('example.'),
];
const honest = answers.map((answer) => responseOctets({ id: ID, question }, answer));

test('an honest reply is the message that was sent', (t) => {
  honest.forEach((octets, i) => {
    const verdict = judgeReply(octets, ID, question);
    t.same(verdict, {
      kind: 'reply',
      reply: { message: answers[i], truncated: false, edns: false },
    });
  });
  t.end();
});

test('any octets get a verdict, and only those of this ID and question are a reply (U3)', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        const verdict = judgeReply(octets, ID, question);
        // 200 random octets do not spell the name.
        return verdict.kind === 'mismatched' || octets.length === 12;
      }),
    ),
  );
  t.end();
});

test('an honest reply with one octet changed: never an error, never another question (U3)', (t) => {
  const mutation = fc.record({
    original: fc.constantFrom(...honest),
    at: fc.nat(),
    octet: fc.integer({ min: 0, max: 255 }),
    cut: fc.option(fc.nat()),
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(mutation, ({ original, at, octet, cut }) => {
        const mutant = Uint8Array.from(original);
        mutant[at % mutant.length] = octet;
        const octets = cut === null ? mutant : mutant.subarray(0, cut % mutant.length);
        if (judgeReply(octets, ID, question).kind !== 'reply') return true;
        return octets.length === 12 || asked(octets) === asked(original);
      }),
      { numRuns: 2_000 },
    ),
  );
  t.end();
});

/** ID, and the question without regard to case. */
function asked(octets: Uint8Array): string {
  const text = Buffer.from(octets).toString('latin1');
  return (
    text.slice(0, 2) +
    text.slice(4, 6) +
    text.slice(12, 12 + 'api.example.'.length + 5).toLowerCase()
  );
}
