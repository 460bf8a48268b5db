import type { Cluster } from './cluster.ts';
import { goProgramPath } from './go-program.ts';
import { PROMETHEUS } from './programs.ts';

/** A Prometheus in a pod, asked by its API. */
export class PrometheusPod {
  readonly #address: string;

  constructor(address: string) {
    this.#address = address;
  }

  /** What its API answers. @param path - Below `/api/v1/`. */
  async get<Data>(path: string): Promise<Data> {
    const response = await fetch(`http://${this.#address}:9090/api/v1/${path}`);
    const { data, error } = (await response.json()) as { data: Data; error?: string };
    if (error !== undefined) throw new Error(error);
    return data;
  }

  /** The pods of which it has a sample that matches; a pod with two targets is there twice. */
  async podsOf(expr: string): Promise<readonly string[]> {
    const query = encodeURIComponent(`count by (pod, instance) (${expr})`);
    const { result } = await this.get<{ result: { metric: { pod: string } }[] }>(
      `query?query=${query}`,
    );
    return result.map(({ metric }) => metric.pod).sort();
  }
}

export interface PrometheusFiles {
  readonly configuration: object;
  readonly rules: string;
}

const DISCOVERY = 'pod-discovery';

/** Lets the pods of a namespace discover pods, as each chart of Prometheus does. */
export async function allowDiscovery(cluster: Cluster, namespace: string): Promise<void> {
  const metadata = { name: DISCOVERY };
  const group = 'rbac.authorization.k8s.io';
  const version = { apiVersion: `${group}/v1` };
  await cluster.apply(
    {
      ...version,
      kind: 'ClusterRole',
      metadata,
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] }],
    },
    {
      ...version,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: group, kind: 'ClusterRole', ...metadata },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
    },
  );
}

export async function endDiscovery(cluster: Cluster): Promise<void> {
  await cluster.kubectl(`delete clusterrole,clusterrolebinding ${DISCOVERY}`);
}

/** Starts one with these files. */
export async function startPrometheus(
  cluster: Cluster,
  namespace: string,
  name: string,
  { configuration, rules }: PrometheusFiles,
): Promise<PrometheusPod> {
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace },
    // JSON is YAML.
    data: { 'prometheus.yml': JSON.stringify(configuration), 'rules.yaml': rules },
  });
  const folder = '/etc/prometheus';
  const words = [`--config.file=${folder}/prometheus.yml`, '--storage.tsdb.path=/data'];
  const main = {
    name: 'main',
    image: 'alpine:3.22',
    command: ['/prometheus', ...words],
    volumeMounts: [
      { name: 'program', mountPath: '/prometheus' },
      { name: 'files', mountPath: folder },
      { name: 'data', mountPath: '/data' },
    ],
  };
  const volumes = [
    { name: 'program', hostPath: { path: goProgramPath(PROMETHEUS), type: 'File' } },
    { name: 'files', configMap: { name } },
    { name: 'data', emptyDir: {} },
  ];
  await cluster.createPod({ name, namespace, spec: { containers: [main], volumes } });
  const { status } = await cluster.podReady(namespace, name);
  return new PrometheusPod(status.podIP);
}
