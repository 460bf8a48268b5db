import fc from 'fast-check';
import { test } from 'tap';
import { isLame, readReply } from '../../src/walk/reply.ts';
import { a, message, queryOctets, responseOctets } from '../support/messages.ts';

const ANSWER = message({ answer: [a('x.example', '192.0.2.1'), a('x.example', '192.0.2.2')] });
const OCTETS = responseOctets(queryOctets('x.example'), ANSWER);

test('records up to where the message is cut off are read (M7)', async (t) => {
  t.equal(readReply(OCTETS)?.answer.length, 2);
  t.equal(readReply(OCTETS.subarray(0, -1))?.answer.length, 1);
});

test('a reply without question has no question and its RCODE all the same', async (t) => {
  const bare = Uint8Array.from([0x12, 0x34, 0x80, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]);
  const reply = readReply(bare);
  t.equal(reply?.header.rcode, 1);
  t.notOk(reply?.question);
  t.equal(readReply(bare.subarray(1)), undefined);
});

test('an empty NOERROR is lame without AA and RA only (G3)', async (t) => {
  const lame = (ra: boolean, parts = {}) => {
    const reply = readReply(responseOctets(queryOctets('x.example'), message(parts), { ra }));
    return reply !== undefined && isLame(reply);
  };
  t.ok(lame(false));
  t.notOk(lame(true));
  t.notOk(lame(false, { authoritative: true }));
  t.notOk(lame(false, { rcode: 3 }));
});

test('no octets make it throw', async (t) => {
  const cut = fc.nat(OCTETS.length - 1);
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(fc.tuple(cut, fc.nat(255))), cut, (changes, length) => {
        const octets = Uint8Array.from(OCTETS);
        for (const [at, value] of changes) octets[at] = value;
        readReply(octets.subarray(0, length));
      }),
    ),
  );
});
