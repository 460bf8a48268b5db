import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { podFile } from '../../kubernetes/inject/pod-files.ts';
import { buildPodMaker } from '../../kubernetes/runner/pod-maker.ts';
import type { ApiObject } from '../api.ts';
import type { Check, Findings } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import { inject } from '../inject-command.ts';
import { REPOSITORY } from '../places.ts';

const NAMESPACE = 'recipes';

/** Each container says what its resolv.conf is, and looks a name up. */
const SCRIPT = 'cat /etc/resolv.conf; getent hosts git.corp.example';

export const recipes: Check = {
  name: 'recipes',
  shows:
    'pods in the shapes of Argo, Tekton, Jenkins and ARC, as the recipes make them; the network policy',
  run: async (cluster, findings) => {
    await cluster.namespace(NAMESPACE);
    const pods: readonly (readonly [tool: string, pod: object])[] = [
      ['argo', await argo()],
      ...(await Promise.all(
        ['tekton', 'jenkins', 'arc'].map(
          async (tool) => [tool, await injected(cluster, tool)] as const,
        ),
      )),
    ];
    await Promise.all(pods.map(([tool, pod]) => runs(cluster, findings, tool, pod as ApiObject)));
    const policy = `kubectl -n ${NAMESPACE} apply -f k8s/jobs/network-policy.yaml`;
    await cluster.documented(policy);
    const diff = await cluster.documented(policy.replace(' apply ', ' diff '), { mayFail: true });
    findings.equals(diff, '', 'k8s/jobs/network-policy.yaml: kubectl diff after apply is empty');
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

/** A step of the workflow of k8s/argo, patched as Argo does it. */
async function argo(): Promise<object> {
  const file = join(REPOSITORY, 'k8s/argo/workflow-template.yaml');
  const { spec } = parse(readFileSync(file, 'utf8'));
  const own = spec.templates.find(({ name }: { name: string }) => name === 'lookup');
  const patches = [spec.podSpecPatch, own.podSpecPatch].map((text: string) => ({
    type: 'strategic',
    text,
  }));
  const makePods = await buildPodMaker();
  const [made] = await makePods([{ pod: podFile('argo'), patches }]);
  if (made === undefined || made.refused !== undefined) throw new Error(made?.refused ?? 'no pod');
  return made.pod;
}

/** The command is what the webhook does; `npm run cluster -- webhook` has the way through the API server. */
async function injected(cluster: Cluster, tool: string): Promise<object> {
  return parse(await inject(cluster, podFile(tool), []));
}

async function runs(
  cluster: Cluster,
  findings: Findings,
  tool: string,
  pod: ApiObject,
): Promise<void> {
  await cluster.api.post(`/api/v1/namespaces/${NAMESPACE}/pods`, runnable(tool, pod));
  const phase = await cluster.podEnded(NAMESPACE, tool, 120);
  findings.equals(phase, 'Succeeded', `${tool}: the pod succeeds`);
  const names: string[] = [...pod.spec.initContainers, ...pod.spec.containers]
    .filter(({ name, restartPolicy }) => name !== 'sidestub' && restartPolicy !== 'Always')
    .map(({ name }) => name);
  for (const name of names) {
    const log = await cluster.logs(NAMESPACE, tool, name);
    const asks = log.includes('nameserver 127.0.0.1') && log.includes('git.corp.example');
    findings.holds(
      asks,
      `${tool}: ${name} asks sidestub and finds its name`,
      asks ? '' : log.trim(),
    );
  }
}

/** With an image that the node has, and a lookup in place of what the tool's containers do. */
function runnable(tool: string, pod: ApiObject): object {
  const container = (each: { name: string; restartPolicy?: string }) => {
    if (each.name === 'sidestub') return each;
    const words = each.restartPolicy === 'Always' ? ['sleep', '100000'] : ['sh', '-c', SCRIPT];
    const { args: _, ...rest } = each as { args?: unknown; name: string };
    return { ...rest, image: 'alpine:3.22', imagePullPolicy: 'IfNotPresent', command: words };
  };
  return {
    ...pod,
    metadata: { ...pod.metadata, name: tool, namespace: NAMESPACE },
    spec: {
      ...pod.spec,
      terminationGracePeriodSeconds: 0,
      initContainers: pod.spec.initContainers.map(container),
      containers: pod.spec.containers.map(container),
    },
  };
}
