import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { makeClients } from '../support/real-clients.ts';
import { CLIENTS } from './draw.ts';
import type { Programs } from './trial.ts';

/** The clients that this machine can run, and why not the others. */
export interface Made {
  readonly programs: Programs;
  /** A sentence each. */
  readonly missing: readonly string[];
}

/**
 * Compiles the clients: musl as Debian has it, a newer one from Python's `ziglang` where that is installed, glibc, Go,
 * c-ares.
 *
 * @param folder - Where they go.
 */
export async function makePrograms(folder: string): Promise<Made> {
  const { clients, missing } = await makeClients(folder);
  const programs = new Map(clients.map(({ name, argv }) => [name, argv]));
  const newer = newerMusl(folder);
  if (newer !== undefined) programs.set('musl (new)', [newer]);
  const lacking = newer === undefined ? ['musl (new) needs `pip install ziglang`'] : [];
  const wanted = new Map(
    CLIENTS.flatMap((name) => {
      const argv = programs.get(name);
      return argv === undefined ? [] : [[name, argv] as const];
    }),
  );
  return {
    programs: wanted,
    missing: [
      ...missing.filter((what) => CLIENTS.some((name) => what.startsWith(name))),
      ...lacking,
    ],
  };
}

function newerMusl(folder: string): string | undefined {
  const program = join(folder, 'musl-new');
  const source = join(import.meta.dirname, '../support/client.c');
  const argv = [
    '-m',
    'ziglang',
    'cc',
    '-target',
    'x86_64-linux-musl',
    '-static',
    '-O1',
    '-o',
    program,
    source,
  ];
  try {
    execFileSync('python3', argv, { stdio: 'ignore' });
    return program;
  } catch {
    return undefined;
  }
}
