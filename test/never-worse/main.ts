// `npm run never-worse [-- --seed N --draws N --minutes N --slots N | --draw JSON | bites [WORD …]]`
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { scriptFlags } from '../../docker/script-flags.ts';
import { showBites } from './bites.ts';
import { type Draw, draws } from './draw.ts';
import { kindsOf } from './kinds.ts';
import { violations } from './law.ts';
import { makePrograms } from './programs.ts';
import { search } from './search.ts';
import { makeSlots } from './slots.ts';
import { cliToTry, runTrial } from './trial.ts';

const { values, positionals } = scriptFlags({
  allowNegative: true,
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    draws: { type: 'string', default: '200' },
    minutes: { type: 'string', default: '10' },
    slots: { type: 'string', default: '8' },
    draw: { type: 'string' },
    shrink: { type: 'boolean', default: true },
  },
});

const say = (...words: unknown[]) => void process.stdout.write(`${words.map(shown).join(' ')}\n`);
const shown = (word: unknown) =>
  typeof word === 'string' ? word : inspect(word, { breakLength: Number.POSITIVE_INFINITY });

const folder = mkdtempSync(join(tmpdir(), 'never-worse-clients-'));
const { programs, missing } = await makePrograms(folder);
for (const what of missing) say(`without ${what}`);
const slots = await makeSlots(values.draw === undefined ? Number(values.slots) : 1);
const laboratory = { slots, programs, cli: cliToTry() };
let failed = false;
try {
  const [command, ...wanted] = positionals;
  if (command === 'bites') {
    const [seed, minutes] = [Number(values.seed), Number(values.minutes)];
    say(`seed ${seed}: ${minutes} minutes for each fault`);
    failed = (await showBites(laboratory, { seed, minutes, folder, wanted, say })) > 0;
  } else if (values.draw === undefined) {
    const seed = Number(values.seed);
    say(`seed ${seed}: up to ${values.draws} draws in ${values.minutes} minutes`);
    const drawn = fc.sample(draws, { seed, numRuns: Number(values.draws) });
    const until = performance.now() + 60_000 * Number(values.minutes);
    const found = await search(drawn, laboratory, {
      until,
      say: (line) => say(line),
      shrink: values.shrink,
    });
    for (const { draw, broken } of found.counterexamples) {
      say(`\n${broken.join('\n')}\nnpm run never-worse -- --draw '${JSON.stringify(draw)}'`);
    }
    const { trials, counterexamples, onceOnly } = found;
    say(`${trials} draws, ${counterexamples.length} counterexamples, ${onceOnly} broken once only`);
    const kinds = [...kindsOf(drawn.slice(0, trials))].map(([kind, count]) => `${count} ${kind}`);
    say(`of these: ${kinds.join(', ')}`);
    failed = counterexamples.length > 0;
  } else {
    const draw: Draw = JSON.parse(values.draw);
    const [slot] = slots.slots;
    const pairs = slot === undefined ? [] : await runTrial(draw, slot, laboratory);
    for (const { client, direct, through } of pairs) {
      say(client, '\n  directly        ', direct, '\n  through sidestub', through);
    }
    const broken = violations(draw, pairs);
    say(broken.length === 0 ? 'the law holds' : broken.join('\n'));
    failed = broken.length > 0;
  }
} finally {
  await slots.destroy();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
