import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';
import { go, writeKubernetesModule } from './go-modules.ts';
import { BIN, HERE, ROOT, VERSIONS } from './places.ts';
import type { Progress } from './progress.ts';

/** What `hyper` is called by. */
const COMPONENTS = [
  'etcd',
  'kubectl',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'kubelet',
];

/** Builds the binaries that are missing, one after the other: each uses all the cores. */
export async function buildBinaries(progress: Progress): Promise<void> {
  const parts: readonly (readonly [file: string, build: () => Promise<void>])[] = [
    ['kubectl', buildHyper],
    ['containerd', buildContainerd],
    ['cni/portmap', buildCni],
    ['coredns', buildCoredns],
  ];
  for (const [file, build] of parts) {
    if (existsSync(join(BIN, file))) continue;
    await progress.step(`build ${file === 'kubectl' ? 'kubernetes' : file.split('/')[0]}`, build);
  }
}

/** A module of our own, with nothing in it yet. */
function emptyModule(name: string): string {
  const folder = join(ROOT, 'build', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'go.mod'), `module sidestub.test/${name}\n\ngo 1.26.0\n`);
  return folder;
}

/** Below its name only when it is whole: a build that is killed leaves nothing that looks finished. */
async function build(cwd: string, file: string, ...words: readonly string[]): Promise<void> {
  const path = join(BIN, file);
  mkdirSync(join(path, '..'), { recursive: true });
  await go(cwd, 'build', '-o', `${path}.new`, ...words);
  await command(['mv', `${path}.new`, path]);
}

async function buildHyper(): Promise<void> {
  const folder = emptyModule('hyper');
  copyFileSync(join(HERE, 'go/hyper/main.go'), join(folder, 'main.go'));
  const { kubernetes } = VERSIONS;
  const theirs = await writeKubernetesModule(folder, 'hyper');
  const etcd = /go\.etcd\.io\/etcd\/client\/v3 (v\S+)/.exec(theirs)?.[1];
  appendFileSync(join(folder, 'go.mod'), `require go.etcd.io/etcd/server/v3 ${etcd}\n`);
  await go(folder, 'mod', 'tidy');
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(kubernetes) ?? [];
  const facts = { gitVersion: kubernetes, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const flags = Object.entries(facts)
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(' ');
  await build(folder, 'hyper', '-ldflags', `-s -w ${flags}`, '.');
  for (const name of COMPONENTS) {
    rmSync(join(BIN, name), { force: true });
    symlinkSync('hyper', join(BIN, name));
  }
}

async function buildContainerd(): Promise<void> {
  const folder = emptyModule('containerd');
  const root = 'github.com/containerd/containerd/v2';
  await go(folder, 'get', `${root}@${VERSIONS.containerd}`);
  const tags = 'no_btrfs no_devmapper no_zfs no_aufs netgo osusergo';
  const flags = `-s -w -X ${root}/version.Version=${VERSIONS.containerd}`;
  // The one that is looked for comes last.
  for (const name of ['containerd-shim-runc-v2', 'ctr', 'containerd']) {
    await build(folder, name, '-tags', tags, '-ldflags', flags, `${root}/cmd/${name}`);
  }
}

async function buildCni(): Promise<void> {
  const folder = emptyModule('cni');
  const root = 'github.com/containernetworking/plugins';
  await go(folder, 'get', `${root}@${VERSIONS.cni}`);
  for (const name of ['main/bridge', 'main/loopback', 'ipam/host-local', 'meta/portmap']) {
    const file = `cni/${name.split('/')[1]}`;
    await build(folder, file, '-ldflags', '-s -w', `${root}/plugins/${name}`);
  }
}

async function buildCoredns(): Promise<void> {
  const folder = emptyModule('coredns');
  copyFileSync(join(HERE, 'go/coredns/main.go'), join(folder, 'main.go'));
  await go(folder, 'get', `github.com/coredns/coredns@${VERSIONS.coredns}`);
  await go(folder, 'mod', 'tidy');
  await build(folder, 'coredns', '-ldflags', '-s -w', '.');
}
