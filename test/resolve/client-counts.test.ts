import { test } from 'tap';
import { ClientCounts } from '../../src/resolve/client-counts.ts';

test('S1: each client has its own, and the program has its own', async (t) => {
  const counts = new ClientCounts();
  for (const client of ['a', 'a', undefined]) counts.add(client);
  t.same([counts.of('a'), counts.of(undefined), counts.of('b')], [2, 1, 0]);
  t.equal(counts.total, 3);
  counts.remove('a');
  t.same([counts.of('a'), counts.of(undefined)], [1, 1]);
  t.equal(counts.total, 2);
});

test('S1: who has none any more takes no memory', async (t) => {
  const counts = new ClientCounts();
  for (const client of ['a', 'a', 'b']) counts.add(client);
  t.equal(counts.clients, 2);
  counts.remove('a');
  t.equal(counts.clients, 2, 'one is left');
  counts.remove('a');
  t.equal(counts.clients, 1);
  t.equal(counts.of('a'), 0);
});
