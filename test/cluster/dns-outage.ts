import { setTimeout as wait } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { Prober } from './prober.ts';

const AWAY_MS = 10_000;

/** As glibc and musl say that a name does not exist, or has no address. */
export const DENIAL = /not known|No address|not resolve|no usable|Unknown error/;

/**
 * Scales CoreDNS to no replicas for 10 s.
 *
 * @returns When it stopped answering at its service's address and when it answered again, by the wall clock: seen from
 * the node, without sidestub.
 */
export async function takeDnsAway(cluster: Cluster): Promise<{ from: number; to: number }> {
  const prober = new Prober('10.96.0.10');
  try {
    await wait(3_000);
    await cluster.kubectl('-n kube-system scale deploy/coredns --replicas=0');
    await wait(AWAY_MS);
    await cluster.kubectl('-n kube-system scale deploy/coredns --replicas=2');
    await cluster.kubectl('-n kube-system rollout status deploy/coredns --timeout=60s');
    await cluster.until('CoreDNS answers', async () => Date.now() - prober.lastReply < 200);
    return prober.longest;
  } finally {
    prober.stop();
  }
}

/** When a pod printed the line `begins`, by the node's clock. */
export async function beginning(cluster: Cluster, namespace: string, pod: string): Promise<number> {
  const stamped = await cluster.kubectl(`-n ${namespace} logs ${pod} -c main --timestamps`);
  return Date.parse(/^(\S+) begins$/m.exec(stamped)?.[1] ?? '');
}
