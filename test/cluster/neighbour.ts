import { text } from 'node:stream/consumers';
import type { KubernetesObject } from '../kubernetes/inject/kubernetes-schema.ts';
import type { ApiObject } from './api.ts';
import type { Findings } from './check.ts';
import { type Cluster, podObject } from './cluster.ts';
import { CORPORATE } from './corporate-dns.ts';
import { type SelfSigned, serveSelfSigned } from './self-signed.ts';

/** Where the jobs are that both webhooks, or a webhook and the policy, are asked about. */
export const NAMESPACE = 'neighbours';

export type Container = Record<string, unknown> & { readonly name: string };

/** What a webhook makes of a pod. */
export type Change = (pod: ApiObject) => ApiObject | Promise<ApiObject>;

/** A mesh's proxy. */
export const PROXY = /^(?:istio|linkerd)-proxy$/;

/** A webhook beside ours, and what is expected of both. */
export interface Neighbour {
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

/** Asks an API server with both, and has it run the job. */
export async function beside(
  cluster: Cluster,
  findings: Findings,
  neighbour: Neighbour,
): Promise<void> {
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
  const shown = order.filter((each) => each !== 'sidestub' && !PROXY.test(each));
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

/** A job whose init container shows its resolv.conf. */
export function job(
  name: string,
  annotations: Readonly<Record<string, string>> = {},
): KubernetesObject {
  const fetch = { name: 'fetch', image: 'alpine:3.22', imagePullPolicy: 'IfNotPresent' };
  return podObject({
    name,
    namespace: NAMESPACE,
    annotations,
    command: ['getent', 'hosts', 'git.corp.example'],
    spec: { initContainers: [{ ...fetch, command: ['cat', '/etc/resolv.conf'] }] },
  }) as KubernetesObject;
}

/** What the API server would make of the job. */
export function review(
  cluster: Cluster,
  annotations?: Readonly<Record<string, string>>,
): Promise<{ made: ApiObject; warnings: string[] }> {
  const path = `/api/v1/namespaces/${NAMESPACE}/pods?dryRun=All`;
  return cluster.api.postWarned(path, job('reviewed', annotations));
}

export function initNames({ spec }: ApiObject): string[] {
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
