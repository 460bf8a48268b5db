import type { KubernetesObject } from '../../kubernetes/inject/kubernetes-schema.ts';
import { Istio, type Mesh } from '../../kubernetes/mesh/istio.ts';
import { byLinkerd, type LinkerdName, linkerdPatches } from '../../kubernetes/mesh/linkerd.ts';
import type { ApiObject } from '../api.ts';
import type { Check, Findings } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import {
  beside,
  type Change,
  type Container,
  initNames,
  job,
  NAMESPACE,
  type Neighbour,
  PROXY,
  review,
} from '../neighbour.ts';

/** What Istio's own webhook makes of a pod. */
function byIstio(istio: Istio, mesh: Mesh): Change {
  return async (pod) => runnable((await istio.inject(mesh, pod as KubernetesObject)) as ApiObject);
}

/**
 * A pod with a mesh in it, whose containers run without the mesh's images: its init container shows its resolv.conf, its
 * proxy sleeps, as a container for a while.
 */
function runnable(pod: ApiObject): ApiObject {
  const { initContainers, containers } = pod.spec;
  const native = initContainers.some(({ name }: Container) => PROXY.test(name));
  const container = (each: Container): Container => {
    if (!/^(?:istio|linkerd)-/.test(each.name)) return each;
    const { args, lifecycle, readinessProbe, startupProbe, ...rest } = each;
    const proxy = ['sleep', native ? '100000' : '10'];
    const command = PROXY.test(each.name) ? proxy : ['cat', '/etc/resolv.conf'];
    return { ...rest, image: 'alpine:3.22', imagePullPolicy: 'IfNotPresent', command };
  };
  const lists = {
    initContainers: initContainers.map(container),
    containers: containers.map(container),
  };
  return { ...pod, spec: { ...pod.spec, ...lists } };
}

/** What a webhook does that is built with a Kubernetes library older than 0.28 and writes whole pods back. */
const oldLibrary: Change = ({ spec, ...pod }) => ({
  ...pod,
  spec: {
    ...spec,
    initContainers: spec.initContainers?.map(({ restartPolicy, ...rest }: Container) => rest),
  },
});

export const neighbours: Check = {
  name: 'neighbours',
  shows:
    "Istio's own webhook and Linkerd's own patch beside ours and beside the policy, and a webhook that drops restartPolicy",
  run: async (cluster, findings) => {
    await cluster.documented('kubectl apply -k k8s/namespace');
    await cluster.documented('k8s/injector/certs/self-signed/make-certificates');
    await cluster.documented('kubectl apply -k k8s/injector/certs/self-signed');
    await cluster.kubectl('-n sidestub rollout status deploy/sidestub-injector --timeout=90s');
    await cluster.namespace(NAMESPACE, { 'sidestub.dev/inject': 'true' });
    await cluster.until('the webhook is in force', async () =>
      initNames((await review(cluster)).made).includes('sidestub'),
    );
    await besideIstio(cluster, findings, WITH_WEBHOOK);
    await besideLinkerd(cluster, findings, LINKERD_WITH_WEBHOOK);
    await beside(cluster, findings, {
      name: 'vault-old-library',
      change: oldLibrary,
      what: 'a webhook behind ours that drops restartPolicy',
      order: ['sidestub', 'fetch'],
      warning: /another webhook removed restartPolicy from sidestub/,
    });
    await cluster.documented('kubectl delete -k k8s/injector/certs/self-signed --wait=true');
    await cluster.documented('kubectl apply -k k8s/injector/policy');
    await cluster.until('the policy is in force', async () =>
      initNames((await review(cluster)).made).includes('sidestub'),
    );
    await besideIstio(cluster, findings, WITH_POLICY);
    await besideLinkerd(cluster, findings, LINKERD_WITH_POLICY);
    await cluster.documented('kubectl delete -k k8s/injector/policy --wait=false');
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

/** Istio's own webhook, as it is installed in different ways. */
async function besideIstio(
  cluster: Cluster,
  findings: Findings,
  ways: readonly Installed[],
): Promise<void> {
  const istio = Istio.built();
  if (istio === undefined) {
    findings.skip("beside Istio's webhook", '`npm run meshes` builds it');
    return;
  }
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio-ca-root-cert', namespace: NAMESPACE },
  });
  const kubelet = 'v1.36.3';
  try {
    for (const { settings, ...installed } of ways) {
      const mesh = { settings, kubelet };
      const { configuration: name, reinvocationPolicy } = await istio.review(mesh, job('asked'));
      const again = reinvocationPolicy === 'IfNeeded';
      await beside(cluster, findings, { name, again, change: byIstio(istio, mesh), ...installed });
    }
  } finally {
    istio.end();
  }
}

