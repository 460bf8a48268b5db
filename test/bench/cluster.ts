import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { chosenOf, scriptFlags } from '../../docker/script-flags.ts';
import { insideNode } from '../cluster/node.ts';
import { HERE, RUN } from '../cluster/places.ts';
import { missing } from '../cluster/requirements.ts';
import { runInside } from '../cluster/run-inside.ts';
import { type Measured, PARTS } from './cluster/measured.ts';
import { readFigures, writePage } from './cluster/page.ts';
import { runProgram } from './cluster/run-program.ts';
import { machine } from './report.ts';

const MAIN = join(HERE, 'main.ts');

/**
 * Measures on a real Kubernetes node what jobs see, by each way: lookups, what they cost, starts, rollouts, an outage. With
 * `--write` the figures go into docs/cluster.md and the README; parts that were not run stay as they were.
 *
 * @param args - Names of parts; all of them where none is named. The node that is up is used, or one of its own.
 */
export async function run(args: string[]): Promise<void> {
  const { values, positionals } = scriptFlags({
    args,
    allowPositionals: true,
    options: { write: { type: 'boolean', default: false } },
  });
  const parts = chosenOf(positionals, PARTS);
  const lacks = missing();
  if (lacks.length > 0) throw new Error(`no node can be started here:\n  ${lacks.join('\n  ')}`);
  const wasUp = isUp();
  if (!wasUp) await runProgram([process.execPath, MAIN, 'up']);
  try {
    const measured = await measure(parts);
    process.stdout.write(`${JSON.stringify(measured, undefined, 1)}\n`);
    if (values.write) writePage({ ...readFigures(), ...measured });
  } finally {
    if (!wasUp) await runProgram([process.execPath, MAIN, 'down']);
  }
}

async function measure(parts: readonly string[]): Promise<Measured> {
  const file = join(RUN, 'bench.json');
  // Figures of a run before must not be taken for those of one that fails.
  rmSync(file, { force: true });
  const script = join(import.meta.dirname, 'cluster/inside.ts');
  const code = await runInside([process.execPath, script, file, ...parts]);
  // What was measured before a part failed is kept.
  const measured = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  if (code !== 0) process.exitCode = 1;
  const where = machine();
  return Object.fromEntries(
    Object.entries<object>(measured).map(([part, figures]) => [
      part,
      { machine: where, ...figures },
    ]),
  ) as Measured;
}

function isUp(): boolean {
  try {
    return existsSync(join(RUN, 'admin.kubeconfig')) && insideNode().length > 0;
  } catch {
    return false;
  }
}
