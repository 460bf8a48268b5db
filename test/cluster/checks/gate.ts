import { setTimeout as wait } from 'node:timers/promises';
import type { ApiObject } from '../api.ts';
import type { Check, Findings } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import { injectedPod } from '../injected.ts';

const NOWHERE = 'nowhere.corp.example';
const NAMESPACE = 'gate';
const AWAY_MS = 20_000;

export const gate: Check = {
  name: 'gate',
  shows:
    'what the postStart hook does when names never resolve, upstream is away, kubelet restarts',
  run: async (cluster, findings) => {
    await cluster.namespace(NAMESPACE);
    await Promise.all([
      neverResolves(cluster, findings),
      upstreamAway(cluster, findings),
      deletedMeanwhile(cluster, findings),
      // kubelet is one for all: the others are in their hooks by then.
      wait(3_000).then(() => memoryOfStart(cluster, findings)),
    ]);
    await kubeletRestarts(cluster, findings);
    await killedInMidJob(cluster, findings);
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

/** `kubectl describe pod` has to say which name it is, and what was answered. */
async function neverResolves(cluster: Cluster, findings: Findings): Promise<void> {
  const name = 'never';
  await create(cluster, name, { readyNames: [NOWHERE] });
  const message = await cluster.until(
    'the hook fails',
    async () => {
      const { lastState } = sidecarOf(await cluster.pod(NAMESPACE, name));
      return lastState?.terminated?.message;
    },
    // The status is not written while the next hook runs.
    120,
  );
  const says = message.startsWith(`not ready: ${NOWHERE} does not resolve: ${NOWHERE}`);
  findings.holds(says, 'a name that never resolves: the status says which and why', message);
  const described = await cluster.kubectl(`-n ${NAMESPACE} describe pod ${name}`);
  findings.holds(described.includes(NOWHERE), 'and so does kubectl describe pod');
  const { status } = await cluster.pod(NAMESPACE, name);
  const main = status.containerStatuses?.[0]?.state;
  findings.holds(main?.waiting !== undefined, 'the job has not started', JSON.stringify(main));
  await remove(cluster, name);
}

/** The only upstream answers nothing for 20 s. */
async function upstreamAway(cluster: Cluster, findings: Findings): Promise<void> {
  const service = {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name: 'late', namespace: NAMESPACE },
  };
  const ports = [{ name: 'dns', port: 53, protocol: 'UDP' }];
  await cluster.apply({ ...service, spec: { clusterIP: '10.96.0.77', ports } });
  // A port of the node behind which nothing answers and nothing refuses.
  await cluster.run(['iptables', '-I', 'INPUT', '-p', 'udp', '--dport', '5399', '-j', 'DROP']);
  await cluster.apply(slice(['192.168.77.2'], 5399));
  await create(cluster, 'away', { upstreams: ['10.96.0.77'] });
  await wait(AWAY_MS);
  const { status } = await cluster.pod(NAMESPACE, 'away');
  findings.holds(
    status.containerStatuses?.[0]?.state?.waiting !== undefined,
    'upstream away: the job waits',
  );
  const dns = await cluster.pods('kube-system', 'k8s-app=kube-dns');
  await cluster.apply(
    slice(
      dns.map(({ status: { podIP } }) => podIP),
      53,
    ),
  );
  const back = performance.now();
  await cluster.podReady(NAMESPACE, 'away');
  const took = performance.now() - back;
  findings.holds(took < 5_000, 'and starts when it is back', `${Math.round(took)} ms later`);
  await remove(cluster, 'away');
}

function slice(addresses: readonly string[], port: number): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'late',
      namespace: NAMESPACE,
      labels: { 'kubernetes.io/service-name': 'late' },
    },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: 'dns', port, protocol: 'UDP' }],
  };
}

async function deletedMeanwhile(cluster: Cluster, findings: Findings): Promise<void> {
  await create(cluster, 'deleted', { readyNames: [NOWHERE] });
  await running(cluster, 'deleted');
  const asked = performance.now();
  await cluster.kubectl(`-n ${NAMESPACE} delete pod deleted --wait --timeout=60s`);
  const took = performance.now() - asked;
  findings.holds(took < 35_000, 'a pod deleted during the hook goes', `${Math.round(took)} ms`);
}

/** kubelet forgets a hook that it did not see end, and there is no startup probe: the job starts, and is served. */
async function kubeletRestarts(cluster: Cluster, findings: Findings): Promise<void> {
  await create(cluster, 'restart', { readyNames: [NOWHERE] });
  await running(cluster, 'restart');
  await cluster.run(
    ['bash', '-c', 'kill -9 $(cat kubelet.pid); . node/components.sh; start kubelet'],
    {
      cwd: '/run/node',
    },
  );
  const pod = await cluster
    .podReady(NAMESPACE, 'restart', 60)
    .catch(() => cluster.pod(NAMESPACE, 'restart'));
  const main = pod.status.containerStatuses?.[0]?.state;
  findings.note(`kubelet restarted during the hook: the job is ${Object.keys(main ?? {})[0]}`);
  if (main?.running !== undefined) {
    const { stdout } = await cluster.exec(NAMESPACE, 'restart', 'cat', '/etc/resolv.conf');
    findings.holds(stdout.includes('nameserver 127.0.0.1'), 'it has the published resolv.conf');
    const { code } = await cluster.exec(
      NAMESPACE,
      'restart',
      'getent',
      'hosts',
      'git.corp.example',
    );
    findings.equals(code, 0, 'and is answered');
  }
  await remove(cluster, 'restart');
}

