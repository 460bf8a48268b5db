import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { CGROUP, CGROUPS, readSysctls } from './node.ts';
import { ROOT } from './places.ts';

/** What a node has left on this machine, a line each; none when all is as it was. */
export function leftovers(sysctls: Readonly<Record<string, string>>): string[] {
  return [
    ...changed(sysctls, readSysctls()),
    ...mounts().map((path) => `a mount at ${path}`),
    ...cgroups().map((path) => `a cgroup at ${path}`),
    ...processes().map((pid) => `process ${pid}`),
  ];
}

function changed(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): string[] {
  return Object.keys(before)
    .filter((name) => before[name] !== now[name])
    .map((name) => `sysctl ${name}: ${now[name]}, was ${before[name]}`);
}

function mounts(): string[] {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return lines
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${ROOT}/`));
}

function cgroups(): string[] {
  const folders = ['.', ...readdirSync(CGROUPS)].map((name) => join(CGROUPS, name, CGROUP));
  return folders.filter(existsSync);
}

/** Those whose program is one of ours. */
function processes(): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/exe`).startsWith(`${ROOT}/`);
    } catch {
      return false;
    }
  });
}
