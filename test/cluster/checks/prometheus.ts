import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { ApiObject } from '../api.ts';
import type { Check, Findings } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import { injectedPod } from '../injected.ts';
import { REPOSITORY } from '../places.ts';

const NAMESPACE = 'scraped';
const NAMES = ['one', 'two'];

export const prometheus: Check = {
  name: 'prometheus',
  shows:
    'a real Prometheus scrapes the sidecars by the PodMonitor, by the name of their port, by annotations',
  run: async (cluster, findings) => {
    await cluster.namespace(NAMESPACE);
    for (const name of NAMES) {
      const annotations = { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9553' };
      await cluster.api.post(
        `/api/v1/namespaces/${NAMESPACE}/pods`,
        injectedPod({ name, namespace: NAMESPACE, annotations }),
      );
    }
    // It has neither the port nor the annotations, and is no target.
    await cluster.createPod({ name: 'other', namespace: NAMESPACE });
    for (const name of [...NAMES, 'other']) await cluster.podReady(NAMESPACE, name);
    await cluster.exec(NAMESPACE, 'one', 'getent', 'hosts', 'git.corp.example');
    const targets = (await cluster.pods(NAMESPACE)).flatMap(discovered);
    for (const [way, job] of Object.entries(jobs()))
      await scraped(cluster, findings, { way, job, targets });
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

type Job = Readonly<Record<string, unknown>>;

/** The jobs of k8s/monitoring: two as they are, and what the operator makes of the PodMonitor. */
function jobs(): Readonly<Record<string, Job>> {
  const read = (file: string) =>
    parse(readFileSync(join(REPOSITORY, 'k8s/monitoring', file), 'utf8'));
  const [byPort, byAnnotation] = read('scrape-config.yaml').scrape_configs;
  const [endpoint] = read('podmonitor.yaml').spec.podMetricsEndpoints;
  const podMonitor = {
    job_name: 'podMonitor/monitoring/sidestub/0',
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
  return { 'the PodMonitor': podMonitor, 'the port': byPort, annotations: byAnnotation };
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

/**
 * The targets that `kubernetes_sd_configs` with role `pod` makes of a pod, a port each, a container without ports one as
 * well. Debian's Prometheus is built without it: the same labels come by a file, and Prometheus relabels them itself.
 */
function discovered({ metadata, spec, status }: ApiObject): object[] {
  type Container = { name: string; ports?: { name?: string; containerPort: number }[] };
  const containers: Container[] = [...spec.containers, ...(spec.initContainers ?? [])];
  const annotations = Object.entries(metadata.annotations ?? {}).map(([key, value]) => [
    `__meta_kubernetes_pod_annotation_${key.replaceAll(/[^a-zA-Z0-9]/g, '_')}`,
    value,
  ]);
  const common = {
    ...Object.fromEntries(annotations),
    __meta_kubernetes_namespace: metadata.namespace,
    __meta_kubernetes_pod_name: metadata.name,
    __meta_kubernetes_pod_phase: status.phase,
  };
  return containers.flatMap(({ name, ports = [] }) =>
    (ports.length === 0 ? [undefined] : ports).map((port) => ({
      targets: [port === undefined ? status.podIP : `${status.podIP}:${port.containerPort}`],
      labels: {
        ...common,
        __meta_kubernetes_pod_container_name: name,
        ...(port?.name === undefined
          ? {}
          : { __meta_kubernetes_pod_container_port_name: port.name }),
      },
    })),
  );
}

interface Way {
  readonly way: string;
  readonly job: Job;
  readonly targets: readonly object[];
}

async function scraped(
  cluster: Cluster,
  findings: Findings,
  { way, job, targets }: Way,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-prometheus-'));
  const { kubernetes_sd_configs: _, ...rest } = job;
  const file = {
    global: { scrape_interval: '1s', scrape_timeout: '1s' },
    scrape_configs: [
      {
        ...rest,
        scrape_interval: '1s',
        scrape_timeout: '1s',
        file_sd_configs: [{ files: ['pods.json'] }],
      },
    ],
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(file));
  writeFileSync(join(folder, 'pods.json'), JSON.stringify(targets));
  const words = [
    `--config.file=${folder}/prometheus.yml`,
    `--storage.tsdb.path=${folder}/data`,
    '--web.listen-address=127.0.0.1:9090',
  ];
  const server = spawn('prometheus', words, { stdio: 'ignore' });
  const ended = new Promise((end) => server.once('exit', end));
  try {
    const asked = await cluster.until(`by ${way}: a scrape of the pod that has asked`, async () => {
      const pods = await podsOf('sidestub_queries_total{job="sidestub"} > 0');
      return pods.length > 0 ? pods : undefined;
    });
    findings.equals(asked, ['one'], `by ${way}: what a pod has asked is in Prometheus`);
    // The other pod may be scraped up to an interval later.
    const up = await cluster.until(`by ${way}: a scrape of each sidecar`, async () => {
      const pods = await podsOf('up == 1');
      return pods.length >= NAMES.length ? pods : undefined;
    });
    findings.equals(up, NAMES, `by ${way}: all sidecars are up, each once, and nothing else`);
  } finally {
    server.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The pods of which Prometheus has a sample that matches; a pod with two targets is there twice. */
async function podsOf(expr: string): Promise<readonly string[]> {
  const query = `http://127.0.0.1:9090/api/v1/query?query=${encodeURIComponent(`count by (pod, instance) (${expr})`)}`;
  const { data } = (await (await fetch(query)).json()) as {
    data: { result: { metric: { pod: string } }[] };
  };
  return data.result.map(({ metric }) => metric.pod).sort();
}
