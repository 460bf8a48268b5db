import { text } from 'node:stream/consumers';
import type { KubernetesObject } from '../../kubernetes/inject/kubernetes-schema.ts';
import { Istio, type Mesh } from '../../kubernetes/mesh/istio.ts';
import type { ApiObject } from '../api.ts';
import type { Check, Findings } from '../check.ts';
import { type Cluster, podObject } from '../cluster.ts';
import { CORPORATE } from '../corporate-dns.ts';
import { type SelfSigned, serveSelfSigned } from '../self-signed.ts';

const NAMESPACE = 'neighbours';

type Container = Record<string, unknown> & { readonly name: string };

/** What a webhook makes of a pod. */
type Change = (pod: ApiObject) => ApiObject | Promise<ApiObject>;

/**
 * What Istio's own webhook makes of a pod, in containers that run without Istio's images: its init container shows its
 * resolv.conf, its proxy sleeps, as a container for a while.
 */
function byIstio(istio: Istio, mesh: Mesh): Change {
  return async (pod) => {
    const made = (await istio.inject(mesh, pod as KubernetesObject)) as ApiObject;
    const native = made.spec.initContainers.some(({ name }: Container) => name === 'istio-proxy');
    const runnable = (each: Container): Container => {
      if (!each.name.startsWith('istio-')) return each;
      const { args, lifecycle, readinessProbe, startupProbe, ...rest } = each;
      const proxy = ['sleep', native ? '100000' : '10'];
      const command = each.name === 'istio-proxy' ? proxy : ['cat', '/etc/resolv.conf'];
      return { ...rest, image: 'alpine:3.22', imagePullPolicy: 'IfNotPresent', command };
    };
    const { initContainers, containers } = made.spec;
    const lists = {
      initContainers: initContainers.map(runnable),
      containers: containers.map(runnable),
    };
    return { ...made, spec: { ...made.spec, ...lists } };
  };
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
  shows: "Istio's own webhook beside ours and beside the policy, and one that drops restartPolicy",
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

interface Neighbour {
  readonly name: string;
  /** `reinvocationPolicy: IfNeeded` */
  readonly again?: boolean;
  readonly change: Change;
  readonly what: string;
  /** Of the job. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly order: readonly string[];
  readonly warning?: RegExp;
}

async function beside(cluster: Cluster, findings: Findings, neighbour: Neighbour): Promise<void> {
  const { name, what, order, warning, annotations } = neighbour;
  let asked = 0;
  const served = await serveSelfSigned(cluster, async (request, response) => {
    asked++;
    const { request: review } = JSON.parse(await text(request));
    const { metadata, spec } = await neighbour.change(review.object);
    const patch = [
      { op: 'replace', path: '/metadata', value: metadata },
      { op: 'replace', path: '/spec', value: spec },
    ];
    const answer = {
      uid: review.uid,
      allowed: true,
      patchType: 'JSONPatch',
      patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
    };
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        response: answer,
      }),
    );
  });
  try {
    await cluster.apply(configuration(neighbour, served));
    await cluster.until(`${name} is in force`, async () => {
      await review(cluster, annotations);
      return asked > 0;
    });
    asked = 0;
    const { made, warnings } = await review(cluster, annotations);
    findings.equals(initNames(made), order, `${what}: the order (${asked} calls of it)`);
    const sidecar = made.spec.initContainers.find(({ name }: Container) => name === 'sidestub');
    if (order.includes('sidestub')) {
      findings.equals(sidecar?.restartPolicy, 'Always', `${what}: sidestub is a sidecar`);
    }
    if (warning !== undefined) {
      findings.holds(
        warnings.some((each) => warning.test(each)),
        `${what}: its maker is warned`,
        `${warnings}`,
      );
    }
    await runs(cluster, findings, neighbour);
  } finally {
    await cluster.kubectl(`delete mutatingwebhookconfiguration ${name} --ignore-not-found`);
    served.server.close();
    served.server.closeAllConnections();
  }
}

/** And the job runs, and finds its name; what starts behind sidestub asks it. */
async function runs(
  cluster: Cluster,
  findings: Findings,
  { what, order, annotations }: Neighbour,
): Promise<void> {
  const name = `job-${order.length}-${Date.now()}`;
  await cluster.api.post(`/api/v1/namespaces/${NAMESPACE}/pods`, job(name, annotations));
  const phase = await cluster.podEnded(NAMESPACE, name, 90);
  findings.equals(phase, 'Succeeded', `${what}: the job succeeds`);
  if (phase !== 'Succeeded') {
    findings.note(
      await cluster.kubectl(`-n ${NAMESPACE} logs ${name} --all-containers --prefix`, {
        mayFail: true,
      }),
    );
    return;
  }
  const found = await cluster.logs(NAMESPACE, name);
  findings.holds(found.startsWith(CORPORATE), `${what}: it finds its name`, found.trim());
  const shown = ['istio-init', 'istio-validation', 'fetch'].filter((each) => order.includes(each));
  for (const container of shown) {
    const conf = await cluster.logs(NAMESPACE, name, container);
    const behind =
      order.includes('sidestub') && order.indexOf(container) > order.indexOf('sidestub');
    findings.equals(
      conf.includes('nameserver 127.0.0.1'),
      behind,
      `${what}: whether ${container} asks sidestub`,
    );
  }
}

/** Its init container shows its resolv.conf. */
function job(name: string, annotations: Readonly<Record<string, string>> = {}): KubernetesObject {
  const fetch = { name: 'fetch', image: 'alpine:3.22', imagePullPolicy: 'IfNotPresent' };
  return podObject({
    name,
    namespace: NAMESPACE,
    annotations,
    command: ['getent', 'hosts', 'git.corp.example'],
    spec: { initContainers: [{ ...fetch, command: ['cat', '/etc/resolv.conf'] }] },
  }) as KubernetesObject;
}

function review(
  cluster: Cluster,
  annotations?: Readonly<Record<string, string>>,
): Promise<{ made: ApiObject; warnings: string[] }> {
  const path = `/api/v1/namespaces/${NAMESPACE}/pods?dryRun=All`;
  return cluster.api.postWarned(path, job('reviewed', annotations));
}

function initNames({ spec }: ApiObject): string[] {
  return (spec.initContainers ?? []).map(({ name }: Container) => name);
}

function configuration({ name, again }: Neighbour, { address, certificate }: SelfSigned): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name },
    webhooks: [
      {
        name: `${name}.test.example`,
        admissionReviewVersions: ['v1'],
        clientConfig: {
          url: `https://${address}/`,
          caBundle: Buffer.from(certificate).toString('base64'),
        },
        failurePolicy: 'Fail',
        sideEffects: 'None',
        reinvocationPolicy: again === true ? 'IfNeeded' : 'Never',
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': NAMESPACE } },
        rules: [
          { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] },
        ],
      },
    ],
  };
}
