#!/usr/bin/env node
import type { CommandTable } from './commands/command-line.ts';

// Every Node that npm may start this with has to parse this file, and must not load another before its version is
// known: hence no import above that leaves a trace, and no syntax newer than Node 18.
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
  demo: () => import('./commands/demo.ts'),
};

const major = Number.parseInt(process.versions.node, 10);
// No `await`: what ships is CommonJS, which loads faster.
void (major >= MINIMUM_NODE ? runHere() : runElsewhere()).then((code) => {
  process.exitCode = code;
});

async function runHere(): Promise<number> {
  const { readFileSync } = await import('node:fs');
  const { runCommandLine } = await import('./commands/command-line.ts');
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(manifest);
  const { env, stdout, stderr } = process;
  // `sidestub config | head`: who no longer reads is no error.
  stdout.on('error', () => process.exit());
  return runCommandLine(process.argv.slice(2), commands, { env, stdout, stderr, version });
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