const AGAIN = 'values.sidecarInjectorWebhook.reinvocationPolicy=IfNeeded';
const CLASSIC = { 'sidecar.istio.io/nativeSidecar': 'false' };
const PLUGIN = 'components.cni.enabled=true';
const CAPTURE = 'meshConfig.defaultConfig.proxyMetadata.ISTIO_META_DNS_CAPTURE=true';

type Installed = Omit<Neighbour, 'name' | 'again' | 'change'> & Pick<Mesh, 'settings'>;

const WITH_WEBHOOK: readonly Installed[] = [
  {
    what: 'Istio, asked once',
    settings: [],
    order: ['sidestub', 'istio-init', 'istio-proxy', 'fetch'],
  },
  {
    what: 'Istio, asked again',
    settings: [AGAIN],
    order: ['sidestub', 'istio-init', 'istio-proxy', 'fetch'],
  },
  {
    what: 'Istio with its proxy as a container',
    settings: [],
    annotations: CLASSIC,
    order: ['sidestub', 'fetch', 'istio-init'],
  },
  {
    what: 'Istio with its proxy as a container, asked again',
    settings: [AGAIN],
    annotations: CLASSIC,
    order: ['sidestub', 'fetch', 'istio-init'],
  },
  {
    what: 'Istio with its CNI plugin',
    settings: [PLUGIN],
    order: ['sidestub', 'istio-validation', 'istio-proxy', 'fetch'],
  },
  {
    what: 'Istio whose CNI plugin captures DNS',
    settings: [PLUGIN, CAPTURE],
    order: ['istio-validation', 'istio-proxy', 'fetch'],
    warning: /CNI plugin captures DNS/,
  },
];

/** The API server applies its policies before it asks webhooks, and again after them. */
const WITH_POLICY: readonly Installed[] = [
  {
    what: 'Istio, and sidestub by the policy',
    settings: [],
    order: ['istio-init', 'istio-proxy', 'sidestub', 'fetch'],
    warning: /init container istio-init starts before sidestub and does not ask it/,
  },
  {
    what: 'Istio with its proxy as a container, and sidestub by the policy',
    settings: [],
    annotations: CLASSIC,
    order: ['sidestub', 'fetch', 'istio-init'],
  },
];

/** Linkerd's webhook is never asked again: its chart does not say `reinvocationPolicy`. */
async function besideLinkerd(
  cluster: Cluster,
  findings: Findings,
  ways: readonly LinkerdWay[],
): Promise<void> {
  const patches = linkerdPatches();
  for (const { patch, ...way } of ways) {
    const change: Change = (pod) => runnable(byLinkerd(patches[patch], pod));
    await beside(cluster, findings, {
      name: 'linkerd-proxy-injector-webhook-config',
      change,
      ...way,
    });
  }
}

interface LinkerdWay extends Omit<Neighbour, 'name' | 'again' | 'change'> {
  readonly patch: LinkerdName;
}

const LINKERD_WITH_WEBHOOK: readonly LinkerdWay[] = [
  {
    patch: 'linkerd',
    what: 'Linkerd',
    order: ['sidestub', 'linkerd-init', 'linkerd-proxy', 'fetch'],
  },
  {
    patch: 'linkerd-cni',
    what: 'Linkerd with its CNI plugin',
    order: ['sidestub', 'linkerd-network-validator', 'linkerd-proxy', 'fetch'],
  },
  {
    patch: 'linkerd-classic',
    what: 'Linkerd with its proxy as a container',
    order: ['sidestub', 'fetch', 'linkerd-init'],
  },
  {
    patch: 'linkerd-classic-cni',
    what: 'Linkerd with its proxy as a container and its CNI plugin',
    order: ['sidestub', 'fetch', 'linkerd-network-validator'],
  },
];

const LINKERD_WITH_POLICY: readonly LinkerdWay[] = [
  {
    patch: 'linkerd',
    what: 'Linkerd, and sidestub by the policy',
    order: ['linkerd-init', 'linkerd-proxy', 'sidestub', 'fetch'],
    warning: /init container linkerd-init starts before sidestub and does not ask it/,
  },
  {
    patch: 'linkerd-classic',
    what: 'Linkerd with its proxy as a container, and sidestub by the policy',
    order: ['sidestub', 'fetch', 'linkerd-init'],
  },
];
