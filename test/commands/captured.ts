import { runCommandLine } from '../../src/commands/command-line.ts';

/** What a command line left behind. */
export interface Captured {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process. */
export async function run(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Captured> {
  const printed = { stdout: '', stderr: '' };
  const into = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      printed[name] += text;
    },
  });
  const commands = {
    config: () => import('../../src/commands/config.ts'),
    query: () => import('../../src/commands/query.ts'),
    health: () => import('../../src/commands/health.ts'),
    wait: () => import('../../src/commands/wait.ts'),
  };
  const code = await runCommandLine(words, commands, {
    env,
    stdout: into('stdout'),
    stderr: into('stderr'),
    version: '1.2.3',
  });
  return { code, ...printed };
}
