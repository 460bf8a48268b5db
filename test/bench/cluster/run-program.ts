import { spawn } from 'node:child_process';

/** Runs a program with this process's output. @throws {Error} When it fails. */
export async function runProgram([program = '', ...args]: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: 'inherit' });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`${args.join(' ')}: exit code ${code}`);
}
