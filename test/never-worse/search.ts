import { type Draw, simpler } from './draw.ts';
import { type Pair, violations } from './law.ts';
import type { Slot, Slots } from './slots.ts';
import { type Programs, runTrial } from './trial.ts';

/** A draw that broke the law three times of three, and what is left of it when all is taken away that does not matter. */
export interface Counterexample {
  readonly drawn: Draw;
  readonly draw: Draw;
  readonly broken: readonly string[];
}

export interface Search {
  readonly trials: number;
  readonly counterexamples: readonly Counterexample[];
  /** Broken once and not again: what a busy machine does. */
  readonly onceOnly: number;
}

/** How often a draw has to break the law to count. */
const TIMES = 3;

/**
 * Runs draws side by side, and runs each that breaks the law again, alone.
 *
 * @param until - On performance.now(): no new draw begins after it.
 */
export async function search(
  draws: Iterable<Draw>,
  slots: Slots,
  programs: Programs,
  { until = Number.POSITIVE_INFINITY, say = (_: string): unknown => undefined, shrink = true } = {},
): Promise<Search> {
  const suspects: Draw[] = [];
  let trials = 0;
  const queue = draws[Symbol.iterator]();
  const serve = async (slot: Slot) => {
    while (performance.now() < until) {
      const { value: draw, done } = queue.next();
      if (done === true) return;
      trials++;
      const broken = violations(draw, await runTrial(draw, slot, slots, programs));
      if (broken.length > 0) suspects.push(draw);
      if (broken.length > 0) say(`suspect: ${JSON.stringify(draw)}\n  ${broken.join('\n  ')}`);
    }
  };
  await Promise.all(slots.slots.map(serve));
  const counterexamples: Counterexample[] = [];
  for (const drawn of suspects) {
    const [slot] = slots.slots;
    if (slot === undefined) break;
    const broken = await breaksAlways(drawn, slot, slots, programs);
    if (broken === undefined) continue;
    const draw = shrink ? await shrunk(drawn, slots, programs) : drawn;
    counterexamples.push({
      drawn,
      draw,
      broken: draw === drawn ? broken : ((await brokenIn(draw, slot, slots, programs)) ?? broken),
    });
    say(`counterexample: ${JSON.stringify(draw)}`);
  }
  return { trials, counterexamples, onceOnly: suspects.length - counterexamples.length };
}

async function brokenIn(
  draw: Draw,
  slot: Slot,
  slots: Slots,
  programs: Programs,
): Promise<string[] | undefined> {
  const pairs: Pair[] = await runTrial(draw, slot, slots, programs);
  const broken = violations(draw, pairs);
  return broken.length > 0 ? broken : undefined;
}

/** What is broken in the last of three runs; nothing where one of them was right. */
export async function breaksAlways(
  draw: Draw,
  slot: Slot,
  slots: Slots,
  programs: Programs,
): Promise<readonly string[] | undefined> {
  let broken: string[] | undefined;
  for (let run = 0; run < TIMES; run++) {
    broken = await brokenIn(draw, slot, slots, programs);
    if (broken === undefined) return undefined;
  }
  return broken;
}

/** Takes one thing away after the other, as long as the law stays broken. */
async function shrunk(draw: Draw, slots: Slots, programs: Programs): Promise<Draw> {
  let current = draw;
  for (;;) {
    const steps = simpler(current);
    let next: Draw | undefined;
    for (let at = 0; at < steps.length && next === undefined; at += slots.slots.length) {
      const batch = steps.slice(at, at + slots.slots.length);
      const still = await Promise.all(
        batch.map(async (step, i) => {
          const slot = slots.slots[i];
          return (
            slot !== undefined && (await breaksAlways(step, slot, slots, programs)) !== undefined
          );
        }),
      );
      next = batch.find((_, i) => still[i]);
    }
    if (next === undefined) return current;
    current = next;
  }
}
