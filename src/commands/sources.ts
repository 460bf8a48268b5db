import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { configFile, type Sources } from '../config/load.ts';
import type { Problem } from '../input-error.ts';
import { formatProblem } from '../input-error.ts';
import type { Output } from '../terminal.ts';
import type { CommandContext } from './command.ts';

/** Everything that a command's settings come from on this machine, as it is now. Call it again for a reload. */
export async function sourcesOf({
  flags,
  env,
}: Pick<CommandContext, 'flags' | 'env'>): Promise<Sources> {
  const hasFile = configFile({ flags, env }) !== undefined;
  const { yamlLayer } = hasFile ? await import('../config/yaml-file.ts') : {};
  return {
    ...(yamlLayer === undefined ? {} : { yamlLayer }),
    flags,
    env,
    readFile: (path) => readFileSync(path, 'utf8'),
    memory: memoryLimit(),
    machine: Object.values(networkInterfaces()).flatMap((interfaces) =>
      (interfaces ?? []).map(({ address }) => address),
    ),
  };
}

/** Prints notes about the configuration: odd, but no reason to stop. */
export function printNotes(notes: readonly Problem[], stderr: Output): void {
  for (const note of notes) stderr.write(`sidestub: note: ${formatProblem(note)}\n`);
}

/** The memory limit of the process. Without one, libuv reports 0 or more than any machine has. */
function memoryLimit(): number | undefined {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < Number.MAX_SAFE_INTEGER ? limit : undefined;
}
