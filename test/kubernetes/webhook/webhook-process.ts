// `sidestub webhook` as a process of its own, for tests that send it signals and for the benchmark.
import { runCommandLine } from '../../../src/commands/command-line.ts';

const { env, stdout, stderr } = process;
process.exitCode = await runCommandLine(
  ['webhook', ...process.argv.slice(2)],
  { webhook: () => import('../../../src/commands/webhook.ts') },
  { env, stdout, stderr, version: '1.2.3' },
);
