import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { command } from './command.ts';
import { writeCorporateDns } from './corporate-dns.ts';
import { BIN, HERE, KUBECONFIG, LOG, RUN } from './places.ts';

// A Kubernetes node of one, in pid, mount, network and uts namespaces of its own: one kill ends all of it. What it
// changes outside of them is written down before it is changed.

/** What kubelet sets for the whole machine (`setupKernelTunables` in its container_manager_linux.go). */
const SYSCTLS = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];

export const CGROUPS = '/sys/fs/cgroup';
/** All of the node's processes are in it. */
export const CGROUP = 'sidestub-test';
const STATE = join(RUN, 'state.json');

/** What has to be given back. */
interface State {
  readonly sysctls: Readonly<Record<string, string>>;
  /** `unshare`, which waits for the first process of the node; 0 before it is started. */
  readonly pid: number;
  /** So that another process with the same number is let alone. */
  readonly startTime: string;
}

/** Starts the node; what another run has left is taken away first. Resolves when its API answers and it is Ready. */
export async function startNode(): Promise<void> {
  await stopNode();
  prepareFolder();
  const sysctls = readSysctls();
  writeState({ sysctls, pid: 0, startTime: '' });
  makeCgroups();
  await command([join(HERE, 'node/pki.sh')], { cwd: RUN });
  const log = openSync(join(LOG, 'init.log'), 'w');
  const namespaces = ['--pid', '--mount', '--net', '--uts', '--fork', '--mount-proc'];
  const child = spawn('unshare', [...namespaces, '--kill-child', join(RUN, 'node/init.sh')], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: RUN,
    env: { ...nodeEnvironment(), RUN, NODE: process.execPath },
  });
  child.unref();
  if (child.pid === undefined) throw new Error('unshare does not start');
  writeState({ sysctls, pid: child.pid, startTime: startTimeOf(child.pid) ?? '' });
  writeWrappers();
  for (let round = 0; round < 600; round++) {
    if (await isReady()) return;
    await wait(100);
  }
  throw new Error(`the node is not Ready after 60 s: the logs are in ${LOG}`);
}

/** Ends the node and gives back what it has changed; does nothing where there is none. */
export async function stopNode(): Promise<void> {
  const state = readState();
  if (state === undefined) return;
  await endProcesses(state);
  await removeCgroups();
  for (const [name, value] of Object.entries(state.sysctls)) {
    if (readSysctl(name) !== value) writeFileSync(`/proc/sys/${name}`, value);
  }
  await unmountBelow(RUN);
  rmSync(RUN, { recursive: true, force: true });
}

async function endProcesses({ pid, startTime }: State): Promise<void> {
  const isThere = () => pid !== 0 && startTimeOf(pid) === startTime;
  if (!isThere()) return;
  const init = firstProcess(pid);
  if (init !== undefined) kill(init);
  kill(pid);
  while (isThere()) await wait(20);
}

/** The words in front of a command that is to run inside the node. @throws {Error} When there is none. */
export function insideNode(): string[] {
  const state = readState();
  const pid = state === undefined ? undefined : firstProcess(state.pid);
  if (pid === undefined) throw new Error('no node is running: npm run cluster -- up');
  return ['nsenter', `--target=${pid}`, '--pid', '--mount', '--net', '--uts'];
}

export function nodeEnvironment(): NodeJS.ProcessEnv {
  const { PATH = '' } = process.env;
  return { ...process.env, PATH: `${BIN}:${PATH}:/usr/sbin:/sbin`, KUBECONFIG };
}

function prepareFolder(): void {
  for (const folder of ['etcd', 'containerd', 'kubelet', 'podlogs']) {
    mkdirSync(join(RUN, folder), { recursive: true });
  }
  cpSync(join(HERE, 'node'), join(RUN, 'node'), { recursive: true });
  cpSync(join(BIN, 'cni'), join(RUN, 'cni'), { recursive: true });
  rmSync(LOG, { recursive: true, force: true });
  mkdirSync(LOG, { recursive: true });
  symlinkSync(LOG, join(RUN, 'log'));
  writeFileSync(join(RUN, 'delay'), '10');
  writeCorporateDns(join(RUN, 'node'));
}

