import { createHash, randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { samples, skip } from '../support/corpus.ts';
import { fuzzDaemons } from './daemon.ts';
import { Luck, mutate } from './mutate.ts';
import { seeds } from './seeds.ts';
import { tryWire } from './wire.ts';

// `npm run fuzz -- [SECONDS] [SEED]`: mutates messages until the time is over or something breaks: a third of the time
// they are read in this process, the rest they are sent to two running daemons.
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
  process.exitCode = fuzz(seconds / 3, seed) || (await fuzzWhole((2 * seconds) / 3, seed));
}

/** The project's own messages and findings, and the corpus where it is. */
function allSeeds(): Uint8Array[] {
  const corpus = skip === false ? samples().map(({ octets }) => octets) : [];
  return [...seeds(), ...corpus.filter(({ length }) => length < 4_096)];
}

async function fuzzWhole(span: number, from: number): Promise<number> {
  const luck = new Luck(from);
  const pool = allSeeds();
  const undo: (() => unknown)[] = [];
  const owner = { teardown: (each: () => unknown) => undo.push(each) };
  const mutant = () => mutate(pool[luck.below(pool.length)] ?? new Uint8Array(), luck);
  const { broken, ...figures } = await fuzzDaemons(owner, span, luck, mutant);
  for (const each of undo.reverse()) await each();
  process.stdout.write(`daemons: ${JSON.stringify(figures)} (seed ${from})\n`);
  for (const octets of broken?.octets ?? []) report(octets, broken?.reason ?? '', from);
  return broken === undefined ? 0 : 1;
}

function fuzz(span: number, from: number): number {
  const luck = new Luck(from);
  const pool = allSeeds();
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
