import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'tap';
import { AnswerMemory } from '../../src/memory/answer-memory.ts';
import type { Message } from '../../src/wire/message.ts';
import { canonicalName, encodeName, type Name, sameName } from '../../src/wire/name.ts';
import { a, message } from '../support/messages.ts';
import { anyMessage, wireName } from '../wire/arbitraries.ts';

/** What a message is, whichever kind of octets it is made of; QNAME as owner has the case of the question. */
function plain({ answer, authority, additional, ...rest }: Message, qname?: Uint8Array): object {
  const ownerOf = (owner: Uint8Array) =>
    qname !== undefined && sameName(owner, qname) ? qname : owner;
  const sections = [answer, authority, additional].map((records) =>
    records.map((rr) => ({ ...rr, owner: [...ownerOf(rr.owner)], rdata: [...rr.rdata] })),
  );
  return { ...rest, sections };
}

const LIFE = { storedAt: 0, fresh: 1, alone: 1, stale: 0 };
const asked = (qname: Name) => ({
  qname,
  qtype: 1,
  qclass: 1,
  dnssecOk: false,
  checkingDisabled: false,
});

function startMemory() {
  const memory = new AnswerMemory({ octets: 1 << 22, negativeOctets: 1 << 14, seed: 1 });
  return {
    put: (sent: Message, qname = 'git.example.') => memory.put(asked(qname), sent, true, LIFE),
    get: (qname = 'git.example.') => memory.find(asked(qname))?.message,
    /** The message after it was kept. */
    through(sent: Message, qname = 'git.example.'): Message {
      assert.ok(this.put(sent, qname));
      const kept = this.get(qname);
      assert.ok(kept);
      return kept;
    },
  };
}

test('a message comes out of the memory as it went in', (t) => {
  const memory = startMemory();
  const property = fc.property(anyMessage(40), fc.nat(60), wireName, (sent, pick, other) => {
    const records = [...sent.answer, ...sent.authority, ...sent.additional];
    const qname = canonicalName(records[pick % records.length]?.owner ?? other);
    const ok = { ...sent, rcode: sent.rcode & 0xf };
    const wire = encodeName(qname);
    const { nodataDenied: _, truncated: __, partial: ___, ...kept } = ok;
    assert.deepEqual(plain(memory.through(ok, qname), wire), plain(kept, wire));
  });
  t.doesNotThrow(() => fc.assert(property));
  t.end();
});

test('RCODE and each flag are kept, and nothing is there that was not', (t) => {
  const memory = startMemory();
  const each: Message[] = [
    message({ rcode: 3 }),
    message({ authoritative: true, authenticData: false }),
    message({ authoritative: false, authenticData: true }),
    message({ otherOwner: true }),
  ];
  for (const sent of each) t.strictSame(plain(memory.through(sent)), plain(sent));
  t.end();
});

test('records longer than any before are kept whole, up to 64 KiB', (t) => {
  const memory = startMemory();
  const long = (rdata: number) => ({
    ...a('git.example.', '192.0.2.1'),
    type: 65_280,
    rdata: new Uint8Array(rdata).fill(7),
  });
  for (const sizes of [[40_000], [40_000, 25_000]]) {
    const sent = message({ answer: sizes.map(long) });
    t.strictSame(plain(memory.through(sent)), plain(sent));
  }
  t.notOk(memory.put(message({ answer: [long(40_000), long(25_600)] })));
  t.equal(memory.get(), undefined, 'nor is what was there before');
  t.end();
});

test('what has been read does not change when another message is kept', (t) => {
  const memory = startMemory();
  const first = message({ answer: [a('git.example.', '192.0.2.1')] });
  const read = memory.through(first);
  memory.put(message({ answer: [a('git.example.', '198.51.100.2')] }));
  memory.put(message({ answer: [a('two.example.', '198.51.100.2')] }), 'two.example.');
  t.strictSame(plain(read), plain(first));
  t.end();
});
