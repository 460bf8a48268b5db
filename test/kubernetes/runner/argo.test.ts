import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { parse } from 'yaml';
import { sidecarContainer } from '../../../src/kubernetes/inject/sidecar.ts';
import { podFile, testOptions } from '../inject/pod-files.ts';
import type { Pod } from './job-pod.ts';
import { podMaker } from './pod-maker.ts';

// Argo applies the patch of the workflow and then the patch of the template, both strategically (ApplyPodSpecPatch).

interface WorkflowTemplate {
  readonly spec: {
    readonly podSpecPatch: string;
    readonly templates: readonly { readonly name: string; readonly podSpecPatch?: string }[];
  };
}

const { spec: workflow }: WorkflowTemplate = parse(
  readFileSync(new URL('../../../k8s/argo/workflow-template.yaml', import.meta.url), 'utf8'),
);

const { version } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
);
const options = {
  ...testOptions,
  image: `sidestub:${version}`,
  pins: ['git.corp.example', 'registry.corp.example'],
};

const step = podFile('argo') as Pod;

/** The pod of a `resource` or `data` template: argoexec runs as `main`, and there is no `wait`. */
const withoutWait: Pod = {
  ...step,
  spec: { ...step.spec, containers: step.spec.containers.filter(({ name }) => name !== 'wait') },
};

/** The pod of a `containerSet` template, whose containers have names of their own. */
const containerSet: Pod = {
  ...step,
  spec: {
    ...step.spec,
    containers: step.spec.containers.map((container) =>
      container.name === 'main' ? { ...container, name: 'build' } : container,
    ),
  },
};

function patches(name: string): { type: string; text: string }[] {
  const own = workflow.templates.find((template) => template.name === name)?.podSpecPatch;
  return [workflow.podSpecPatch, ...(own === undefined ? [] : [own])].map((text) => ({
    type: 'strategic',
    text,
  }));
}

test('each kind of Argo template has a pod that the API server takes', async (t) => {
  const makePods = await podMaker(t);
  if (makePods === undefined) return;
  const made = await makePods([
    { pod: step, patches: patches('lookup') },
    { pod: withoutWait, patches: patches('make-service') },
    { pod: containerSet, patches: patches('make-service') },
  ]);
  for (const { pod, refused, problems } of made) {
    t.equal(refused, undefined);
    t.strictSame(problems, []);
    const { initContainers, securityContext } = (pod as Pod).spec;
    t.strictSame(
      initContainers.map(({ name }) => name),
      ['sidestub', 'init'],
    );
    t.match(initContainers[0], sidecarContainer(options), 'as injection makes it');
    t.match(securityContext, { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start' }] });
  }
  const { initContainers = [], containers = [] } = (made[0]?.pod as Pod | undefined)?.spec ?? {};
  for (const { name, volumeMounts = [] } of [...initContainers.slice(1), ...containers]) {
    const mounted = volumeMounts.some(({ mountPath }) => mountPath === '/etc/resolv.conf');
    t.ok(mounted, `${name} asks sidestub`);
  }
});

test('mounts in the patch of the workflow would make containers that no image is for', async (t) => {
  const makePods = await podMaker(t);
  if (makePods === undefined) return;
  const [first, second] = patches('lookup');
  const [made] = await makePods([
    { pod: withoutWait, patches: [first, second].flatMap((p) => p ?? []) },
  ]);
  t.strictSame(made?.problems, ['spec.containers[0].image: Required value']);
});
