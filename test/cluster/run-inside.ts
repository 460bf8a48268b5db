import { spawn } from 'node:child_process';
import { insideNode, nodeEnvironment } from './node.ts';

/** Runs a program inside the node with this process's output, and gives its exit code. */
export function runInside(words: readonly string[]): Promise<number> {
  const [program = '', ...args] = [...insideNode(), ...words];
  const child = spawn(program, args, { stdio: 'inherit', env: nodeEnvironment() });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
