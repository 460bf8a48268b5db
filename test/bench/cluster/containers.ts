import type { ApiObject } from '../../cluster/api.ts';
import type { Cluster } from '../../cluster/cluster.ts';

/** The container ID of a pod's container, sidecars included. */
export function containerOf({ status }: ApiObject, name: string): string {
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const own = all.find((each: { name: string }) => each.name === name);
  return `${own?.containerID ?? ''}`.replace('containerd://', '');
}

/** The first process of a container, as the node numbers it. */
export async function processOf(cluster: Cluster, container: string): Promise<number> {
  const text = await fileOf(cluster, container, 'cgroup.procs');
  return Number(text.split('\n')[0]);
}

/** CPU time in ms that a container has used; cgroups v1 and v2. */
export async function cpuOf(cluster: Cluster, container: string): Promise<number> {
  const nanoseconds = await fileOf(cluster, container, 'cpuacct.usage');
  if (nanoseconds !== '') return Number(nanoseconds) / 1e6;
  const text = await fileOf(cluster, container, 'cpu.stat');
  return Number(/usage_usec (\d+)/.exec(text)?.[1]) / 1e3;
}

/** What a container's processes hold of memory, in MiB, without files. */
export async function memoryOf(cluster: Cluster, container: string): Promise<number> {
  const text = await fileOf(cluster, container, 'memory.stat');
  const octets = /^(?:total_rss|anon) (\d+)$/m.exec(text)?.[1];
  return Number(octets) / 2 ** 20;
}

/** Which hierarchy has the file depends on the machine. */
async function fileOf(cluster: Cluster, container: string, file: string): Promise<string> {
  const script = `find /sys/fs/cgroup -path '*/${container}/${file}' 2>/dev/null | sort | tail -1 | xargs -r cat`;
  const { stdout } = await cluster.run(['bash', '-c', script], { mayFail: true });
  return stdout.trim();
}