/** The kernel kills the daemon for its memory; kubelet starts it again, and the job goes on. */
async function killedInMidJob(cluster: Cluster, findings: Findings): Promise<void> {
  await create(cluster, 'killed', {});
  const pod = await cluster.podReady(NAMESPACE, 'killed');
  // It ends by SIGKILL as well, or with the container.
  await cluster.run(['bash', '-c', outOfMemory(cgroupOf(pod))], { mayFail: true });
  const restarted = await cluster.until('the sidecar is restarted', async () => {
    const { lastState, state } = sidecarOf(await cluster.pod(NAMESPACE, 'killed'));
    return state.running !== undefined && lastState?.terminated !== undefined
      ? lastState.terminated
      : undefined;
  });
  findings.equals(
    [restarted.reason, restarted.exitCode],
    ['OOMKilled', 137],
    'the sidecar is killed for its memory and started again',
  );
  const { stdout } = await cluster.exec(NAMESPACE, 'killed', 'gai', 'git.corp.example', 'nginx.ci');
  findings.holds(
    !stdout.includes('ERR'),
    'the job goes on, by the same resolv.conf',
    stdout.trim(),
  );
  await remove(cluster, 'killed');
}

/**
 * Fills the container's memory up to its limit by a process of ours, so that the kernel has to kill: the daemon first, which
 * is made the likelier one. Lowering the limit would do nothing on cgroups v1, where that fails with EBUSY.
 */
function outOfMemory(path: string): string {
  return `set -e
# Outside of that cgroup nothing would end it.
ulimit -v 1000000
cd /sys/fs/cgroup/memory/${path} 2>/dev/null || cd /sys/fs/cgroup/${path}
echo 1000 > /proc/$(head -1 cgroup.procs)/oom_score_adj
echo $$ > cgroup.procs
exec timeout 30 tail /dev/zero`;
}

async function memoryOfStart(cluster: Cluster, findings: Findings): Promise<void> {
  await create(cluster, 'memory', {});
  const pod = await cluster.podReady(NAMESPACE, 'memory');
  const script = `cd /sys/fs/cgroup/memory/${cgroupOf(pod)} 2>/dev/null || cd /sys/fs/cgroup/${cgroupOf(pod)}
cat memory.max_usage_in_bytes 2>/dev/null || cat memory.peak
cat memory.oom_control memory.events 2>/dev/null | grep -E '^oom_kill ' | cut -d' ' -f2`;
  const { stdout } = await cluster.run(['bash', '-c', script]);
  const [peak = 0, kills = 0] = stdout.trim().split('\n').map(Number);
  const mebibytes = (peak / 2 ** 20).toFixed(1);
  findings.holds(
    kills === 0 && peak < 96 * 2 ** 20,
    'daemon and hook together stay within 96 MiB',
    `${mebibytes} MiB at most, the page cache included`,
  );
  await remove(cluster, 'memory');
}

function cgroupOf(pod: ApiObject): string {
  const container = sidecarOf(pod).containerID.replace('containerd://', '');
  return `sidestub-test/kubepods/burstable/pod${pod.metadata.uid}/${container}`;
}

// biome-ignore lint/suspicious/noExplicitAny: a status of the API.
function sidecarOf({ status }: ApiObject): any {
  return (
    status?.initContainerStatuses?.find(({ name }: { name: string }) => name === 'sidestub') ?? {
      state: {},
    }
  );
}

async function running(cluster: Cluster, name: string): Promise<void> {
  const file = `/run/node/podlogs/${NAMESPACE}_${name}_*/sidestub/0.log`;
  await cluster.until(`the sidecar of ${name} runs`, async () => {
    const { stdout } = await cluster.run(['bash', '-c', `cat ${file}`], { mayFail: true });
    return stdout.includes('listening');
  });
}

async function create(
  cluster: Cluster,
  name: string,
  choices: Parameters<typeof injectedPod>[1],
): Promise<void> {
  const pod = injectedPod({ name, namespace: NAMESPACE }, choices);
  await cluster.api.post(`/api/v1/namespaces/${NAMESPACE}/pods`, pod);
}

async function remove(cluster: Cluster, name: string): Promise<void> {
  await cluster.kubectl(`-n ${NAMESPACE} delete pod ${name} --wait=false --grace-period=0 --force`);
}
