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
import { go, goWithMusl } from './go-modules.ts';

/** A program of the tests in Go, which is built once and kept in the user's cache. */
export interface GoProgram {
  readonly name: string;
  /** Its only source file, unless it is a package of a module. */
  readonly source?: string;
  readonly package?: string;
  readonly tags?: readonly string[];
  /** Links it with musl: its names are then looked up by musl and not by Go. */
  readonly musl?: boolean;
  /** What it is built of: another program where any of it differs. */
  readonly versions: Readonly<Record<string, string>>;
  /** Writes the go.mod. */
  readonly module: (folder: string) => Promise<unknown>;
}

const STATIC = '-linkmode external -extldflags -static';

/** Where a program is, or will be once it is built. */
export function goProgramPath(program: GoProgram): string {
  const { name, source, versions } = program;
  const { XDG_CACHE_HOME: cache = join(homedir(), '.cache') } = process.env;
  const key = createHash('sha256')
    .update(JSON.stringify(versions))
    .update(source === undefined ? JSON.stringify(program) : readFileSync(source))
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
    const { source, package: name = '.', tags = [], musl = false } = program;
    if (source !== undefined) copyFileSync(source, join(folder, 'main.go'));
    await program.module(folder);
    const words = ['build', '-tags', tags.join(' '), '-o', program.name];
    if (musl) await goWithMusl(folder, ...words, '-ldflags', `-s -w ${STATIC}`, name);
    else await go(folder, ...words, '-ldflags', '-s -w', name);
    renameSync(join(folder, program.name), path);
    return path;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
