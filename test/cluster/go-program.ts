import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { go } from './go-modules.ts';

/** A program of the tests in Go, which is built once and kept in the user's cache. */
export interface GoProgram {
  readonly name: string;
  /** Its only source file. */
  readonly source: string;
  /** What it is built of: another program where any of it differs. */
  readonly versions: Readonly<Record<string, string>>;
  /** Writes the go.mod. */
  readonly module: (folder: string) => Promise<unknown>;
}

/** Where a program is, or will be once it is built. */
export function goProgramPath({ name, source, versions }: GoProgram): string {
  const { XDG_CACHE_HOME: cache = join(homedir(), '.cache') } = process.env;
  const key = createHash('sha256')
    .update(JSON.stringify(versions))
    .update(readFileSync(source))
    .digest('hex')
    .slice(0, 12);
  return join(cache, `sidestub-${name}`, `${name}-${key}`);
}

/** Builds a program unless it is there, and gives its path. @throws {Error} With what Go said. */
export async function buildGoProgram(program: GoProgram): Promise<string> {
  const path = goProgramPath(program);
  if (existsSync(path)) return path;
  const root = join(path, '..');
  mkdirSync(root, { recursive: true });
  // Two processes may build at the same time; the last rename wins, and both programs are the same.
  const folder = mkdtempSync(join(root, 'build-'));
  try {
    copyFileSync(program.source, join(folder, 'main.go'));
    await program.module(folder);
    await go(folder, 'build', '-ldflags', '-s -w', '-o', program.name, '.');
    renameSync(join(folder, program.name), path);
    return path;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
