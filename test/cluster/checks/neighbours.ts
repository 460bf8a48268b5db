import { text } from 'node:stream/consumers';
import type { ApiObject } from '../api.ts';
import type { Check, Findings } from '../check.ts';
import { type Cluster, podObject } from '../cluster.ts';
import { CORPORATE } from '../corporate-dns.ts';
import { type SelfSigned, serveSelfSigned } from '../self-signed.ts';

const NAMESPACE = 'neighbours';

type Container = Record<string, unknown> & { readonly name: string };
type Change = (spec: { initContainers?: Container[]; containers: Container[] }) => void;

/**
 * What Istio's webhook does in each of its rounds when `sidecar.istio.io/nativeSidecar` is on (`reorderPod` in
 * pkg/kube/inject/webhook.go, 1.31): its two are first, whatever was there. With images that the node has.
 */
const mesh: Change = (spec) => {
  const init = spec.initContainers ?? [];
  const own = (name: string, more: object): Container =>
    init.find((each) => each.name === name) ?? {
      ...{ name, image: 'alpine:3.22', imagePullPolicy: 'IfNotPresent' },
      ...more,
    };
  spec.initContainers = [
    own('istio-init', { command: ['cat', '/etc/resolv.conf'] }),
    own('istio-proxy', { command: ['sleep', '100000'], restartPolicy: 'Always' }),
    ...init.filter(({ name }) => !name.startsWith('istio-')),
  ];
};

/** What a webhook does that is built with a Kubernetes library older than 0.28 and writes whole pods back. */
const oldLibrary: Change = (spec) => {
  for (const container of spec.initContainers ?? []) delete container['restartPolicy'];
};

export const neighbours: Check = {
  name: 'neighbours',
  shows:
    'webhooks that reorder containers or drop restartPolicy, before and after ours, in the API server',
  run: async (cluster, findings) => {
    await cluster.documented('kubectl apply -k k8s/namespace');
    await cluster.documented('k8s/injector/certs/self-signed/make-certificates');
    await cluster.documented('kubectl apply -k k8s/injector/certs/self-signed');
    await cluster.kubectl('-n sidestub rollout status deploy/sidestub-injector --timeout=90s');
    await cluster.namespace(NAMESPACE, { 'sidestub.dev/inject': 'true' });
    await cluster.until('the webhook is in force', async () =>
      initNames((await review(cluster)).made).includes('sidestub'),
    );
    await beside(cluster, findings, {
      name: 'istio-sidecar-injector',
      change: mesh,
      what: 'a mesh, asked once',
      order: ['sidestub', 'istio-init', 'istio-proxy'],
    });
    await beside(cluster, findings, {
      name: 'istio-sidecar-injector',
      again: true,
      change: mesh,
      what: 'a mesh that is asked again and moves its own to the front',
      order: ['sidestub', 'istio-init', 'istio-proxy'],
    });
    await beside(cluster, findings, {
      name: 'vault-old-library',
      change: oldLibrary,
      what: 'a webhook behind ours that drops restartPolicy',
      order: ['sidestub'],
      warning: /another webhook removed restartPolicy from sidestub/,
    });
    await cluster.documented('kubectl delete -k k8s/injector/certs/self-signed --wait=false');
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

interface Neighbour {
  readonly name: string;
  /** `reinvocationPolicy: IfNeeded` */
  readonly again?: boolean;
  readonly change: Change;
  readonly what: string;
  readonly order: readonly string[];
  readonly warning?: RegExp;
}

async function beside(cluster: Cluster, findings: Findings, neighbour: Neighbour): Promise<void> {
  const { name, what, order, warning } = neighbour;
  let asked = 0;
  const served = await serveSelfSigned(cluster, async (request, response) => {
    asked++;
    const { request: review } = JSON.parse(await text(request));
    const patch = [
      { op: 'replace', path: '/spec', value: changed(review.object, neighbour.change) },
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
      await review(cluster);
      return asked > 0;
    });
    asked = 0;
    const { made, warnings } = await review(cluster);
    findings.equals(initNames(made), order, `${what}: the order (${asked} calls of it)`);
    const [first] = made.spec.initContainers;
    findings.equals(first.restartPolicy, 'Always', `${what}: sidestub is a sidecar`);
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

/** And the job runs, and finds its name. */
async function runs(
  cluster: Cluster,
  findings: Findings,
  { what, order }: Neighbour,
): Promise<void> {
  const name = `job-${order.length}-${Date.now()}`;
  await cluster.api.post(`/api/v1/namespaces/${NAMESPACE}/pods`, job(name));
  findings.equals(
    await cluster.podEnded(NAMESPACE, name, 90),
    'Succeeded',
    `${what}: the job succeeds`,
  );
  const found = await cluster.logs(NAMESPACE, name);
  findings.holds(found.startsWith(CORPORATE), `${what}: it finds its name`, found.trim());
  if (!order.includes('istio-init')) return;
  const conf = await cluster.logs(NAMESPACE, name, 'istio-init');
  findings.holds(
    conf.includes('nameserver 127.0.0.1'),
    `${what}: its init container asks sidestub`,
  );
}

function job(name: string): object {
  return podObject({
    name,
    namespace: NAMESPACE,
    command: ['getent', 'hosts', 'git.corp.example'],
  });
}

function review(cluster: Cluster): Promise<{ made: ApiObject; warnings: string[] }> {
  return cluster.api.postWarned(`/api/v1/namespaces/${NAMESPACE}/pods?dryRun=All`, job('reviewed'));
}

function changed(pod: ApiObject, change: Change): object {
  const spec = structuredClone(pod.spec);
  change(spec);
  return spec;
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
