import { createHash, randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Luck, mutate } from './mutate.ts';
import { seeds } from './seeds.ts';
import { tryWire } from './wire.ts';

// `npm run fuzz -- [SECONDS] [SEED]`: mutates messages and reads them until the time is over or something breaks.
const DEFAULT_SECONDS = 30;
/** Mutants go on as seeds of others, so many at most. */
const MAX_POOL = 5_000;

const [secondsText = String(DEFAULT_SECONDS), seedText = String(randomInt(2 ** 32))] =
  process.argv.slice(2);
const seconds = Number(secondsText);
const seed = Number(seedText);
if (!(seconds > 0) || !Number.isInteger(seed)) {
  process.stderr.write('usage: npm run fuzz -- [SECONDS] [SEED]\n');
  process.exitCode = 64;
} else {
  process.exitCode = fuzz(seconds, seed);
}

function fuzz(span: number, from: number): number {
  const luck = new Luck(from);
  const pool = seeds();
  const end = performance.now() + span * 1000;
  let tried = 0;
  while (performance.now() < end) {
    const parent = pool[luck.below(pool.length)] ?? new Uint8Array();
    const mutant = mutate(parent, luck);
    const wrong = tryWire(mutant);
    tried++;
    if (wrong !== undefined) return report(mutant, wrong, from);
    if (luck.below(100) === 0)
      pool[pool.length < MAX_POOL ? pool.length : luck.below(MAX_POOL)] = mutant;
  }
  process.stdout.write(`${tried} messages in ${span} s, none broke anything (seed ${from})\n`);
  return 0;
}

function report(octets: Uint8Array, wrong: string, from: number): number {
  const hex = Buffer.from(octets).toString('hex');
  const name = `${createHash('sha256').update(octets).digest('hex').slice(0, 12)}.hex`;
  writeFileSync(join(import.meta.dirname, 'findings', name), `${hex}\n`);
  process.stdout.write(`broken (seed ${from}), kept as findings/${name}:\n${wrong}\n`);
  return 1;
}
