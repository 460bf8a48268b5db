import { setTimeout as wait } from 'node:timers/promises';
import type { Check, Findings } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import { readDrip, shown } from '../drip.ts';
import { injectedPod } from '../injected.ts';
import { first } from '../priority.ts';

const NAMESPACE = 'nodes';
const PODS = 60;
const AT_ONCE = 6;
/** Names that exist, of each sort. */
const NAMES = [
  'kubernetes.default',
  'db.other',
  'nginx.ci',
  'headless.ci',
  'alias.ci',
  'git.corp.example',
  'git.example.com',
  'api.example.org',
];
const LOAD = { periodMs: 25, seconds: 50 };
/** Few source ports and few lookups: most ports are in conntrack, and the old daemon has time to find itself unused. */
const FEW_PORTS = { range: '40000 40039', periodMs: 200, seconds: 35, filledMs: 12_000 };

export const nodeDaemon: Check = {
  name: 'node',
  shows:
    'the node daemon, alone and behind sidecars: fresh pods, and rollouts of it and of CoreDNS under load',
  run: async (cluster, findings) => {
    await cluster.documented('kubectl apply -k k8s/namespace');
    await cluster.documented('kubectl apply -k k8s/node/service-local');
    await cluster.kubectl('-n sidestub rollout status ds/sidestub-node --timeout=90s');
    const address = (
      await cluster.kubectl('-n sidestub get service sidestub-node -o jsonpath={.spec.clusterIP}')
    ).trim();
    await cluster.namespace(NAMESPACE);
    await freshPods(cluster, findings, address);
    await knownPorts(cluster, findings, address);
    await rollouts(cluster, findings, address);
    await cluster.documented('kubectl delete -k k8s/node/service-local --wait=false');
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

/** The documented pair: the node daemon first, the cluster's DNS behind it. */
async function freshPods(cluster: Cluster, findings: Findings, address: string): Promise<void> {
  const denied: string[] = [];
  const run = async (index: number): Promise<void> => {
    const image = index % 2 === 0 ? 'alpine:3.22' : 'debian:12';
    const name = `fresh-${index}`;
    const spec = { name, namespace: NAMESPACE, image, command: ['gai', ...NAMES] };
    const pod = injectedPod(spec, { upstreams: [address, '10.96.0.10'] });
    await cluster.api.post(`/api/v1/namespaces/${NAMESPACE}/pods`, pod);
    await cluster.podEnded(NAMESPACE, name, 90);
    const lines = (await cluster.logs(NAMESPACE, name)).trim().split('\n');
    denied.push(...lines.filter((line) => line.includes('ERR')).map((line) => `${image} ${line}`));
    await cluster.kubectl(
      `-n ${NAMESPACE} delete pod ${name} --wait=false --grace-period=0 --force`,
    );
  };
  for (let index = 0; index < PODS; index += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => run(index + i)));
  }
  findings.holds(
    denied.length === 0,
    `${PODS} fresh pods, sidecar behind node daemon, musl and glibc: 0 denied that exist`,
    `${PODS * NAMES.length} lookups, ${denied.length} denied ${denied.slice(0, 5).join('; ')}`,
  );
}

/** Restarts the daemon while pods look names up from source ports that conntrack leads to the old one. */
async function knownPorts(cluster: Cluster, findings: Findings, address: string): Promise<void> {
  const { range, periodMs, seconds, filledMs } = FEW_PORTS;
  const command = ['drip', `${periodMs}`, `${seconds}`, 'db.other', 'headless.ci'];
  const sysctls = [{ name: 'net.ipv4.ip_local_port_range', value: range }];
  const images = { 'ports-musl': 'alpine:3.22', 'ports-glibc': 'debian:12' };
  for (const [name, image] of Object.entries(images)) {
    const containers = drip(image, command);
    const spec = { ...asking(address), securityContext: { sysctls }, containers };
    await cluster.createPod({ name, namespace: NAMESPACE, spec });
  }
  for (const name of Object.keys(images)) await cluster.podReady(NAMESPACE, name);
  await wait(filledMs);
  await restartDaemon(cluster);
  for (const name of Object.keys(images)) {
    await cluster.podEnded(NAMESPACE, name, 120);
    await judge(
      cluster,
      findings,
      name,
      'a rollout of the daemon, from ports that conntrack knows',
    );
  }
}

async function restartDaemon(cluster: Cluster): Promise<void> {
  await cluster.kubectl('-n sidestub rollout restart ds/sidestub-node');
  await cluster.kubectl('-n sidestub rollout status ds/sidestub-node --timeout=60s');
}

/** The settings of a pod that asks one server alone. */
function asking(address: string): object {
  return {
    dnsPolicy: 'None',
    dnsConfig: {
      nameservers: [address],
      searches: [
        `${NAMESPACE}.svc.cluster.local`,
        'svc.cluster.local',
        'cluster.local',
        'corp.example',
      ],
      options: [{ name: 'ndots', value: '5' }],
    },
  };
}

/** Restarts the daemon, then CoreDNS, while pods look names up by each way. */
async function rollouts(cluster: Cluster, findings: Findings, address: string): Promise<void> {
  const names = ['git.example.com', 'n%d.example.net', 'nginx.ci', 'db.other', 'git.corp.example'];
  const command = ['drip', `${LOAD.periodMs}`, `${LOAD.seconds}`, ...names];
  const alone = asking(address);
  const load = { namespace: NAMESPACE, command };
  await first(async () => {
    await cluster.createPod({
      ...load,
      name: 'alone-musl',
      spec: { ...alone, containers: drip('alpine:3.22', command) },
    });
    await cluster.createPod({
      ...load,
      name: 'alone-glibc',
      spec: { ...alone, containers: drip('debian:12', command) },
    });
    const behind = { upstreams: [address, '10.96.0.10'] };
    for (const [name, image, choices] of [
      ['behind-musl', 'alpine:3.22', behind],
      ['sidecar-glibc', 'debian:12', {}],
    ] as const) {
      const pod = injectedPod({ ...load, name, image }, choices);
      await cluster.api.post(`/api/v1/namespaces/${NAMESPACE}/pods`, pod);
    }
    for (const name of PODS_UNDER_LOAD) await cluster.podReady(NAMESPACE, name);
    await restartDaemon(cluster);
    await cluster.kubectl('-n kube-system rollout restart deploy/coredns');
    await cluster.kubectl('-n kube-system rollout status deploy/coredns --timeout=60s');
    for (const name of PODS_UNDER_LOAD) await cluster.podEnded(NAMESPACE, name, 120);
  });
  for (const name of PODS_UNDER_LOAD) {
    await judge(cluster, findings, name, 'rollouts of the daemon and of CoreDNS');
  }
}

/** None of a pod's lookups took as long as a client's timer. */
async function judge(
  cluster: Cluster,
  findings: Findings,
  name: string,
  what: string,
): Promise<void> {
  const seen = readDrip(await cluster.logs(NAMESPACE, name));
  findings.holds(
    seen.slow + seen.failed + seen.lost === 0,
    `${what}, ${name}: none above 500 ms`,
    `${shown(seen)} ${seen.events
      .slice(0, 5)
      .map(({ at, name: asked, ms, result }) => `at ${at} s ${asked} ${ms} ms ${result}`)
      .join('; ')}`,
  );
}

const PODS_UNDER_LOAD = ['alone-musl', 'alone-glibc', 'behind-musl', 'sidecar-glibc'];

function drip(image: string, command: readonly string[]): object[] {
  return [{ name: 'main', image, command, imagePullPolicy: 'IfNotPresent' }];
}
