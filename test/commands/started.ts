import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { productEnv } from '../support/product-env.ts';

const CLI = join(import.meta.dirname, '..', '..', 'src', 'cli.ts');

/** What a process left behind. */
export interface Ended {
  /** A signal's name where one ended it. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
  readonly took: number;
}

/** What becomes of stdout: read, a pipe whose reader has gone, or a disk without room. */
export type Stdout = 'read' | 'closed' | 'full';

/** `sidestub …`, as a process of its own. */
export interface Started {
  readonly child: ChildProcess;
  /** Resolves when stdout has what is looked for. @throws {Error} If the process ends before. */
  printed(pattern: RegExp): Promise<string>;
  /** Resolves when it is gone. */
  readonly ended: Promise<Ended>;
}

/** Starts it as users do, until the test ends at the latest; `imports` are modules that Node loads first. */
export function start(
  t: Test,
  words: readonly string[],
  { stdout = 'read', imports = [] }: { stdout?: Stdout; imports?: readonly string[] } = {},
): Started {
  const began = performance.now();
  const loaded = imports.flatMap((source) => [
    '--import',
    `data:text/javascript,${encodeURIComponent(source)}`,
  ]);
  const child = spawn(process.execPath, [...loaded, CLI, ...words], {
    env: { ...productEnv(), NO_COLOR: '1' },
    stdio: ['ignore', stdout === 'full' ? openSync('/dev/full', 'w') : 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (part: string) => {
      output[name] += part;
    });
  }
  if (stdout === 'closed') child.stdout?.destroy();
  // Also of a test that failed or timed out; what has ended already does not mind.
  t.teardown(() => child.kill('SIGKILL'));
  let gone = false;
  const closed = once(child, 'close').finally(() => {
    gone = true;
  });
  return {
    child,
    printed: async (pattern) => {
      while (!pattern.test(output.stdout)) {
        if (gone) throw new Error(`ended without ${pattern}: ${output.stderr}`);
        await Promise.race([closed, child.stdout && once(child.stdout, 'data')]);
      }
      return output.stdout;
    },
    ended: closed.then(([code, signal]) => ({
      code: code ?? signal,
      ...output,
      took: performance.now() - began,
    })),
  };
}

/** Runs it to its end. */
export function run(t: Test, words: readonly string[], stdout?: Stdout): Promise<Ended> {
  return start(t, words, stdout === undefined ? {} : { stdout }).ended;
}
