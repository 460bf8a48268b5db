import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { applyBreak } from '../rules/apply-break.ts';
import { draws } from './draw.ts';
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
 * Puts old faults back, one at a time, and draws until each is found: a draw that breaks the law with the fault three
 * times of three, and not without it.
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
  const drawn = fc.sample(draws, { seed, numRuns: MANY });
  const queue = [...(fault.draw === undefined ? [] : [fault.draw]), ...drawn][Symbol.iterator]();
  let trials = 0;
  while (performance.now() < until) {
    const searched = await search(queue, broken, { until, shrink: false, stopAtFirst: true });
    trials += searched.trials;
    const [slot] = broken.slots.slots;
    const [counterexample] = searched.counterexamples;
    if (slot === undefined || counterexample === undefined) return false;
    // What breaks the law without the fault as well says nothing about it.
    if ((await breaksAlways(counterexample.draw, slot, sound)) !== undefined) continue;
    const seconds = Math.round((performance.now() - began) / 1_000);
    say(`found after ${trials} draws, ${seconds} s: ${fault.name}`);
    say(`  ${JSON.stringify(counterexample.draw)}\n  ${counterexample.broken.join('\n  ')}`);
    return true;
  }
  return false;
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