/** For a person at a shell: `k` is kubectl, `in-node CMD` runs anything inside. */
function writeWrappers(): void {
  const inNode = `exec ${insideNodeLater()} env PATH="${BIN}:$PATH" KUBECONFIG=${KUBECONFIG}`;
  const scripts = { 'in-node': `${inNode} "$@"`, k: `${inNode} kubectl "$@"` };
  for (const [name, line] of Object.entries(scripts)) {
    writeFileSync(join(RUN, name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(RUN, name), 0o755);
  }
}

function insideNodeLater(): string {
  const state = readState();
  const children = `/proc/${state?.pid}/task/${state?.pid}/children`;
  return `nsenter --target="$(cut -d' ' -f1 ${children})" --pid --mount --net --uts --wd="$PWD"`;
}

async function isReady(): Promise<boolean> {
  if (firstProcess(readState()?.pid ?? 0) === undefined) return false;
  const words = [...insideNode(), 'kubectl', 'get', 'node', 'node1', '--no-headers'];
  const { stdout } = await command(words, { env: nodeEnvironment(), mayFail: true });
  return / Ready /.test(stdout);
}

function makeCgroups(): void {
  if (isUnified()) {
    // Not tried: the machines that this was written on have cgroups v1.
    writeFileSync(join(CGROUPS, 'cgroup.subtree_control'), '+cpu +cpuset +memory +pids');
    mkdirSync(join(CGROUPS, CGROUP), { recursive: true });
    writeFileSync(join(CGROUPS, CGROUP, 'cgroup.subtree_control'), '+cpu +cpuset +memory +pids');
    mkdirSync(join(CGROUPS, CGROUP, 'node'), { recursive: true });
    return;
  }
  for (const hierarchy of hierarchies())
    mkdirSync(join(CGROUPS, hierarchy, CGROUP), { recursive: true });
  mkdirSync(join(CGROUPS, 'cpu', CGROUP, 'node'), { recursive: true });
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const path = (folder: string) => join(CGROUPS, 'cpuset', folder, file);
    if (existsSync(path('.'))) writeFileSync(path(CGROUP), readFileSync(path('.')));
  }
}

/** A cgroup goes when its last process has: those of the node are dying. */
async function removeCgroups(): Promise<void> {
  const roots = isUnified()
    ? [join(CGROUPS, CGROUP)]
    : hierarchies().map((hierarchy) => join(CGROUPS, hierarchy, CGROUP));
  for (let round = 0; round < 100; round++) {
    for (const root of roots) removeCgroup(root);
    if (!roots.some(existsSync)) return;
    await wait(100);
  }
  throw new Error(`cgroups that do not go: ${roots.filter(existsSync).join(', ')}`);
}

function removeCgroup(folder: string): void {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroup(join(folder, entry.name));
  }
  for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n')) {
    if (pid !== '' && pid !== '0') kill(Number(pid));
  }
  try {
    rmdirSync(folder);
  } catch {
    // Not empty yet: the next round finds out.
  }
}

function isUnified(): boolean {
  return existsSync(join(CGROUPS, 'cgroup.controllers'));
}

/** `unified` beside the others is cgroups v2 without controllers: runc makes its groups there as well. */
function hierarchies(): string[] {
  return readdirSync(CGROUPS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

/** What a build or a node that was killed has left in this machine's own mount namespace. */
async function unmountBelow(folder: string): Promise<void> {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const paths = mounts
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${folder}/`));
  for (const path of paths.reverse()) await command(['umount', '--lazy', path], { mayFail: true });
}

/** What a node may change. */
export function readSysctls(): Readonly<Record<string, string>> {
  return Object.fromEntries(SYSCTLS.map((name) => [name, readSysctl(name)]));
}

function readSysctl(name: string): string {
  return existsSync(`/proc/sys/${name}`) ? readFileSync(`/proc/sys/${name}`, 'utf8').trim() : '';
}

function readState(): State | undefined {
  return existsSync(STATE) ? JSON.parse(readFileSync(STATE, 'utf8')) : undefined;
}

function writeState(state: State): void {
  writeFileSync(STATE, JSON.stringify(state));
}

/** The 22nd field of stat, in ticks since boot; `undefined` where there is no such process or it is a zombie. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? undefined : rest[18];
  } catch {
    return undefined;
  }
}

function firstProcess(unshare: number): number | undefined {
  try {
    const [pid] = readFileSync(`/proc/${unshare}/task/${unshare}/children`, 'utf8').split(' ');
    return pid === undefined || pid === '' ? undefined : Number(pid);
  } catch {
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
