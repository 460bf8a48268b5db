import type { Lab } from './lab.ts';
import type { Daemon, DaemonOptions } from './lab-daemon.ts';
import { CLUSTER_DNS } from './lab-network.ts';

/** Where the node daemon listens: another address of the pod's loopback stands for the node's. */
const NODE_DAEMON = '127.0.0.2';

/** As kubelet gives it to the node daemon's own pod: no list of any pod that asks it. */
const NODE_LIST = {
  search: ['kube-system.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'corp.example'],
  ndots: 5,
};

/** A node daemon, and sidecars that have it in front of cluster DNS: what k8s/node and its documentation put together. */
export interface Pair {
  readonly node: Daemon;
  readonly sidecar: Daemon;
}

/**
 * Starts the node daemon, and waits until it is sure of the zone. It is gone with the lab, or by its `kill`.
 *
 * `SIDESTUB_NODE_CLI` names its program, where it is to be of another version than the sidecars (`SIDESTUB_CLI`).
 */
export async function startNodeDaemon(lab: Lab): Promise<Daemon> {
  const { SIDESTUB_NODE_CLI: cli } = process.env;
  const node = await lab.startDaemon({ address: NODE_DAEMON, list: NODE_LIST, cli });
  await node.untilReady();
  await node.untilVerdict();
  return node;
}

/** How a sidecar behind the node daemon is started: that one first, then cluster DNS. */
export function behindNodeDaemon(options: DaemonOptions = {}): DaemonOptions {
  return { nameservers: [NODE_DAEMON, CLUSTER_DNS], ...options };
}

/** Runs `story` with both of them ready and sure of the zone, over an empty log. */
export async function withPair<Result>(
  lab: Lab,
  story: (pair: Pair) => Promise<Result>,
): Promise<Result> {
  const node = await startNodeDaemon(lab);
  const sidecar = await lab.startDaemon(behindNodeDaemon());
  try {
    await sidecar.untilReady();
    await sidecar.untilVerdict();
    await lab.forget();
    return await story({ node, sidecar });
  } finally {
    await sidecar.kill();
    await node.kill();
  }
}
