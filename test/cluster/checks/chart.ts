import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { unpackTool } from '../../../docker/kubernetes-tools.ts';
import type { Check, Findings } from '../check.ts';
import { type Cluster, podObject } from '../cluster.ts';
import type { CommandOptions } from '../command.ts';
import { nodeEnvironment } from '../node.ts';

/** Not the namespace of the kustomizations: what another check has left in that one is not ours. */
const NAMESPACE = 'dns';
const LABELLED = 'charted';
const INJECTOR = 'app.kubernetes.io/component=injector';
const REVIEWS = 72;
const PAUSE_MS = 200;
/** For helm and for the old pods, which end within their grace of 20 s. */
const LATEST_MS = 90_000;

type Documented = (line: string, options?: CommandOptions) => Promise<string>;

export const chart: Check = {
  name: 'chart',
  shows: 'the Helm chart with its own certificates: lint, install, upgrade, rollback, uninstall',
  run: async (cluster, findings) => {
    const helm = unpackTool('helm');
    if (helm instanceof Error) return findings.skip('the chart', helm.message);
    try {
      const { PATH, ...env } = nodeEnvironment();
      const path = `${dirname(helm.path)}:${PATH}`;
      const documented: Documented = (line, options) =>
        cluster.documented(line, {
          env: { ...env, PATH: path, HOME: dirname(helm.path) },
          ...options,
        });
      await story(cluster, findings, documented);
    } finally {
      helm.remove();
    }
  },
};

const CHART = `k8s/chart --namespace ${NAMESPACE}`;
const VALUES = '--set injector.certificate.from=job,node.enabled=true';

async function story(cluster: Cluster, findings: Findings, documented: Documented): Promise<void> {
  await cluster.until('no webhook of another check', async () => {
    const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
    return (await cluster.api.get<{ items: unknown[] }>(path)).items.length === 0;
  });
  const lint = await documented('helm lint --strict k8s/chart');
  findings.holds(lint.includes('0 chart(s) failed'), 'helm lint');
  const waited = '--wait --timeout 120s';
  let begun = performance.now();
  const seconds = () => `${((performance.now() - begun) / 1_000).toFixed(1)} s`;
  await documented(`helm install sidestub ${CHART} --create-namespace ${VALUES} ${waited}`);
  findings.holds(true, 'helm install: everything is ready', seconds());
  await cluster.namespace(LABELLED);
  await documented(`kubectl label namespace ${LABELLED} sidestub.dev/inject=true`);
  await cluster.until('a pod is injected', () => isInjected(cluster, 'first'), 90);
  findings.holds(
    true,
    'a pod of a labelled namespace is injected, with the certificate of the Job',
  );
  await noDifference(findings, documented, 'install');

  const upgrade = `helm upgrade sidestub ${CHART} --reset-then-reuse-values`;
  begun = performance.now();
  await missesNone(cluster, findings, 'helm upgrade', () =>
    documented(`${upgrade} --set injector.args={--pin=git.corp.example} ${waited}`),
  );
  const pinned = await args(cluster);
  findings.holds(pinned.includes('--pin=git.corp.example'), 'the upgrade is in the Deployment');
  await noDifference(findings, documented, 'upgrade');

  const rollback = `helm rollback sidestub --namespace ${NAMESPACE}`;
  await missesNone(cluster, findings, 'helm rollback', () => documented(`${rollback} ${waited}`));
  const unpinned = await args(cluster);
  findings.holds(!unpinned.includes('--pin=git.corp.example'), 'the rollback took it back');
  await noDifference(findings, documented, 'rollback');

  await documented(`helm uninstall sidestub --namespace ${NAMESPACE} ${waited}`);
  // helm waits for the workloads; their pods still end, the node daemon's after its lame duck.
  await cluster.until('no pod is left', async () => (await cluster.pods(NAMESPACE)).length === 0);
  const left = await documented(
    `kubectl -n ${NAMESPACE} get all,secrets,configmaps,serviceaccounts,roles,rolebindings,networkpolicies,pdb -o name`,
  );
  const kubernetesOwn = ['configmap/kube-root-ca.crt', 'serviceaccount/default'];
  findings.equals(
    left
      .trim()
      .split('\n')
      .filter((name) => !kubernetesOwn.includes(name)),
    [],
    'helm uninstall: nothing is left in the namespace',
  );
  const everywhere = await documented(
    'kubectl get mutatingwebhookconfigurations,clusterroles,clusterrolebindings -o name',
  );
  findings.holds(!everywhere.includes('sidestub'), 'nor in the cluster');
  await documented(`kubectl delete namespace ${NAMESPACE} --wait=false`);
  await cluster.kubectl(`delete namespace ${LABELLED} --wait=false`);
}

/** What the release has is what the API server has. */
async function noDifference(findings: Findings, documented: Documented, after: string) {
  const line = `helm get manifest sidestub --namespace ${NAMESPACE} | kubectl diff --namespace ${NAMESPACE} -f -`;
  const found = await documented(line, { mayFail: true });
  findings.equals(found, '', `kubectl diff after the ${after} is empty`);
}

/** Reviews go on while something changes, and until the pods that it has replaced are gone. */
async function missesNone(
  cluster: Cluster,
  findings: Findings,
  what: string,
  change: () => Promise<unknown>,
): Promise<void> {
  const begun = performance.now();
  const old = (await cluster.pods(NAMESPACE)).map(({ metadata }) => metadata.uid);
  let took: number | undefined;
  const changed = change().finally(() => {
    took = performance.now() - begun;
  });
  // It is awaited below.
  changed.catch(() => undefined);
  const oldIsThere = async () =>
    took === undefined ||
    (await cluster.pods(NAMESPACE, INJECTOR)).some(({ metadata }) => old.includes(metadata.uid));
  let missed = 0;
  let reviews = 0;
  while (reviews < REVIEWS || (await oldIsThere())) {
    if (performance.now() - begun > LATEST_MS) throw new Error(`${what}: not within 90 s`);
    if (!(await isInjected(cluster, `review-${reviews}`))) missed++;
    reviews++;
    await wait(PAUSE_MS);
  }
  await changed;
  findings.note(`${what}: done in ${((took ?? 0) / 1_000).toFixed(1)} s`);
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
  findings.equals(missed, 0, `${what}: 0 of ${reviews} pods missed in ${seconds} s`);
}

async function args(cluster: Cluster): Promise<readonly string[]> {
  const path = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/sidestub-injector`;
  return (await cluster.api.get(path)).spec.template.spec.containers[0].args;
}

/** Asks the API what would become of a pod: admission runs, and nothing is made. */
async function isInjected(cluster: Cluster, name: string): Promise<boolean> {
  const pod = podObject({ name, namespace: LABELLED });
  const made = await cluster.api.post(`/api/v1/namespaces/${LABELLED}/pods?dryRun=All`, pod);
  return made.metadata.annotations?.['sidestub.dev/injected'] !== undefined;
}
