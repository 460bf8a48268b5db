import { type Draw, simpler } from './draw.ts';
import { violations } from './law.ts';
import type { Slot } from './slots.ts';
import { type Laboratory, runTrial } from './trial.ts';

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

export interface SearchOptions {
  /** On performance.now(): no new draw begins after it. */
  readonly until?: number;
  readonly say?: (line: string) => unknown;
  /** Take everything away from a counterexample that does not matter. */
  readonly shrink?: boolean;
  /** End with the first one, which is then run again beside the others. */
  readonly stopAtFirst?: boolean;
}

/** How often a draw has to break the law to count. */
const TIMES = 3;

/** Runs draws side by side, and runs each that breaks the law again, alone. */
export async function search(
  draws: Iterable<Draw>,
  laboratory: Laboratory,
  options: SearchOptions = {},
): Promise<Search> {
  const { until = Number.POSITIVE_INFINITY, say = () => undefined } = options;
  const { shrink = true, stopAtFirst = false } = options;
  const { slots } = laboratory.slots;
  const suspects: Draw[] = [];
  const counterexamples: Counterexample[] = [];
  let trials = 0;
  const queue = draws[Symbol.iterator]();
  const confirm = async (drawn: Draw, slot: Slot) => {
    const broken = await breaksAlways(drawn, slot, laboratory);
    if (broken === undefined) return;
    const draw = shrink ? await shrunk(drawn, laboratory) : drawn;
    const left = draw === drawn ? undefined : await brokenIn(draw, slot, laboratory);
    counterexamples.push({ drawn, draw, broken: left ?? broken });
    say(`counterexample: ${JSON.stringify(draw)}`);
  };
  const isOver = () => performance.now() >= until || (stopAtFirst && counterexamples.length > 0);
  const serve = async (slot: Slot) => {
    while (!isOver()) {
      const { value: draw, done } = queue.next();
      if (done === true) return;
      trials++;
      const broken = await brokenIn(draw, slot, laboratory);
      if (broken === undefined) continue;
      suspects.push(draw);
      say(`suspect: ${JSON.stringify(draw)}\n  ${broken.join('\n  ')}`);
      if (stopAtFirst) await confirm(draw, slot);
    }
  };
  await Promise.all(slots.map(serve));
  const [alone] = slots;
  for (const drawn of stopAtFirst ? [] : suspects) {
    if (alone !== undefined) await confirm(drawn, alone);
  }
  return { trials, counterexamples, onceOnly: suspects.length - counterexamples.length };
}

async function brokenIn(
  draw: Draw,
  slot: Slot,
  laboratory: Laboratory,
): Promise<readonly string[] | undefined> {
  const broken = violations(draw, await runTrial(draw, slot, laboratory));
  return broken.length > 0 ? broken : undefined;
}

/** What is broken in the last of three runs; nothing where one of them was right. */
export async function breaksAlways(
  draw: Draw,
  slot: Slot,
  laboratory: Laboratory,
): Promise<readonly string[] | undefined> {
  let broken: readonly string[] | undefined;
  for (let run = 0; run < TIMES; run++) {
    broken = await brokenIn(draw, slot, laboratory);
    if (broken === undefined) return undefined;
  }
  return broken;
}

/** Takes one thing away after the other, as long as the law stays broken. */
async function shrunk(draw: Draw, laboratory: Laboratory): Promise<Draw> {
  const { slots } = laboratory.slots;
  let current = draw;
  for (;;) {
    const steps = simpler(current);
    let next: Draw | undefined;
    for (let at = 0; at < steps.length && next === undefined; at += slots.length) {
      const batch = steps.slice(at, at + slots.length);
      const still = await Promise.all(
        batch.map(async (step, i) => {
          const slot = slots[i];
          return slot !== undefined && (await breaksAlways(step, slot, laboratory)) !== undefined;
        }),
      );
      next = batch.find((_, i) => still[i]);
    }
    if (next === undefined) return current;
    current = next;
  }
}
