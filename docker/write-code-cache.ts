import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from 'rolldown';
import type { Platform } from './platform.ts';

/** So that the same program gives the same octets. Neither changes what V8 asks of bytecode that it reads. */
const SAME_OCTETS = ['--predictable', '--random-seed=1'];

/**
 * Writes the bytecode of what rolldown has built beside it.
 *
 * V8 numbers all that it compiles in a process, and the numbers are in the bytecode. So the process that makes it is told
 * nothing of this one, and has no types to strip.
 *
 * @param folder - Its whole path.
 * @param node - How the Node that will run it is called here.
 */
export async function writeCodeCache(folder: string, [node, ...words]: Command): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'sidestub-bytecode-'));
  const file = join(scratch, 'bytecode.cjs');
  try {
    await build({
      input: join(import.meta.dirname, 'bytecode.ts'),
      platform: 'node',
      output: { file, format: 'cjs' },
      logLevel: 'warn',
    });
    execFileSync(node, [...words, ...SAME_OCTETS, file, folder], {
      env: {},
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A program, and what it is told first. */
export type Command = readonly [program: string, ...words: string[]];

/** Why Node for a platform does not run here; `undefined` where it does. */
export function whyNotHere({ cpu }: Platform): string | undefined {
  if (cpu === process.arch) return undefined;
  const { error } = spawnSync(emulatorOf(cpu), ['--version'], { stdio: 'ignore' });
  return error === undefined
    ? undefined
    : `${emulatorOf(cpu)} is not here, which runs Node for ${cpu}: apt-get install qemu-user-static`;
}

/** How the Node of a platform's root file system is called here, where {@link whyNotHere} has no reason. */
export function nodeIn(root: string, { cpu, triplet, loader }: Platform): Command {
  const node = join(root, 'usr/bin/node');
  if (cpu === process.arch) return [node];
  const libraries = join(root, 'lib', triplet);
  // By name: the link to it leads out of the root file system.
  return [emulatorOf(cpu), join(libraries, basename(loader)), '--library-path', libraries, node];
}

function emulatorOf(cpu: Platform['cpu']): string {
  return `qemu-${cpu === 'x64' ? 'x86_64' : 'aarch64'}-static`;
}
