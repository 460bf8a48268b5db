// `npm run never-worse [-- --seed N --draws N --minutes N --slots N | --draw JSON]`
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, parseArgs } from 'node:util';
import fc from 'fast-check';
import { type Draw, draws } from './draw.ts';
import { violations } from './law.ts';
import { makePrograms } from './programs.ts';
import { search } from './search.ts';
import { makeSlots } from './slots.ts';
import { runTrial } from './trial.ts';

const { values } = parseArgs({
  allowNegative: true,
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
const shown = (word: unknown) => (typeof word === 'string' ? word : inspect(word));

const folder = mkdtempSync(join(tmpdir(), 'never-worse-clients-'));
const { programs, missing } = await makePrograms(folder);
for (const what of missing) say(`without ${what}`);
const slots = await makeSlots(values.draw === undefined ? Number(values.slots) : 1);
let failed = false;
try {
  if (values.draw === undefined) {
    const seed = Number(values.seed);
    say(`seed ${seed}: up to ${values.draws} draws in ${values.minutes} minutes`);
    const drawn = fc.sample(draws, { seed, numRuns: Number(values.draws) });
    const until = performance.now() + 60_000 * Number(values.minutes);
    const found = await search(drawn, slots, programs, {
      until,
      say: (line) => say(line),
      shrink: values.shrink,
    });
    for (const { draw, broken } of found.counterexamples) {
      say(`\n${broken.join('\n')}\nnpm run never-worse -- --draw '${JSON.stringify(draw)}'`);
    }
    const { trials, counterexamples, onceOnly } = found;
    say(`${trials} draws, ${counterexamples.length} counterexamples, ${onceOnly} broken once only`);
    failed = counterexamples.length > 0;
  } else {
    const draw: Draw = JSON.parse(values.draw);
    const [slot] = slots.slots;
    const pairs = slot === undefined ? [] : await runTrial(draw, slot, slots, programs);
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
