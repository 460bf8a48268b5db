// Runs as a process of its own (`code-cache.ts`): compiles what rolldown has built to V8's bytecode, and writes it.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { CODE_CACHE, renderCodeCache } from '../src/boot/code-cache.ts';
import { compileFile } from '../src/boot/program.ts';

/** The first file of the process, and of each further thread: Node loads these by itself. */
const LOADED_BY_NODE = ['cli.js', 'thread.js'];

/**
 * Of every function, also of those that do not run at first, which V8 leaves out otherwise. Only while it compiles: V8
 * refuses bytecode that was written under other flags than those under which it is read.
 */
function bytecodeOf(folder: string, filename: string): Buffer {
  setFlagsFromString('--no-lazy');
  // Without the folder: the name gets into the bytecode, which is to be the same wherever it is made.
  const script = compileFile({ path: join(folder, filename), filename });
  setFlagsFromString('--lazy');
  return script.createCachedData();
}

const [folder = ''] = process.argv.slice(2);
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.js') && !LOADED_BY_NODE.includes(name))
  .toSorted();
const parts = new Map(files.map((file) => [file, bytecodeOf(folder, file)]));
writeFileSync(join(folder, CODE_CACHE), renderCodeCache(parts));
