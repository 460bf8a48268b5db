import { test } from 'tap';
import { AnswerMemory } from '../../src/memory/answer-memory.ts';
import { MADE } from '../../src/memory/entry.ts';
import { PlainQuery } from '../../src/memory/plain-query.ts';
import { RrClass, RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { a, message, nodata, record, request } from '../support/messages.ts';

const ASKED = {
  qname: 'name.example.',
  qtype: RrType.A,
  qclass: RrClass.IN,
  dnssecOk: false,
  checkingDisabled: false,
};
const ADDRESS = message({ answer: [a('name.example.', '192.0.2.1')] });
const NOTHING = nodata('example.');
const LIFE = { storedAt: 100, fresh: 1_000, alone: 1_000, stale: 0 };

function startMemory() {
  const memory = new AnswerMemory({ octets: 1 << 18, negativeOctets: 1 << 16, seed: 1 });
  const put = (what: Message, isPositive: boolean, asked = ASKED): boolean =>
    memory.put(asked, what, isPositive, LIFE);
  return { memory, put };
}

test('data is fresh until the end of its life, and nothing else is', (t) => {
  const { memory, put } = startMemory();
  t.equal(memory.hasFreshData(ASKED, 100), false, 'nothing is known');
  t.equal(put(NOTHING, false), true);
  t.equal(memory.hasFreshData(ASKED, 100), false, 'a denial is no data');
  put(ADDRESS, true);
  t.same(
    [100, 1_099, 1_100].map((now) => memory.hasFreshData(ASKED, now)),
    [true, true, false],
  );
  t.equal(memory.hasFreshData({ ...ASKED, qname: 'other.example.' }, 100), false);
  t.end();
});

test('an answer takes the place of the one before, in whichever part that is', (t) => {
  const { memory, put } = startMemory();
  put(ADDRESS, true);
  put(NOTHING, false);
  t.equal(memory.find(ASKED)?.message.answer.length, 0);
  t.same([memory.sizes.positive.entries, memory.sizes.negative.entries], [0, 1]);
  put(ADDRESS, true);
  t.equal(memory.find(ASKED)?.message.answer.length, 1);
  t.same([memory.sizes.positive.entries, memory.sizes.negative.entries], [1, 0]);
  t.equal(memory.find({ ...ASKED, qname: 'other.example.' }), undefined);
  memory.delete(ASKED);
  t.equal(memory.find(ASKED), undefined);
  t.end();
});

test('an answer that has no room ends the one before', (t) => {
  const { memory, put } = startMemory();
  put(ADDRESS, true);
  const text = new Uint8Array(60_000);
  const large = message({ answer: [record('name.example.', RrType.TXT, text)] });
  t.equal(put(large, true), false);
  t.equal(memory.find(ASKED), undefined, 'it is no longer what upstream says');
  t.end();
});

test('only the answers that are wanted are taken over', (t) => {
  const { memory, put } = startMemory();
  put(ADDRESS, true);
  put(NOTHING, false, { ...ASKED, qname: 'gone.example.' });
  put(ADDRESS, true, { ...ASKED, qname: 'name.test.' });
  const query = new PlainQuery(1);
  query.of(request('name.example.'));
  memory.parts.positive.insert(query, MADE, 8, LIFE, 100);
  const next = startMemory().memory;
  next.adopt(memory, (qname) => qname.endsWith('.example.'), 200);
  t.equal(next.find(ASKED)?.message.answer.length, 1);
  t.ok(next.find({ ...ASKED, qname: 'gone.example.' }), 'from both parts');
  t.equal(next.find({ ...ASKED, qname: 'name.test.' }), undefined);
  t.equal(next.parts.positive.find(query, MADE), -1, 'replies are made anew');
  t.end();
});
