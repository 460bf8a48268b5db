import { setTimeout as wait } from 'node:timers/promises';
import type { ApiObject } from '../../cluster/api.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { readDrip } from '../../cluster/drip.ts';
import { clientIn } from './client-in.ts';
import { containerOf, cpuOf, memoryOf } from './containers.ts';
import { cpuOfCoreDns } from './core-dns.ts';
import type { CostCell, Parts } from './measured.ts';
import { NAMESPACE, podOf, WAYS, type Way } from './ways.ts';

/** A thousand lookups, one each 10 ms: of names of every sort, every fifth of them new. */
const DRIP = ['drip', '10', '10'];
const NAMES = [
  'git.example.com',
  'n%d.example.net',
  'bench-a',
  'bench-a.other',
  'git.corp.example',
];

/** What a thousand lookups cost by each way: CPU of what stands between, CPU of CoreDNS, memory of what stands between. */
export async function measureCost(
  cluster: Cluster,
  daemon: string,
  say: (line: string) => void,
): Promise<Parts['cost']> {
  const cells: CostCell[] = [];
  for (const way of WAYS) {
    cells.push(await costOf(cluster, daemon, way));
    say(`cost: ${way}`);
  }
  return { cells };
}

async function costOf(cluster: Cluster, daemon: string, way: Way): Promise<CostCell> {
  const name = `cost-${way}`;
  const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
  await cluster.api.post(path, podOf(way, 'musl', daemon, { name }));
  const pod = await cluster.podReady(NAMESPACE, name);
  const between = await containersBetween(cluster, pod, way);
  const client = await clientIn(cluster, pod);
  // What starting costs is another figure.
  await wait(2_000);
  const used = async () => {
    const all = await Promise.all(between.map((container) => cpuOf(cluster, container)));
    return all.reduce((sum, ms) => sum + ms, 0);
  };
  const [stubBefore, dnsBefore] = [await used(), await cpuOfCoreDns(cluster)];
  const { median, p99 } = readDrip(
    await client.run(`/usr/bin/${DRIP[0]}`, ...DRIP.slice(1), ...NAMES),
  );
  const [stubAfter, dnsAfter] = [await used(), await cpuOfCoreDns(cluster)];
  const memories = await Promise.all(between.map((container) => memoryOf(cluster, container)));
  await cluster.kubectl(`-n ${NAMESPACE} delete pod ${name} --wait=false --grace-period=0 --force`);
  return {
    way,
    median,
    p99,
    stub: stubAfter - stubBefore,
    coredns: dnsAfter - dnsBefore,
    memory: memories.reduce((sum, each) => sum + each, 0),
  };
}

/** The containers that a question passes on its way to CoreDNS. */
async function containersBetween(cluster: Cluster, pod: ApiObject, way: Way): Promise<string[]> {
  const sidecar = way === 'sidecar' || way === 'both' ? [containerOf(pod, 'sidestub')] : [];
  if (way === 'nodelocal') {
    const cache = await cluster.pod('nodelocal', 'node-local-dns');
    return [containerOf(cache, 'main')];
  }
  if (way !== 'daemon' && way !== 'both') return sidecar;
  const [daemon] = await cluster.pods('sidestub', 'app.kubernetes.io/component=node');
  return daemon === undefined ? sidecar : [...sidecar, containerOf(daemon, 'sidestub')];
}
