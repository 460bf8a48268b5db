import { spawnSync } from 'node:child_process';
import { test } from 'tap';

const MODULE = new URL('../../../src/commands/run/heap-growth.ts', import.meta.url);

/** Marking beside the program waits for a processor where others are at work, while the heap grows on. */
const FLAGS = ['--max-semi-space-size=1', '--single-threaded-gc'];

/** Megabytes that V8 takes for a program with 5 MB alive and much garbage that has become old before. */
const PROGRAM = `
  const kept = [];
  let most = 0;
  for (let i = 0; i < 2_000_000; i++) {
    kept[i % 50_000] = { i, list: [i], text: 'x' + i };
    if (i % 10_000 === 0) most = Math.max(most, process.memoryUsage().heapTotal);
  }
  console.log(most / 1e6);`;

function heapOf(before: string): number {
  const argv = [...FLAGS, '--input-type=module', '-e', `${before}\n${PROGRAM}`];
  const { stdout, stderr } = spawnSync(process.execPath, argv, {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (stderr !== '') throw new Error(stderr);
  return Number(stdout);
}

test('garbage that has become old is collected before it is half of what is alive', async (t) => {
  const limited = heapOf(`(await import('${MODULE}')).limitHeapGrowth();`);
  const free = heapOf('');
  t.ok(limited < 0.75 * free, `${limited} MB, left alone ${free}`);
});
