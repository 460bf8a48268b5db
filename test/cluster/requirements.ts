import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What has to be there, and the package of Debian that has it. */
const TOOLS: readonly (readonly [tool: string, from: string])[] = [
  ['go', 'golang-go, at least 1.26 or one that downloads it'],
  ['gcc', 'gcc libc6-dev'],
  ['musl-gcc', 'musl-tools'],
  ['buildah', 'buildah'],
  ['runc', 'runc'],
  ['busybox', 'busybox-static'],
  ['iptables', 'iptables'],
  ['conntrack', 'conntrack'],
  ['ip', 'iproute2'],
  ['openssl', 'openssl'],
  ['nsenter', 'util-linux'],
  ['unshare', 'util-linux'],
  ['mount', 'mount'],
  ['git', 'git'],
];

/** What the images of the tests have for a shell. */
export const BUSYBOX = '/bin/busybox';

/** What this machine lacks, a sentence each; none where a node can be started. */
export function missing(): string[] {
  const { PATH = '' } = process.env;
  const folders = [...PATH.split(delimiter), '/usr/sbin', '/sbin', '/usr/local/go/bin'];
  const lacks = TOOLS.filter(([tool]) => !folders.some((each) => existsSync(join(each, tool)))).map(
    ([tool, from]) => `${tool} is not here (Debian: ${from})`,
  );
  if (existsSync(BUSYBOX) && readFileSync(BUSYBOX).includes('/ld-linux')) {
    lacks.push(`${BUSYBOX} needs libraries that an image of musl has not (Debian: busybox-static)`);
  }
  if (process.platform !== 'linux') return ['a node needs Linux'];
  if (process.arch !== 'x64') lacks.push(`built and tried on x86-64 only; this is ${process.arch}`);
  if (process.getuid?.() !== 0) lacks.push('a node needs root');
  if (!existsSync('/sys/fs/cgroup/cgroup.controllers') && !existsSync('/sys/fs/cgroup/memory')) {
    lacks.push('no cgroups at /sys/fs/cgroup');
  }
  return lacks;
}
