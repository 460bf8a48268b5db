import { test } from 'tap';
import { Luck, mutate } from './mutate.ts';
import { seeds } from './seeds.ts';
import { tryWire } from './wire.ts';

test('twenty thousand mutants of our own messages break no reader (npm run fuzz goes on)', (t) => {
  const luck = new Luck(20_261_122);
  const pool = seeds();
  const broken: string[] = [];
  for (let tried = 0; tried < 20_000; tried++) {
    const wrong = tryWire(mutate(pool[tried % pool.length] ?? new Uint8Array(), luck));
    if (wrong !== undefined) broken.push(wrong);
  }
  t.same(broken, []);
  t.end();
});

test('the seeds themselves are read', (t) => {
  for (const seed of seeds()) t.equal(tryWire(seed), undefined);
  t.end();
});
