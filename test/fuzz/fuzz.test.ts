import { test } from 'tap';
import { fuzzDaemons } from './daemon.ts';
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

test('two daemons under fuzz for a second: a clean client beside gets right answers (npm run fuzz goes on)', async (t) => {
  const luck = new Luck(20_261_125);
  const pool = seeds();
  const mutant = () => mutate(pool[luck.below(pool.length)] ?? new Uint8Array(), luck);
  const { broken, sent, said, clean } = await fuzzDaemons(t, 1, luck, mutant);
  t.same(broken, undefined);
  t.ok(sent >= 50 && said > 0 && clean > 0, `${sent} sent, ${said} said, ${clean} clean answers`);
});

test('the seeds themselves are read', (t) => {
  for (const seed of seeds()) t.equal(tryWire(seed), undefined);
  t.end();
});
