import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Check, Findings } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import { IMAGE, injectedPod } from '../injected.ts';
import { REPOSITORY } from '../places.ts';
import {
  allowDiscovery,
  endDiscovery,
  type PrometheusPod,
  startPrometheus,
} from '../prometheus-pod.ts';

const NAMESPACE = 'scraped';
const SIDECARS = ['one', 'two'];
/** What its daemon asks never answers: no Service has the address. */
const SILENT = 'silent';
const DAEMON = 'app.kubernetes.io/component=node';
const ANNOTATIONS = { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9553' };

export const prometheus: Check = {
  name: 'prometheus',
  shows:
    'Prometheus discovers and scrapes sidecars and node daemons by the PodMonitor, by the name of their port, by annotations; its alerts',
  run: async (cluster, findings) => {
    await cluster.namespace(NAMESPACE);
    const daemon = await startDaemon(cluster);
    await startPods(cluster);
    await allowDiscovery(cluster, NAMESPACE);
    const targets = [...SIDECARS, SILENT, daemon].sort();
    await Promise.all(
      jobs().map(async ({ way, name, job }) => {
        const server = await startPrometheus(cluster, NAMESPACE, name, files(job));
        await scraped(cluster, findings, { way, server, targets });
        await alerted(cluster, findings, { way, server, targets });
      }),
    );
    await cluster.documented('kubectl delete -k k8s/node/service-local --wait=false');
    await endDiscovery(cluster);
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

/** The documented daemon, annotated; gives the name of its pod. */
async function startDaemon(cluster: Cluster): Promise<string> {
  await cluster.documented(
    'kubectl apply -k k8s/namespace && kubectl apply -k k8s/node/service-local',
  );
  await cluster.kubectl('-n sidestub rollout status ds/sidestub-node --timeout=90s');
  const name = await cluster.until('one daemon', async () => {
    const [pod, ...others] = await cluster.pods('sidestub', DAEMON);
    return others.length === 0 ? pod?.metadata.name : undefined;
  });
  const words = Object.entries(ANNOTATIONS).map(([key, value]) => `${key}=${value}`);
  await cluster.kubectl(`-n sidestub annotate pod ${name} ${words.join(' ')}`);
  return name;
}

async function startPods(cluster: Cluster): Promise<void> {
  for (const name of SIDECARS) {
    const spec = { name, namespace: NAMESPACE, annotations: ANNOTATIONS };
    await cluster.api.post(`/api/v1/namespaces/${NAMESPACE}/pods`, injectedPod(spec));
  }
  // It has neither the port nor the annotations, and is no target.
  await cluster.createPod({ name: 'other', namespace: NAMESPACE });
  const main = {
    name: 'main',
    image: IMAGE,
    args: [
      'run',
      '--upstream',
      '10.96.0.77',
      '--listen',
      '127.0.0.1:5353',
      '--metrics',
      '0.0.0.0:9553',
    ],
    ports: [{ name: 'dns-metrics', containerPort: 9553 }],
  };
  await cluster.createPod({
    name: SILENT,
    namespace: NAMESPACE,
    annotations: ANNOTATIONS,
    spec: { containers: [main] },
  });
  for (const name of [...SIDECARS, 'other', SILENT]) await cluster.podReady(NAMESPACE, name);
  await cluster.exec(NAMESPACE, 'one', 'getent', 'hosts', 'git.corp.example');
}

type Job = Readonly<Record<string, unknown>>;

interface NamedJob {
  readonly way: string;
  /** Of its Prometheus. */
  readonly name: string;
  readonly job: Job;
}

/** The jobs of k8s/monitoring: two as they are, and what the operator makes of the PodMonitor. */
function jobs(): readonly NamedJob[] {
  const [byPort, byAnnotation] = parse(read('scrape-config.yaml')).scrape_configs;
  const [endpoint] = parse(read('podmonitor.yaml')).spec.podMetricsEndpoints;
  const podMonitor = {
    job_name: 'podMonitor/monitoring/sidestub/0',
    kubernetes_sd_configs: [{ role: 'pod' }],
    metrics_path: endpoint.path,
    relabel_configs: [
      {
        action: 'drop',
        source_labels: ['__meta_kubernetes_pod_phase'],
        regex: '(Failed|Succeeded)',
      },
      {
        action: 'keep',
        source_labels: ['__meta_kubernetes_pod_container_port_name'],
        regex: endpoint.port,
      },
      { source_labels: ['__meta_kubernetes_namespace'], target_label: 'namespace' },
      { source_labels: ['__meta_kubernetes_pod_name'], target_label: 'pod' },
      ...endpoint.relabelings.map(asPrometheus),
    ],
    metric_relabel_configs: endpoint.metricRelabelings.map(asPrometheus),
  };
  return [
    { way: 'the PodMonitor', name: 'by-pod-monitor', job: podMonitor },
    { way: 'the port', name: 'by-port', job: byPort },
    { way: 'annotations', name: 'by-annotations', job: byAnnotation },
  ];
}

/** The operator's words for a relabelling in Prometheus' own. */
function asPrometheus(rule: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(rule).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}

/** A job as it stands there, but each second, and the rules. */
function files(job: Job): { configuration: object; rules: string } {
  const often = { scrape_interval: '1s', scrape_timeout: '1s' };
  const configuration = {
    global: { ...often, evaluation_interval: '1s' },
    rule_files: ['rules.yaml'],
    scrape_configs: [{ ...job, ...often }],
  };
  return { configuration, rules: read('rules.yaml') };
}

interface Way {
  readonly way: string;
  readonly server: PrometheusPod;
  /** The pods that it has to find. */
  readonly targets: readonly string[];
}

async function scraped(cluster: Cluster, findings: Findings, { way, server, targets }: Way) {
  const asked = await cluster.until(`by ${way}: a scrape of the pod that has asked`, async () => {
    const pods = await server.podsOf(
      `sidestub_queries_total{job="sidestub",namespace="${NAMESPACE}"} > 0`,
    );
    return pods.length > 0 ? pods : undefined;
  });
  findings.equals(asked, ['one'], `by ${way}: what a pod has asked is in Prometheus`);
  // The others may be scraped up to an interval later. Pods of other checks may be there.
  const own = `up{namespace=~"${NAMESPACE}|sidestub"}`;
  const up = await cluster.until(`by ${way}: a scrape of each sidestub`, async () => {
    const pods = await server.podsOf(`${own} == 1`);
    return pods.length >= targets.length ? pods : undefined;
  });
  findings.equals(
    up,
    targets,
    `by ${way}: all sidecars and the node daemon are up, each once, and nothing else`,
  );
}

interface Rule {
  readonly name: string;
  readonly type: string;
  readonly health: string;
  readonly state?: string;
}

async function alerted(cluster: Cluster, findings: Findings, { way, server }: Way): Promise<void> {
  const expected = parse(read('rules.yaml')).groups.flatMap(({ rules }: { rules: object[] }) =>
    rules.map((rule) => ('alert' in rule ? rule.alert : (rule as { record: string }).record)),
  );
  const rules = await cluster.until(`by ${way}: SidestubStartupSlow fires`, async () => {
    const { groups } = await server.get<{ groups: { rules: Rule[] }[] }>('rules');
    const found = groups.flatMap((group) => group.rules);
    return found.some(({ state }) => state === 'firing') ? found : undefined;
  });
  findings.equals(
    rules
      .filter(({ health }) => health === 'ok')
      .map(({ name }) => name)
      .sort(),
    expected.sort(),
    `by ${way}: each rule is loaded and evaluated`,
  );
  findings.equals(
    rules.filter(({ state }) => state === 'firing').map(({ name }) => name),
    ['SidestubStartupSlow'],
    `by ${way}: the alert for a daemon without an answer for 10 s fires, and no other`,
  );
}

function read(name: string): string {
  return readFileSync(join(REPOSITORY, 'k8s/monitoring', name), 'utf8');
}
