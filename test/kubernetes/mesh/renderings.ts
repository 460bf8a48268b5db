import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { KubernetesObject } from '../inject/kubernetes-schema.ts';
import { injectedBy } from './injected-pod.ts';
import type { Istio, Mesh } from './istio.ts';

/** A pod of test/kubernetes/inject/pods that Istio renders. */
interface Rendering extends Mesh {
  readonly name: string;
  readonly says: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** A file with another pod than that of a plain job. */
  readonly of?: string;
  /** Who changes the pod, one after the other. */
  readonly by: readonly ('istio' | 'sidestub')[];
}

const OLD = 'v1.32.9';
const NEW = 'v1.36.3';
const PLUGIN = 'components.cni.enabled=true';
const CAPTURE = 'meshConfig.defaultConfig.proxyMetadata.ISTIO_META_DNS_CAPTURE=true';

export const renderings: readonly Rendering[] = [
  {
    name: 'istio',
    says: "Istio's proxy as a container: istio-init stands behind the pod's own init containers",
    settings: [],
    kubelet: OLD,
    by: ['istio'],
  },
  {
    name: 'istio-hold',
    says: 'With holdApplicationUntilProxyStarts, istio-proxy is the first container',
    settings: ['meshConfig.defaultConfig.holdApplicationUntilProxyStarts=true'],
    kubelet: OLD,
    by: ['istio'],
  },
  {
    name: 'istio-native',
    says: "Istio's proxy as a native sidecar, before the pod's own init containers",
    settings: [],
    kubelet: NEW,
    by: ['istio'],
  },
  {
    name: 'istio-cni',
    says: 'The CNI plugin redirects before any container runs: sidestub asks over the loopback, which it leaves alone',
    settings: [PLUGIN],
    kubelet: NEW,
    by: ['istio'],
  },
  {
    name: 'istio-dns-init',
    says: "DNS capture by istio-init: its rules are for the nameservers of istio-init's resolv.conf",
    settings: [CAPTURE],
    kubelet: NEW,
    by: ['istio'],
  },
  {
    name: 'istio-dns-capture',
    says: 'DNS capture by the CNI plugin: what sidestub asks upstream would be sent to an agent that asks sidestub',
    settings: [PLUGIN, CAPTURE],
    kubelet: NEW,
    by: ['istio'],
  },
  {
    name: 'istio-dns-excluded',
    says: 'DNS capture by the CNI plugin, and the annotation that takes port 53 out of it',
    settings: [PLUGIN, CAPTURE],
    kubelet: NEW,
    annotations: { 'traffic.sidecar.istio.io/excludeOutboundPorts': '25, 53' },
    by: ['istio'],
  },
  {
    name: 'istio-dns-excluded-everywhere',
    says: 'Port 53 taken out by a setting of the whole mesh, which Istio writes into the annotation',
    settings: [PLUGIN, CAPTURE, 'values.global.proxy.excludeOutboundPorts=25,53'],
    kubelet: NEW,
    by: ['istio'],
  },
  {
    name: 'istio-again',
    says: "Asked again after sidestub's webhook (reinvocationPolicy: IfNeeded), Istio moves its own to the front",
    settings: ['values.sidecarInjectorWebhook.reinvocationPolicy=IfNeeded'],
    kubelet: NEW,
    by: ['istio', 'sidestub', 'istio'],
  },
  {
    name: 'istio-classic-again',
    says: 'Asked again with its proxy as a container, Istio leaves sidestub in front',
    settings: ['values.sidecarInjectorWebhook.reinvocationPolicy=IfNeeded'],
    kubelet: OLD,
    by: ['istio', 'sidestub', 'istio'],
  },
  {
    name: 'istio-native-after',
    says: 'A pod that has sidestub from its manifest: Istio puts its own in front',
    settings: [],
    kubelet: NEW,
    by: ['sidestub', 'istio'],
  },
  {
    name: 'mixture',
    says: "Istio and Vault's agent in a GitLab job",
    settings: [],
    kubelet: OLD,
    of: 'mixture.yaml',
    by: ['istio'],
  },
];

/** What sidestub reads of the environment of Istio's proxy. */
const READ = /^ISTIO_META_DNS_/;

/** What a test needs of a pod: of a mesh's containers the members that sidestub and the API's rules for it look at. */
export function needed(pod: KubernetesObject): KubernetesObject {
  const { apiVersion, kind, metadata, spec } = pod as KubernetesObject & {
    readonly spec: Record<'containers' | 'initContainers', Container[]>;
  };
  const [containers, initContainers] = [spec.containers, spec.initContainers].map((list) =>
    list.map((each) => (each.name.startsWith('istio-') ? trimmed(each) : each)),
  );
  const made = { apiVersion, kind, metadata, spec: { ...spec, initContainers, containers } };
  return JSON.parse(JSON.stringify(made));
}

/** A mesh's container, shortened. */
export function trimmed({
  name,
  image,
  restartPolicy,
  ports,
  env,
  resources,
  volumeMounts,
}: Container) {
  const read = env?.filter(({ name: variable }) => READ.test(variable)) ?? [];
  const variables = read.length === 0 ? undefined : read;
  return { name, image, restartPolicy, ports, env: variables, resources, volumeMounts };
}

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly restartPolicy?: string;
  readonly ports?: unknown;
  readonly env?: readonly { readonly name: string }[];
  readonly resources?: unknown;
  readonly volumeMounts?: unknown;
}

/** What a job's pod becomes. */
export async function rendered(
  istio: Istio,
  { name, annotations = {}, of, by, ...mesh }: Rendering,
): Promise<KubernetesObject> {
  let pod = of === undefined ? plainJob(name, annotations) : podIn(of);
  for (const each of by) {
    pod = each === 'istio' ? await istio.inject(mesh, pod) : bySidestub(pod);
  }
  return pod;
}

/** A job that has an init container of its own. */
export function plainJob(
  name: string,
  annotations: Readonly<Record<string, string>>,
): KubernetesObject {
  const job = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, annotations },
    spec: {
      initContainers: [{ name: 'fetch', image: 'app' }],
      containers: [{ name: 'main', image: 'app' }],
    },
  };
  return job;
}

function podIn(file: string): KubernetesObject {
  return parse(readFileSync(join(import.meta.dirname, file), 'utf8'));
}

function bySidestub(pod: KubernetesObject): KubernetesObject {
  const { injection, pod: made } = injectedBy(pod);
  if (!('patch' in injection)) throw new Error(injection.message);
  return made;
}
