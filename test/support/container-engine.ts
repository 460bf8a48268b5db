import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import type { Test } from 'tap';
import { type LabProcess, spawnHere } from './lab-process.ts';
import { LAB_TOOLS, required } from './lab-requirements.ts';
import { productEnv } from './product-env.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');
/** Its own storage, state and locks: what else this machine runs in containers is not touched, and sees nothing of it. */
const FOLDER = join(REPOSITORY, 'build/containers');

/** podman, with the image of this source in its storage. */
export interface ContainerEngine {
  /** The image's name. */
  readonly image: string;
  /** The root file system that the image was made of. */
  readonly root: string;
  /** Runs podman to its end, and gives its output. @throws {Error} With what it said, when it fails. */
  run(...words: string[]): string;
  /** Starts podman, as a process that lives on. */
  start(words: readonly string[], onLine: (line: string) => void): LabProcess;
}

/**
 * An engine with the image, which is built once for each state of the source; `undefined` where there can be none, which
 * has then been said.
 */
export function containerEngine(t: Test): ContainerEngine | undefined {
  if (!required(t, ENGINE_TOOLS)) return undefined;
  const engine = startEngine();
  if (typeof engine !== 'string') return engine;
  const { SIDESTUB_E2E: mode } = process.env;
  if (mode === 'required') t.fail(engine);
  else t.pass('needs containers', { skip: engine });
  return undefined;
}

export const ENGINE_TOOLS = [...LAB_TOOLS, 'buildah', 'podman', 'runc', 'conmon'];

/** The same for who has the tools and is no test; or why podman runs nothing here. */
export function startEngine(): ContainerEngine | string {
  const engine = makeEngine();
  buildOnce();
  return whyNoContainers(engine) ?? engine;
}

const IMAGE = 'localhost/sidestub:test';

function makeEngine(): ContainerEngine {
  const env = environment();
  return {
    image: IMAGE,
    root: join(FOLDER, `root/linux-${process.arch === 'x64' ? 'amd64' : process.arch}`),
    run: (...words) =>
      execFileSync('podman', words, { encoding: 'utf8', env: { ...process.env, ...env } }),
    start: (words, onLine) => spawnHere(['podman', ...words], onLine, env),
  };
}

/** Where podman and buildah find what they are to use; written anew each time, since the folder may have moved. */
function environment(): Readonly<Record<string, string>> {
  mkdirSync(FOLDER, { recursive: true });
  const storage = join(FOLDER, 'storage.conf');
  const paths = `graphroot = "${FOLDER}/graph"\nrunroot = "${FOLDER}/run"\n`;
  writeFileSync(storage, `[storage]\ndriver = "overlay"\n${paths}`);
  const containers = join(FOLDER, 'containers.conf');
  // No systemd to make cgroups or keep events, and limits that a container's root may not raise again.
  const engine = `cgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\nlock_type = "file"`;
  writeFileSync(
    containers,
    `[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n` +
      `[engine]\n${engine}\ntmp_dir = "${FOLDER}/state"\n`,
  );
  return { CONTAINERS_STORAGE_CONF: storage, CONTAINERS_CONF: containers };
}

/** Builds the image unless it is there, made of what the source is now: several files of tests use it in one run. */
function buildOnce(): void {
  const stamp = join(FOLDER, 'made-of');
  const now = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === now) return;
  rmSync(stamp, { force: true });
  const script = join(REPOSITORY, 'docker/image.ts');
  const words = [script, '--tag', IMAGE, '--out', join(FOLDER, 'root')];
  const env = { ...productEnv(), ...environment() };
  // tap hands its loader to every child, and the compiler does not start under it.
  const argv = ['-u', 'NODE_OPTIONS', process.execPath, ...words];
  const { status, stderr } = spawnSync('env', argv, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(`no image: ${stderr}`);
  spawnSync('podman', ['image', 'prune', '--force'], { env });
  writeFileSync(stamp, now);
}

function fingerprint(): string {
  const files = ['src/**', 'docker/**', 'package-lock.json', 'package.json', 'LICENSE']
    .flatMap((pattern) => globSync(pattern, { cwd: REPOSITORY }))
    .filter((file) => statSync(join(REPOSITORY, file)).isFile())
    .sort();
  const hash = createHash('sha256');
  for (const file of files) {
    hash.update(`${file}\0`);
    hash.update(readFileSync(join(REPOSITORY, file)));
  }
  return hash.digest('hex');
}

/** Installed is not allowed: in a container of somebody else's there may be no right to make one. */
function whyNoContainers(engine: ContainerEngine): string | undefined {
  try {
    engine.run('run', '--rm', '--network=none', '--no-healthcheck', IMAGE, '--version');
    return undefined;
  } catch (error) {
    return `podman runs nothing here: ${error instanceof Error ? error.message : error}`;
  }
}
