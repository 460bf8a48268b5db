import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../src/clock.ts';
import { atEnd } from './lab-end.ts';
import { spawnIn } from './lab-process.ts';

/** What a machine with systemd is started with. */
export interface SystemdHostOptions {
  /** The network namespace that is its network. */
  readonly network: string;
  /** Empty, for its files. */
  readonly folder: string;
  /** What stands in its /opt/sidestub. */
  readonly app: string;
  /** Folder of units. */
  readonly units: string;
  /** File of settings. */
  readonly configuration: string;
}

/** A machine as far as systemd makes one: a first process with namespaces of its own. */
export interface SystemdHost {
  /** Runs a program there, to its end. */
  run(...argv: string[]): { readonly status: number | null; readonly output: string };
  /** A property of a unit, as systemd has it now. */
  property(unit: string, name: string): string;
  stop(): Promise<void>;
}

/** A copy of the machine's services starts in two or three seconds; others use the machine too. */
const BOUND: Milliseconds = 30_000;

/** Boots it. @throws {Error} If it does not come up within the bound. */
export async function bootSystemd(options: SystemdHostOptions): Promise<SystemdHost> {
  const { network, folder, app, units, configuration } = options;
  const copy = join(folder, 'machine');
  mkdirSync(copy);
  const branch = cgroupBranch();
  const removeBranch = () => branch.remove();
  const forget = atEnd(removeBranch);
  const script = join(import.meta.dirname, 'boot-systemd.sh');
  const own = ['--cgroup', '--pid', '--mount', '--ipc', '--uts', '--fork', '--kill-child'];
  const argv = ['unshare', ...own, 'sh', script, copy, app, units, configuration];
  // The namespace of cgroups begins where the process stands that makes it; `ip netns exec` has mounted another /sys.
  const enter =
    'mount -t cgroup2 cgroup2 /sys/fs/cgroup; echo $$ > "/sys/fs/cgroup/$0/cgroup.procs"; exec "$@"';
  const enterBranch = ['sh', '-ec', enter, basename(branch.path)];
  const boot = spawnIn(network, [...enterBranch, ...argv], () => {});
  let ended: string | undefined;
  void boot.exited.then(({ stderr }) => {
    ended = stderr;
  });
  const first = (): string => {
    const { stdout } = spawnSync('cat', [`/proc/${boot.pid}/task/${boot.pid}/children`]);
    return stdout.toString().trim();
  };
  const run: SystemdHost['run'] = (...words) => {
    const into = [
      '-t',
      first(),
      '--cgroup',
      '--pid',
      '--mount',
      '--ipc',
      '--uts',
      '--net',
      ...words,
    ];
    const { status, stdout, stderr } = spawnSync('nsenter', into, { encoding: 'utf8' });
    return { status, output: `${stdout}${stderr}`.trim() };
  };
  const stop = async (): Promise<void> => {
    boot.kill('SIGKILL');
    await boot.exited;
    removeBranch();
    forget();
  };
  const deadline = performance.now() + BOUND;
  const isUp = (): boolean =>
    first() !== '' && run('systemctl', 'is-system-running').output === 'running';
  while (ended !== undefined || !isUp()) {
    if (ended !== undefined) throw new Error(`systemd ended: ${ended}`);
    if (performance.now() > deadline) {
      await stop();
      throw new Error(`systemd is not up in ${BOUND} ms`);
    }
    await wait(50);
  }
  return {
    run,
    stop,
    property: (unit, name) =>
      run('systemctl', 'show', '--value', `--property=${name}`, unit).output,
  };
}

/** A new branch of the unified hierarchy of cgroups, wherever this machine has that. */
function cgroupBranch(): { readonly path: string; remove(): void } {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const [, top] =
    mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2') ?? [];
  if (top === undefined) throw new Error('this machine has no unified cgroups');
  const path = join(top, `sidestub-${process.pid}`);
  mkdirSync(path, { recursive: true });
  const remove = (): void => {
    // From the inside out; the processes in it are gone, or about to be.
    const words = [path, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'];
    for (let tries = 0; tries < 20 && existsSync(path); tries++) {
      spawnSync('find', words, { stdio: 'ignore' });
    }
  };
  return { path, remove };
}
