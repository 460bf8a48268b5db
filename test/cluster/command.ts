import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** In place of an error, an exit code that is not 0 is a result. */
  readonly mayFail?: boolean;
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. @throws {Error} With what it said, when it fails. */
export async function command(
  words: readonly string[],
  { cwd, env, input = '', mayFail = false }: CommandOptions = {},
): Promise<CommandResult> {
  const [program = '', ...args] = words;
  const child = spawn(program, args, {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A program that does not read its input may be gone before it is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (code !== 0 && !mayFail) {
    const said = `${stdout}${stderr}`.trim().slice(-2_000);
    throw new Error(`${words.join(' ').slice(0, 200)}: exit code ${code}\n${said}`);
  }
  return { code, stdout, stderr };
}
