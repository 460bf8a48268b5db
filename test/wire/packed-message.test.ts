import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'tap';
import type { Message } from '../../src/wire/message.ts';
import { packMessage, unpackMessage } from '../../src/wire/packed-message.ts';
import { a, message } from '../support/messages.ts';
import { anyMessage } from './arbitraries.ts';

/** What a message is, whichever kind of octets it is made of. */
function plain({ answer, authority, additional, ...rest }: Message): object {
  const sections = [answer, authority, additional].map((records) =>
    records.map((rr) => ({ ...rr, owner: [...rr.owner], rdata: [...rr.rdata] })),
  );
  return { ...rest, sections };
}

test('a message comes out of its packing as it went in', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(anyMessage(40), (sent) => {
        assert.deepEqual(plain(unpackMessage(packMessage(sent))), plain(sent));
      }),
    ),
  );
  t.end();
});

test('RCODE and each flag are kept, and nothing is there that was not', (t) => {
  const each: Message[] = [
    message({ rcode: 23 }),
    message({ authoritative: true, authenticData: false }),
    message({ authoritative: false, authenticData: true }),
    message({ truncated: true }),
    message({ otherOwner: true }),
  ];
  for (const sent of each) t.strictSame(plain(unpackMessage(packMessage(sent))), plain(sent));
  t.end();
});

test('records longer than any before are kept whole', (t) => {
  const long = {
    ...a('git.example.', '192.0.2.1'),
    type: 65_280,
    rdata: new Uint8Array(40_000).fill(7),
  };
  const sent = message({ answer: [long, long] });
  t.strictSame(plain(unpackMessage(packMessage(sent))), plain(sent));
  t.end();
});

test('what has been unpacked does not change when another message is packed', (t) => {
  const first = message({ answer: [a('one.example.', '192.0.2.1')] });
  const unpacked = unpackMessage(packMessage(first));
  packMessage(message({ answer: [a('two.example.', '198.51.100.2')] }));
  t.strictSame(plain(unpacked), plain(first));
  t.end();
});
