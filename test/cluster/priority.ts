import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CGROUP, CGROUPS } from './node.ts';

/** The files of cgroups v1 and v2, with what a group has by default and the most that it can have. */
const FILES = [
  { file: join(CGROUPS, 'cpu', CGROUP, 'cpu.shares'), usual: '1024', most: '262144' },
  { file: join(CGROUPS, CGROUP, 'cpu.weight'), usual: '100', most: '10000' },
];

/** Puts this process beside the node's own: what it does is then part of what is measured. */
export function joinNode(): void {
  for (const folder of [join(CGROUPS, 'cpu', CGROUP, 'node'), join(CGROUPS, CGROUP, 'node')]) {
    if (existsSync(folder)) writeFileSync(join(folder, 'cgroup.procs'), '0');
  }
}

/** Runs what measures time while the node comes before everything else on this machine, which others use as well. */
export async function first<Result>(run: () => Promise<Result>): Promise<Result> {
  const there = FILES.filter(({ file }) => existsSync(file));
  for (const { file, most } of there) writeFileSync(file, most);
  try {
    return await run();
  } finally {
    for (const { file, usual } of there) writeFileSync(file, usual);
  }
}
