import { isAscii } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
// biome-ignore lint/plugin: what is compiled are the files of the program alone, which Node's loader would load as well.
import { Script } from 'node:vm';
import type { CodeCache } from './code-cache.ts';

/** What a file of the program is compiled from. */
export interface FileSource {
  readonly path: string;
  /** As stack traces and V8 name it. */
  readonly filename: string;
  readonly bytecode?: Buffer | undefined;
}

/** Makes a function of a file, as Node's own loader does. */
const HEAD = Buffer.from('(function (exports, require, module, __filename, __dirname) {');
const TAIL = Buffer.from('\n})');

/** Compiles a file of CommonJS to a function of what Node gives such a file. V8 ignores bytecode that does not fit. */
export function compileFile({ path, filename, bytecode }: FileSource): Script {
  // Put together before it is a string: V8 copies a string that was put together of others, and a copy of the sources
  // fills the young generation.
  const octets = Buffer.concat([HEAD, readFileSync(path), TAIL]);
  return new Script(
    // What is built is ASCII (rolldown.config.ts): as Latin-1 nothing is looked for and a character takes one octet.
    octets.toString(isAscii(octets) ? 'latin1' : 'utf8'),
    bytecode === undefined ? { filename } : { filename, cachedData: bytecode },
  );
}

/** Loads the files of the program, each once, with the bytecode that there is of them. Node's own loader takes none. */
export class Program {
  /** Whether V8 has taken the bytecode of each file so far, and there was one. */
  isPrecompiled: boolean;
  private readonly folder: string;
  private readonly cache: CodeCache | undefined;
  /** Node's, for its own modules and for packages. */
  private readonly require: (id: string) => unknown;
  private readonly loaded = new Map<string, { exports: unknown }>();

  constructor(parts: {
    /** All files are in it. */
    readonly folder: string;
    readonly cache: CodeCache | undefined;
    readonly require: (id: string) => unknown;
  }) {
    this.folder = parts.folder;
    this.cache = parts.cache;
    this.require = parts.require;
    this.isPrecompiled = parts.cache !== undefined;
  }

  /** @returns What the file exports. */
  load(file: string): unknown {
    const known = this.loaded.get(file);
    if (known !== undefined) return known.exports;
    const module = { exports: {} as unknown };
    // Before it runs: two files may require each other.
    this.loaded.set(file, module);
    const path = join(this.folder, file);
    const bytecode = this.cache?.read(file);
    const script = compileFile({ path, filename: path, bytecode });
    // At once, and not at a collection: it is a megabyte and a half in all.
    bytecode?.buffer.transfer(0);
    if (script.cachedDataRejected !== false) this.isPrecompiled = false;
    const require = (id: string): unknown =>
      id.startsWith('./') ? this.load(id.slice(2)) : this.require(id);
    const run = script.runInThisContext();
    run.call(module.exports, module.exports, require, module, path, this.folder);
    return module.exports;
  }
}
