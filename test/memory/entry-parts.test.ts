import { test } from 'tap';
import { ANSWER, MADE } from '../../src/memory/entry.ts';
import { EntryParts } from '../../src/memory/entry-parts.ts';
import { PlainQuery } from '../../src/memory/plain-query.ts';
import { request } from '../support/messages.ts';

const LIFE = { storedAt: 0, fresh: 1_000, alone: 1_000, stale: 0 };

function startParts() {
  const parts = new EntryParts(1 << 16, 1 << 14, {});
  const query = new PlainQuery(1);
  query.of(request('name.example.'));
  return { parts, query };
}

for (const isPositive of [true, false]) {
  const part = isPositive ? 'positive' : 'negative';
  test(`an entry of the ${part} part is found there, and nowhere once it is deleted`, (t) => {
    const { parts, query } = startParts();
    const store = parts.of(isPositive);
    t.equal(store, parts[part]);
    t.equal(parts.find(query, ANSWER), -1);
    const at = store.insert(query, ANSWER, 8, LIFE, 0);
    store.ready(at, 1_000, 3, 0);
    t.equal(parts.find(query, MADE), -1, 'of another role');
    t.equal(parts.find(query, ANSWER), at);
    t.equal(parts.found, store);
    parts.found = parts.of(!isPositive);
    t.equal(parts.findReply(query, 10, 1), at);
    t.equal(parts.found, store);
    parts.delete(query, MADE);
    t.equal(parts.find(query, ANSWER), at, 'only what was meant goes');
    parts.unready(query);
    t.equal(parts.findReply(query, 10, 1), -1, 'not to be repeated');
    t.equal(parts.find(query, ANSWER), at, 'but known');
    parts.delete(query, ANSWER);
    t.equal(parts.find(query, ANSWER), -1);
    t.end();
  });
}

test('each part has its own room', (t) => {
  const { parts } = startParts();
  t.not(parts.positive, parts.negative);
  t.ok(parts.positive.taken > parts.negative.taken);
  t.end();
});
