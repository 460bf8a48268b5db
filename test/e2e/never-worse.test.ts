// Never worse than asking directly: what people have reported, and a few draws; `npm run never-worse` makes hundreds.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { CASES } from '../never-worse/cases.ts';
import { draws } from '../never-worse/draw.ts';
import { makePrograms } from '../never-worse/programs.ts';
import { breaksAlways, search } from '../never-worse/search.ts';
import { makeSlots, type Slot } from '../never-worse/slots.ts';
import { cliToTry } from '../never-worse/trial.ts';
import { lacks, required } from '../support/lab-requirements.ts';

/** Draws wait more than they work. */
const SLOTS = 12;
/** The same draws each time: a commit is not red for what another has brought. */
const SEED = 17;
const DRAWS = 16;

test('never worse than asking directly', async (t) => {
  if (!required(t)) return;
  const folder = mkdtempSync(join(tmpdir(), 'never-worse-clients-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const { programs, missing } = await makePrograms(folder);
  for (const reason of missing) lacks(t, 'asks with every client', reason);
  const slots = await makeSlots(SLOTS);
  t.teardown(() => slots.destroy());
  const laboratory = { slots, programs, cli: cliToTry() };

  const broken = new Map<string, readonly string[]>();
  const queue = CASES[Symbol.iterator]();
  const serve = async (slot: Slot) => {
    for (const { name, draw } of queue) {
      broken.set(name, (await breaksAlways(draw, slot, laboratory)) ?? []);
    }
  };
  await Promise.all(slots.slots.map(serve));
  for (const { name } of CASES) {
    await t.test(name, async (t) => {
      t.strictSame(broken.get(name), []);
    });
  }

  await t.test(`${DRAWS} draws of seed ${SEED}`, async (t) => {
    const drawn = fc.sample(draws, { seed: SEED, numRuns: DRAWS });
    const { trials, counterexamples } = await search(drawn, laboratory, { shrink: false });
    t.equal(trials, DRAWS);
    const told = counterexamples.map(({ draw, broken }) => [JSON.stringify(draw), ...broken]);
    t.strictSame(told, []);
  });
});
