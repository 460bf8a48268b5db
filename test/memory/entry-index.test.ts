import { test } from 'tap';
import { FIELDS } from '../../src/memory/entry.ts';
import { EntryIndex, FIRST_SLOTS, Lookups } from '../../src/memory/entry-index.ts';

/** Octets of each entry, the least that there is. */
const SIZE = 64;

/** An index of a few buckets, none of which is split. */
function startIndex() {
  const words = new Int32Array(64 * (SIZE / 4));
  const index = new EntryIndex(new Int32Array(2 * FIRST_SLOTS), words);
  const link = (hash: number, place: number) => {
    const at = SIZE * (index.entries + 1);
    words[at / 4 + FIELDS.size] = SIZE;
    const slot = index.bucketOf(hash) + 2 * place;
    index.link(at, slot, hash);
    return { slot, word: at / 4 };
  };
  return { index, link };
}

test('many hashes are looked up together, whichever slot of its bucket each is in', (t) => {
  const { index, link } = startIndex();
  const lookups = new Lookups(16);
  const wanted = Array.from({ length: 8 }, (_, place) => {
    const hash = (place << 8) | 5;
    lookups.hashes[lookups.count++] = hash;
    return link(hash, place);
  });
  const negative = -7;
  const below = link(negative, 2);
  for (const hash of [negative, (99 << 8) | 5, 6]) lookups.hashes[lookups.count++] = hash;
  index.fetch(lookups);
  t.same(
    [...lookups.slots.subarray(0, lookups.count)],
    [...wanted.map(({ slot }) => slot), below.slot, -1, -1],
  );
  t.same(
    [...lookups.words.subarray(0, lookups.count)],
    [...wanted.map(({ word }) => word), below.word, 0, 0],
    'and the entries',
  );
  t.end();
});

test('of equal hashes the first is found', (t) => {
  const { index, link } = startIndex();
  const lookups = new Lookups(1);
  lookups.hashes[0] = 5;
  lookups.count = 1;
  link(5, 3);
  const { slot } = link(5, 1);
  index.fetch(lookups);
  t.equal(lookups.slots[0], slot);
  t.end();
});
