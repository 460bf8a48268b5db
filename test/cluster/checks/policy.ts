import { podFiles } from '../../kubernetes/inject/pod-files.ts';
import type { ApiObject } from '../api.ts';
import type { Check, Findings } from '../check.ts';
import type { Cluster } from '../cluster.ts';

const NAMESPACE = 'admission';

/** What the policy leaves to the webhook, by its own words: pods with choices, and sidecars that a manifest has. */
const CHOICES = /^sidestub\.dev\/(?:pin|ready|upstreams|mode|listen|qos|cpu|memory)/;

/** Pods that both have to make, and make the same. */
const LEAST_ALIKE = 40;

/** What the API server puts before the message of a validation. */
const BY_POLICY = /^Validation failed for ValidatingAdmissionPolicy '[^']+' with binding '[^']+': /;

export const policy: Check = {
  name: 'policy',
  shows:
    'the admission policies in a real API server: more than forty pods of the wild get what the webhook gives them',
  run: async (cluster, findings) => {
    await cluster.documented('kubectl apply -k k8s/namespace');
    await cluster.namespace(NAMESPACE, { 'sidestub.dev/inject': 'true' });
    await cluster.documented('kubectl apply -k k8s/injector/policy');
    await cluster.until('the policy is in force', async () =>
      hasSidecar(await review(cluster, plain())),
    );
    const byPolicy = await reviewAll(cluster);
    await byPodLabel(cluster, findings);
    const pins = { data: { pins: 'git.corp.example' } };
    await cluster.api.patch('/api/v1/namespaces/sidestub/configmaps/sidestub-policy', pins);
    await cluster.until("the administrator's pins are in the sidecar", async () =>
      (await review(cluster, plain())).includes('"value":"git.corp.example"'),
    );
    findings.holds(true, "the administrator's pins are in the sidecar");
    await cluster.documented('kubectl delete -k k8s/injector/policy --wait=true');
    await cluster.until(
      'the policy is gone',
      async () => !hasSidecar(await review(cluster, plain())),
    );
    await cluster.documented('k8s/injector/certs/self-signed/make-certificates');
    await cluster.documented('kubectl apply -k k8s/injector/certs/self-signed');
    await cluster.kubectl('-n sidestub rollout status deploy/sidestub-injector --timeout=90s');
    await cluster.until('the webhook is in force', async () =>
      hasSidecar(await review(cluster, plain())),
    );
    const byWebhook = await reviewAll(cluster);
    await cluster.documented('kubectl delete -k k8s/injector/certs/self-signed --wait=false');
    compare(findings, byPolicy, byWebhook);
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

function compare(
  findings: Findings,
  byPolicy: ReadonlyMap<string, Made>,
  byWebhook: ReadonlyMap<string, Made>,
): void {
  const differ: string[] = [];
  const warned: string[] = [];
  let left = 0;
  let alike = 0;
  for (const [name, { stored, warnings }] of byPolicy) {
    const other = byWebhook.get(name);
    const chosen = Object.keys(podNamed(name).metadata?.annotations ?? {});
    if (chosen.some((key) => CHOICES.test(key)) || hasOwnSidecar(podNamed(name))) {
      left++;
      continue;
    }
    if (stored !== other?.stored) differ.push(name);
    else if (!stored.startsWith('refused')) alike++;
    // A policy that validates does not know what was there before.
    const told = other?.warnings.filter((text) => !text.includes('was put back'));
    const says = JSON.stringify(warnings) === JSON.stringify(told);
    if (!says) warned.push(`${name}: ${warnings} / ${told}`);
  }
  const refused = [...byPolicy.values()].filter(({ stored }) => stored.startsWith('refused'));
  findings.note(
    `${byPolicy.size} pods, ${refused.length} of them refused by the API either way; ${left} with choices of their own or a sidecar that they brought are left to the webhook`,
  );
  findings.holds(differ.length === 0, 'the others are the same by both', differ.join(' '));
  findings.holds(alike >= LEAST_ALIKE, `of these, at least ${LEAST_ALIKE} are made`, `${alike}`);
  findings.holds(
    warned.length === 0,
    'and so is what their makers are warned of',
    warned.join('; '),
  );
}

/** A pod asks for it by its own label, in a namespace that says nothing. */
async function byPodLabel(cluster: Cluster, findings: Findings): Promise<void> {
  const namespace = await cluster.namespace('admission-by-pod');
  const path = `/api/v1/namespaces/${namespace}/pods?dryRun=All`;
  const labelled = {
    ...plain(),
    metadata: { name: 'asks', labels: { 'sidestub.dev/inject': 'true' } },
  };
  await cluster.until('the binding for pods is in force', async () =>
    hasSidecar(JSON.stringify(await cluster.api.post(path, labelled))),
  );
  const other = JSON.stringify(await cluster.api.post(path, plain()));
  findings.holds(
    !hasSidecar(other),
    'a pod opts in by its own label, and no other of its namespace',
  );
  await cluster.kubectl(`delete namespace ${namespace} --wait=false`);
}

/** One that injection did not put in. */
function hasOwnSidecar({ metadata, spec }: ApiObject): boolean {
  const annotated = metadata.annotations?.['sidestub.dev/injected'] !== undefined;
  return !annotated && JSON.stringify(spec.initContainers ?? []).includes('"name":"sidestub"');
}

function podNamed(name: string): ApiObject {
  return podFiles().find((file) => file.name === name)?.pod as unknown as ApiObject;
}

function plain(): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'plain' },
    spec: { containers: [{ name: 'main', image: 'a' }] },
  };
}

function hasSidecar(made: string): boolean {
  return made.includes('"name":"sidestub"');
}

/** What becomes of a pod. */
interface Made {
  /** As the API would store it; or its refusal. */
  readonly stored: string;
  readonly warnings: readonly string[];
}

async function reviewed(cluster: Cluster, pod: object): Promise<Made> {
  try {
    const path = `/api/v1/namespaces/${NAMESPACE}/pods?dryRun=All`;
    const { made, warnings } = await cluster.api.postWarned(path, pod);
    const stored = JSON.stringify({ annotations: made.metadata.annotations, spec: made.spec });
    return {
      // The token's volume has a name of its own in each pod.
      stored: stored.replaceAll(/kube-api-access-\w+/g, 'token'),
      warnings: warnings.filter((text) => /sidestub/.test(text)).flatMap(words),
    };
  } catch (error) {
    return { stored: `refused: ${`${error}`.slice(0, 200)}`, warnings: [] };
  }
}

/** Without who says it: the policy joins what it has to say. */
function words(warning: string): string[] {
  return warning
    .replace(BY_POLICY, '')
    .replace(/^sidestub: /, '')
    .split('; ');
}

async function review(cluster: Cluster, pod: object): Promise<string> {
  return (await reviewed(cluster, pod)).stored;
}

async function reviewAll(cluster: Cluster): Promise<Map<string, Made>> {
  const made = new Map<string, Made>();
  for (const { name, pod } of podFiles()) {
    const { metadata, ...rest } = pod as unknown as ApiObject;
    const own = { ...rest, metadata: { ...metadata, name, namespace: NAMESPACE } };
    made.set(name, await reviewed(cluster, own));
  }
  return made;
}
