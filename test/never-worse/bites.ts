import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { applyBreak } from '../rules/apply-break.ts';
import { type Draw, draws } from './draw.ts';
import { OLD_FAULTS, type OldFault } from './old-faults.ts';
import { breaksAlways, search } from './search.ts';
import type { Laboratory } from './trial.ts';

/** How the harness is shown to bite. */
export interface BitesOptions {
  readonly seed: number;
  /** For each fault. */
  readonly minutes: number;
  /** For copies of the sources. */
  readonly folder: string;
  /** Faults whose name has one of these in it; all where there is none. */
  readonly wanted: readonly string[];
  readonly say: (line: string) => void;
}

const ROOT = resolve(import.meta.dirname, '../..');

/**
 * Puts old faults back, one at a time, and draws until each is found: by a draw that breaks the law with the fault three
 * times of three, and not without it. Where a fault has such a draw, nothing else is drawn.
 *
 * @returns How many were not found in time.
 */
export async function showBites(laboratory: Laboratory, options: BitesOptions): Promise<number> {
  const { wanted, say } = options;
  const isWanted = ({ name }: OldFault) => wanted.every((word) => name.includes(word));
  let missed = 0;
  for (const [number, fault] of OLD_FAULTS.filter(isWanted).entries()) {
    const cli = buildWith(fault, join(options.folder, `fault-${number}`));
    const found = await find(fault, { ...laboratory, cli }, laboratory, options);
    if (!found) missed++;
    if (!found) say(`NOT FOUND in ${options.minutes} minutes: ${fault.name}`);
  }
  return missed;
}

async function find(
  fault: OldFault,
  broken: Laboratory,
  sound: Laboratory,
  { seed, minutes, say }: BitesOptions,
): Promise<boolean> {
  const began = performance.now();
  const until = began + 60_000 * minutes;
  const queue = fc.sample(draws, { seed, numRuns: MANY })[Symbol.iterator]();
  const [slot] = broken.slots.slots;
  if (slot === undefined) return false;
  const trials: Trials = {
    broken: (draw) => breaksAlways(draw, slot, broken),
    sound: (draw) => breaksAlways(draw, slot, sound),
  };
  // Alone, since others beside it change what meets what.
  const known = fault.draw && (await shownBy(fault.draw, trials));
  if (known !== undefined) {
    say(`found by its own draw: ${fault.name}\n  ${known.join('\n  ')}`);
    return true;
  }
  let drawn = 0;
  while (performance.now() < until) {
    const searched = await search(queue, broken, { until, shrink: false, stopAtFirst: true });
    drawn += searched.trials;
    const [counterexample] = searched.counterexamples;
    if (counterexample === undefined) return false;
    // What breaks the law without the fault as well says nothing about it.
    if ((await trials.sound(counterexample.draw)) !== undefined) continue;
    const seconds = Math.round((performance.now() - began) / 1_000);
    say(`found after ${drawn} draws, ${seconds} s: ${fault.name}`);
    say(`  ${JSON.stringify(counterexample.draw)}\n  ${counterexample.broken.join('\n  ')}`);
    return true;
  }
  return false;
}

/** What a draw breaks of the law each time, with the fault and without it; nothing where it is kept once. */
export interface Trials {
  broken(draw: Draw): Promise<readonly string[] | undefined>;
  sound(draw: Draw): Promise<readonly string[] | undefined>;
}

/** @returns What the draw breaks, if it breaks that because of the fault. */
export async function shownBy(
  draw: Draw,
  { broken, sound }: Trials,
): Promise<readonly string[] | undefined> {
  const shown = await broken(draw);
  if (shown === undefined || (await sound(draw)) !== undefined) return undefined;
  return shown;
}

/** More than ten minutes are enough for. */
const MANY = 5_000;

/** @returns A sidestub with the fault. */
function buildWith({ name, edits }: OldFault, folder: string): string {
  mkdirSync(folder);
  for (const part of ['src', 'package.json', 'rolldown.config.ts', 'tsconfig.json']) {
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const edit of edits) applyBreak(folder, { ...edit, rule: name, what: name, tests: [] });
  execFileSync(join(ROOT, 'node_modules/.bin/rolldown'), ['-c'], { cwd: folder, stdio: 'pipe' });
  return join(folder, 'dist/cli.js');
}
