import { podFiles } from '../../kubernetes/inject/pod-files.ts';
import type { ApiObject } from '../api.ts';
import type { Check } from '../check.ts';
import type { Cluster } from '../cluster.ts';

const NAMESPACE = 'admission';

/** What the policy leaves to the webhook, by its own words: pods with choices, and those that have a sidecar already. */
const CHOICES =
  /^sidestub\.dev\/(?:pin|ready|upstreams|mode|listen|node|resources|cpu|memory|requests|limits)/;

export const policy: Check = {
  name: 'policy',
  shows:
    'the admission policies in a real API server: forty pods of the wild get what the webhook gives them',
  run: async (cluster, findings) => {
    await cluster.documented('kubectl apply -k k8s/namespace');
    await cluster.namespace(NAMESPACE, { 'sidestub.dev/inject': 'true' });
    await cluster.documented('kubectl apply -k k8s/injector/policy');
    await cluster.until('the policy is in force', async () =>
      hasSidecar(await review(cluster, plain())),
    );
    const byPolicy = await reviewAll(cluster);
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
    const refused = [...byPolicy.values()].filter((made) => made.startsWith('refused')).length;
    const differ: string[] = [];
    let left = 0;
    for (const [name, made] of byPolicy) {
      if (made === byWebhook.get(name)) continue;
      const chosen = Object.keys(podNamed(name).metadata?.annotations ?? {});
      const hadSidecar = JSON.stringify(podNamed(name).spec).includes('"name":"sidestub"');
      const unchosen = !chosen.some((key) => CHOICES.test(key)) && !hadSidecar;
      if (unchosen) differ.push(name);
      else left++;
    }
    findings.note(
      `${byPolicy.size} pods, ${refused} of them refused by the API either way; ${left} with choices of their own or a sidecar already are left to the webhook`,
    );
    findings.holds(differ.length === 0, 'the others are the same by both', differ.join(' '));
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

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

/** What the API would store; or its refusal. */
async function review(cluster: Cluster, pod: object): Promise<string> {
  try {
    const path = `/api/v1/namespaces/${NAMESPACE}/pods?dryRun=All`;
    const { metadata, spec } = await cluster.api.post(path, pod);
    const volumes = JSON.stringify({ annotations: metadata.annotations, spec });
    // The token's volume has a name of its own in each pod.
    return volumes.replaceAll(/kube-api-access-\w+/g, 'token');
  } catch (error) {
    return `refused: ${`${error}`.slice(0, 200)}`;
  }
}

async function reviewAll(cluster: Cluster): Promise<Map<string, string>> {
  const made = new Map<string, string>();
  for (const { name, pod } of podFiles()) {
    const { metadata, ...rest } = pod as unknown as ApiObject;
    const own = { ...rest, metadata: { ...metadata, name, namespace: NAMESPACE } };
    made.set(name, await review(cluster, own));
  }
  return made;
}
