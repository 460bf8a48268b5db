import { setTimeout as wait } from 'node:timers/promises';
import type { Check, Findings } from '../check.ts';
import { type Cluster, isReady, podObject } from '../cluster.ts';

const NAMESPACE = 'labelled';
const SELECTOR = 'app.kubernetes.io/component=injector';
/** For as long as kubelet may take to give a pod the new files of a Secret. */
const RENEWAL_MS = 90_000;
const REVIEWS = 72;

export const webhook: Check = {
  name: 'webhook',
  shows:
    'the webhook with self-signed certificates: injection, eviction of both replicas, renewal of the certificate',
  run: async (cluster, findings) => {
    await cluster.documented('kubectl apply -k k8s/namespace');
    await cluster.documented('k8s/injector/certs/self-signed/make-certificates');
    await cluster.documented('kubectl apply -k k8s/injector/certs/self-signed');
    await cluster.kubectl('-n sidestub rollout status deploy/sidestub-injector --timeout=90s');
    await cluster.namespace(NAMESPACE);
    await cluster.documented(`kubectl label namespace ${NAMESPACE} sidestub.dev/inject=true`);
    await cluster.until('a pod is injected', () => isInjected(cluster, 'first'));
    findings.holds(true, 'a pod of a labelled namespace is injected');
    await cluster.createPod({
      name: 'job',
      namespace: NAMESPACE,
      command: ['getent', 'hosts', 'git.corp.example'],
    });
    findings.equals(
      await cluster.podEnded(NAMESPACE, 'job'),
      'Succeeded',
      'and its job looks names up',
    );
    const diff = 'kubectl diff -k k8s/injector/certs/self-signed';
    findings.equals(await cluster.documented(diff, { mayFail: true }), '', 'kubectl diff is empty');
    await evictBoth(cluster, findings);
    await renew(cluster, findings);
    await cluster.documented('kubectl delete -k k8s/injector/certs/self-signed --wait=false');
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

/** Asks the API what would become of a pod: admission runs, and nothing is made. */
async function isInjected(cluster: Cluster, name: string): Promise<boolean> {
  const pod = podObject({ name, namespace: NAMESPACE });
  const made = await cluster.api.post(`/api/v1/namespaces/${NAMESPACE}/pods?dryRun=All`, pod);
  return made.metadata.annotations?.['sidestub.dev/injected'] !== undefined;
}

/** As a drain does: the second eviction has to wait until the first pod is replaced. */
async function evictBoth(cluster: Cluster, findings: Findings): Promise<void> {
  const before = await cluster.pods('sidestub', SELECTOR);
  let refused = 0;
  let least = before.length;
  let missed = 0;
  for (const { metadata } of before) {
    await cluster.until(
      `eviction of ${metadata.name}`,
      async () => {
        const ready = (await cluster.pods('sidestub', SELECTOR)).filter(isReady).length;
        least = Math.min(least, ready);
        if (!(await isInjected(cluster, 'evicted'))) missed++;
        try {
          await evict(cluster, metadata.name);
          return true;
        } catch (error) {
          if (!/429/.test(`${error}`)) throw error;
          refused++;
          return false;
        }
      },
      90,
    );
  }
  await cluster.kubectl('-n sidestub rollout status deploy/sidestub-injector --timeout=90s');
  findings.holds(
    refused > 0 && least >= 1 && missed === 0,
    'both replicas evicted: never both away, no pod missed',
    `${refused} evictions refused meanwhile, at least ${least} ready, ${missed} missed`,
  );
}

async function evict(cluster: Cluster, name: string): Promise<void> {
  await cluster.api.post(`/api/v1/namespaces/sidestub/pods/${name}/eviction`, {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace: 'sidestub' },
  });
}

async function renew(cluster: Cluster, findings: Findings): Promise<void> {
  await cluster.documented('k8s/injector/certs/self-signed/make-certificates');
  await cluster.documented('kubectl apply -k k8s/injector/certs/self-signed');
  const begun = performance.now();
  let missed = 0;
  for (let review = 0; review < REVIEWS; review++) {
    await wait(Math.max(0, begun + (review * RENEWAL_MS) / REVIEWS - performance.now()));
    if (!(await isInjected(cluster, `renewed-${review}`))) missed++;
  }
  findings.equals(
    missed,
    0,
    `certificate renewed: 0 of ${REVIEWS} pods missed in ${RENEWAL_MS / 1_000} s`,
  );
}
