import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../src/clock.ts';
import { CLUSTER_DNS } from './lab-network.ts';
import { type LabProcess, spawnIn } from './lab-process.ts';
import { type Peer, peerCommand } from './peer-command.ts';

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
  const upstreams = { servers: [{ address: CLUSTER_DNS, port: 53 }] };
  const listen = { address: '127.0.0.1', port: 53 };
  const argv = peerCommand(peer, upstreams, { folder, listen });
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

/** Whether somebody has UDP port 53 of 127.0.0.1, as the kernel writes it. */
async function listens(pod: string): Promise<boolean> {
  let found = false;
  const child = spawnIn(pod, ['cat', '/proc/net/udp'], (line) => {
    if (line.includes(' 0100007F:0035 ')) found = true;
  });
  await child.exited;
  return found;
}
