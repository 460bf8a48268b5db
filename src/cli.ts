import type { CommandTable } from './commands/command.ts';

// Every Node that npm may start this with has to parse this file, and must check its version before it loads another
// file. So nothing above is imported with side effects, and no syntax is newer than Node 18.
const MINIMUM_NODE = 24;

const commands: CommandTable = {
  run: () => import('./commands/run.ts'),
  query: () => import('./commands/query.ts'),
  explain: () => import('./commands/explain.ts'),
  wait: () => import('./commands/wait.ts'),
  health: () => import('./commands/health.ts'),
  config: () => import('./commands/config.ts'),
  inject: () => import('./commands/inject.ts'),
  webhook: () => import('./commands/webhook.ts'),
  certificate: () => import('./commands/certificate.ts'),
  demo: () => import('./commands/demo.ts'),
};

/** Commands whose stdout is a log and not a result. */
const DAEMONS: readonly (string | undefined)[] = ['run', 'webhook'];

/** EX_SOFTWARE. Node would exit 0 for a command that waits for something that can no longer happen. */
const NO_RESULT = 70;

process.once('beforeExit', () => {
  if (process.exitCode !== undefined) return;
  process.exitCode = NO_RESULT;
  process.stderr.write('sidestub: this is a bug: the command ended without a result\n');
});

const major = Number.parseInt(process.versions.node, 10);
// No `await`: what ships is CommonJS, which loads faster.
void (major >= MINIMUM_NODE ? runHere() : runElsewhere()).then((code) => {
  process.exitCode = code;
});

async function runHere(): Promise<number> {
  const words = process.argv.slice(2);
  // A pod's postStart hook, for which the job waits: it loads only what it needs.
  if (words[0] === 'wait') {
    const { hookServer, waitAsHook } = await import('./commands/wait/hook.ts');
    const server = hookServer(words);
    if (server !== undefined) return waitAsHook(server, process);
  }
  const { readFileSync } = await import('node:fs');
  const { runCommandLine } = await import('./commands/command-line.ts');
  const { surviveOutputLoss } = await import('./commands/output-loss.ts');
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(manifest);
  const { env, stdout, stderr } = process;
  surviveOutputLoss(process, { isLog: DAEMONS.includes(words[0]) });
  return runCommandLine(words, commands, { env, stdout, stderr, version });
}

async function runElsewhere(): Promise<number> {
  const { findPinnedNode, runWith } = await import('./commands/pinned-node.ts');
  const pinned = findPinnedNode(MINIMUM_NODE, import.meta.url);
  let reason = 'and none is installed beside it (npm ci without --omit=optional brings one)';
  if (pinned !== undefined) {
    try {
      return await runWith(pinned, process.argv.slice(1));
    } catch (error) {
      reason = `and the one beside it does not run: ${error}`;
    }
  }
  const found = `this is ${process.versions.node}`;
  process.stderr.write(`sidestub: needs Node >= ${MINIMUM_NODE}: ${found}, ${reason}\n`);
  return 78;
}
