import type { Cluster } from '../../cluster/cluster.ts';
import { AUTOPATH_NAME } from './autopath.ts';
import { containerOf, cpuOf } from './containers.ts';

/** Those of the cluster's DNS, and those with `autopath`. */
const DNS_PODS = `k8s-app in (kube-dns, ${AUTOPATH_NAME})`;

/** How many questions the replicas of CoreDNS have been asked since they began. */
export async function questionsSeen(cluster: Cluster): Promise<number> {
  const counts = await Promise.all((await addresses(cluster)).map(countOf));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** CPU time of all in ms. */
export async function cpuOfCoreDns(cluster: Cluster): Promise<number> {
  const pods = await cluster.pods('kube-system', DNS_PODS);
  const all = await Promise.all(pods.map((pod) => cpuOf(cluster, containerOf(pod, 'coredns'))));
  return all.reduce((sum, ms) => sum + ms, 0);
}

let known: readonly string[] = [];

async function addresses(cluster: Cluster): Promise<readonly string[]> {
  if (known.length === 0) {
    const pods = await cluster.pods('kube-system', DNS_PODS);
    known = pods.map(({ status }) => status.podIP);
  }
  return known;
}

async function countOf(address: string): Promise<number> {
  const text = await (await fetch(`http://${address}:9153/metrics`)).text();
  const lines = text.matchAll(/^coredns_dns_requests_total\{.*\} (\S+)$/gm);
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}
