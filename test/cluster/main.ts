// `npm run cluster`: a real Kubernetes node out of Go modules, and sidestub on it as its documents say.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildBinaries } from './binaries.ts';
import type { Check } from './check.ts';
import { byName, usual } from './checks.ts';
import { command } from './command.ts';
import { buildImages } from './images.ts';
import { leftovers } from './leftovers.ts';
import { insideNode, nodeEnvironment, readSysctls, startNode, stopNode } from './node.ts';
import { HERE, makePlaces, ROOT, RUN } from './places.ts';
import { buildPrograms } from './programs.ts';
import { Progress } from './progress.ts';
import { missing } from './requirements.ts';
import { runInside } from './run-inside.ts';

const shown = (list: readonly Check[]): string =>
  list.map(({ name, shows }) => `  ${name.padEnd(14)}  ${shows}`).join('\n');

const USAGE = `usage: npm run cluster [-- up | down | all | NAME…]

Builds a Kubernetes node from Go modules (kept in ${ROOT}), starts it in namespaces of its own, runs checks, and stops
it. Needs root and Linux; says what else is missing.

  up      leaves it running: \`${join(RUN, 'k')}\` is kubectl, \`${join(RUN, 'in-node')} CMD\` runs anything inside
  down    stops what is there, also what a run that was killed has left, and gives back what it has changed
  all     runs every check, and NAME these alone, on the node that is up or on one of its own

Without a word it runs these:

${shown(usual)}

And these by their names, on a machine that has nothing else to do (neighbours builds Istio's webhook first):

${shown(byName)}
`;

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const known = ['up', 'down', 'all', ...[...usual, ...byName].map(({ name }) => name)];
  if (words.some((word) => !known.includes(word))) {
    process.stderr.write(USAGE);
    return 64;
  }
  const lacks = missing();
  if (lacks.length > 0) return cannot(lacks);
  makePlaces();
  const progress = new Progress();
  const [first] = words;
  if (first === 'down') await progress.step('stop the node', stopNode);
  else if (first === 'up') await start(progress);
  else return (await isUp()) ? runChecks(words) : await withNode(progress, words);
  return 0;
}

async function withNode(progress: Progress, words: readonly string[]): Promise<number> {
  // What a run that was killed has left must not pass for what was there.
  await stopNode();
  const sysctls = readSysctls();
  let failed = true;
  try {
    await start(progress);
    failed = (await runChecks(words)) !== 0;
  } finally {
    // By a process that knows only what is on the disk, as after a SIGKILL of this one.
    await progress.step('stop the node', () =>
      command([process.execPath, import.meta.filename, 'down']),
    );
  }
  const left = leftovers(sysctls);
  for (const line of left) progress.line(`  NOT OK  left behind: ${line}`);
  return failed || left.length > 0 ? 1 : 0;
}

function cannot(lacks: readonly string[]): number {
  const { SIDESTUB_E2E: mode } = process.env;
  const required = mode === 'required';
  process.stdout.write(`no node can be started here:\n  ${lacks.join('\n  ')}\n`);
  process.stdout.write(
    `# cluster { pass: 0, fail: ${required ? 1 : 0}, skip: ${required ? 0 : 1} }\n`,
  );
  return required ? 1 : 0;
}

async function start(progress: Progress): Promise<void> {
  await buildBinaries(progress);
  await buildPrograms(progress);
  await buildImages(progress);
  await progress.step('start the node', startNode);
  await progress.step('load the images', () => inside('images'));
  await progress.step('start DNS and services', () => inside('services'));
}

async function isUp(): Promise<boolean> {
  if (!existsSync(join(RUN, 'admin.kubeconfig'))) return false;
  try {
    const words = [...insideNode(), 'kubectl', 'get', '--raw', '/readyz'];
    await command(words, { env: nodeEnvironment() });
    return true;
  } catch {
    return false;
  }
}

/** Runs a part of this program inside the node. */
async function inside(...words: readonly string[]): Promise<void> {
  const script = [process.execPath, join(HERE, 'inside.ts'), ...words];
  await command([...insideNode(), ...script], { env: nodeEnvironment() });
}

function runChecks(names: readonly string[]): Promise<number> {
  return runInside([process.execPath, join(HERE, 'inside.ts'), 'checks', ...names]);
}
