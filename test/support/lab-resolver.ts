import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../src/clock.ts';
import { CLUSTER_DNS } from './lab-network.ts';
import { type LabProcess, spawnIn } from './lab-process.ts';

/** Another local resolver in the job's pod, to compare with. */
export type Peer = 'dnsmasq' | 'unbound';

/** A start of a peer on a busy machine. */
const START_BOUND: Milliseconds = 10_000;

/**
 * Starts a peer as a caching forwarder on 127.0.0.1:53 in a pod, as a sidecar would be configured: the defaults, cluster
 * DNS upstream, no privileges to drop.
 *
 * @param folder - For its configuration.
 * @returns The process, once it listens.
 * @throws {Error} If it ends, or does not listen within the bound.
 */
export async function startPeer(pod: string, folder: string, peer: Peer): Promise<LabProcess> {
  const argv = peer === 'dnsmasq' ? dnsmasq() : unbound(folder);
  const child = spawnIn(pod, argv, () => {});
  let ended: string | undefined;
  void child.exited.then(({ stderr }) => {
    ended = stderr;
  });
  const deadline = performance.now() + START_BOUND;
  while (!(await listens(pod))) {
    if (ended !== undefined) throw new Error(`${peer} ended: ${ended}`);
    if (performance.now() > deadline) throw new Error(`${peer} does not listen`);
    await wait(10);
  }
  return child;
}

function dnsmasq(): string[] {
  const bind = ['--listen-address=127.0.0.1', '--bind-interfaces', '--user=root', '--pid-file='];
  const upstream = ['--no-resolv', `--server=${CLUSTER_DNS}`, '--no-hosts'];
  return ['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', ...bind, ...upstream];
}

function unbound(folder: string): string[] {
  const file = join(folder, 'unbound.conf');
  // No validation: a cluster zone is not signed, and no peer here validates.
  const server = [
    'interface: 127.0.0.1',
    'do-daemonize: no',
    'username: ""',
    'chroot: ""',
    'pidfile: ""',
    'use-syslog: no',
    'module-config: "iterator"',
  ];
  writeFileSync(
    file,
    `server:\n${server.map((line) => `  ${line}\n`).join('')}` +
      `remote-control:\n  control-enable: no\n` +
      `forward-zone:\n  name: "."\n  forward-addr: ${CLUSTER_DNS}\n`,
  );
  return ['unbound', '-d', '-c', file];
}

/** Whether somebody has UDP port 53 of 127.0.0.1, as the kernel writes it. */
async function listens(pod: string): Promise<boolean> {
  let found = false;
  const child = spawnIn(pod, ['cat', '/proc/net/udp'], (line) => {
    if (line.includes(' 0100007F:0035 ')) found = true;
  });
  await child.exited;
  return found;
}
