import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
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
 * Compiles the clients: musl as Debian has it, a newer one by PyPI's `ziglang`, glibc, Go,
 * c-ares.
 *
 * @param folder - Where they go.
 */
export async function makePrograms(folder: string): Promise<Made> {
  const { clients, missing } = await makeClients(folder);
  const programs = new Map(clients.map(({ name, argv }) => [name, argv]));
  const newer = newerMusl(folder);
  if ('program' in newer) programs.set('musl (new)', [newer.program]);
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
      ...('lacking' in newer ? [newer.lacking] : []),
    ],
  };
}

/**
 * Where `.ci/run` installs it (`pip install --target`): the compiler of PyPI's `ziglang` carries a newer musl than Debian,
 * and runs without Python.
 */
const { XDG_CACHE_HOME: cache = join(homedir(), '.cache') } = process.env;
const ZIG_FOLDER = join(cache, 'sidestub-ziglang');
const ZIG = join(ZIG_FOLDER, 'ziglang/zig');

/** A sentence where it cannot be compiled. */
function newerMusl(folder: string): { readonly program: string } | { readonly lacking: string } {
  if (!existsSync(ZIG)) return { lacking: `musl (new) needs ${ZIG}: .ci/run installs it` };
  const program = join(folder, 'musl-new');
  const source = join(import.meta.dirname, '../support/client.c');
  const target = ['-target', `${MACHINE}-linux-musl`, '-static', '-O1'];
  // What is compiled of musl stays beside it: half a minute the first time.
  const env = {
    ...process.env,
    ZIG_GLOBAL_CACHE_DIR: join(ZIG_FOLDER, 'cache'),
    ZIG_LOCAL_CACHE_DIR: join(folder, 'zig-cache'),
  };
  execFileSync(ZIG, ['cc', ...target, '-o', program, source], { env, stdio: 'pipe' });
  return { program };
}

const MACHINE = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
