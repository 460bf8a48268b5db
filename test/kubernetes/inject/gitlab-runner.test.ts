import { readFileSync } from 'node:fs';
import { parse as parseToml } from 'smol-toml';
import { test } from 'tap';
import { parse as parseYaml } from 'yaml';
import { type InjectionOptions, injectPod } from '../../../src/kubernetes/inject/inject-pod.ts';
import { sidecarContainer } from '../../../src/kubernetes/inject/sidecar.ts';
import { documents } from '../chart/helm.ts';
import { jobPod, type Pod, patchesOf, type Runner } from '../runner/job-pod.ts';
import { podMaker } from '../runner/pod-maker.ts';
import { type KubernetesObject, schemaProblems } from './kubernetes-schema.ts';
import { testOptions } from './pod-files.ts';
import { strategicMerge } from './strategic-merge.ts';

const { version } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
);
const options: InjectionOptions = {
  ...testOptions,
  image: `sidestub:${version}`,
  pins: ['git.corp.example', 'registry.corp.example'],
};

interface Named extends KubernetesObject {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

interface Rule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface Binding {
  readonly roleRef: { readonly name: string };
  readonly subjects: readonly object[];
}

function runnersOf(toml: string): readonly Runner[] {
  return (parseToml(toml) as unknown as { runners: Runner[] }).runners;
}

const CONFIG = readFileSync(new URL('../../../k8s/gitlab/config.toml', import.meta.url), 'utf8');
const VALUES = parseYaml(
  readFileSync(new URL('../../../k8s/gitlab/values.yaml', import.meta.url), 'utf8'),
);

/** The pod that a runner makes: its own containers, its volumes in each of them, and then its patches. */
function podOf(runner: Runner): Pod {
  const pod = jobPod(runner);
  const spec = patchesOf(runner).reduce(
    (before: unknown, { text }) => strategicMerge(before, parseYaml(text)),
    pod.spec,
  );
  return { ...pod, spec: spec as Pod['spec'] };
}

test('each runner gives its jobs the sidecar that injection makes, in front', async (t) => {
  for (const [index, listen] of (['loopback', 'pod'] as const).entries()) {
    const runner = runnersOf(CONFIG)[index];
    if (runner === undefined) throw new Error(`no runner ${index}`);
    t.equal(runner.feature_flags?.['FF_USE_ADVANCED_POD_SPEC_CONFIGURATION'], true);
    t.equal(runner.kubernetes.pod_spec?.[0]?.patch_type, 'strategic');
    const pod = podOf(runner);
    t.strictSame(await schemaProblems(pod), []);
    t.strictSame(
      pod.spec.initContainers.map(({ name }) => name),
      ['sidestub', 'init-permissions'],
    );
    t.same(pod.spec.initContainers[0], sidecarContainer({ ...options, listen }));
    for (const container of [...pod.spec.initContainers.slice(1), ...pod.spec.containers]) {
      const paths = container.volumeMounts?.map(({ mountPath }) => mountPath) ?? [];
      t.ok(paths.includes('/etc/resolv.conf'), `${container.name} asks sidestub`);
      t.ok(paths.includes('/etc/ssl/certs/ca-certificates.crt'), `${container.name} trusts git`);
    }
    const webhook = injectPod(pod, options);
    t.match(webhook, { warnings: [] });
    t.strictSame(
      ('patch' in webhook ? webhook.patch : []).map(({ path }) => path),
      ['/metadata/annotations/sidestub.dev~1injected'],
      'a webhook beside it has nothing but its mark to add',
    );
  }
});

test('the model of the strategic merge merges as apimachinery does', async (t) => {
  const makePods = await podMaker(t);
  if (makePods === undefined) return;
  for (const runner of runnersOf(CONFIG)) {
    const [merged] = await makePods([{ pod: jobPod(runner), patches: patchesOf(runner) }]);
    // With what Go writes for members that are not there.
    const [model] = await makePods([{ pod: podOf(runner), patches: [] }]);
    t.strictSame(merged, model);
    t.strictSame(merged?.problems, []);
  }
});

test('dockerd in dind gets the authority where it looks for it', (t) => {
  const [, dind] = runnersOf(CONFIG);
  const mounts = dind?.kubernetes.volumes?.['config_map']?.map(({ mount_path: path }) => path);
  t.strictSame(mounts, [
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/docker/certs.d/registry.corp.example:5000',
  ]);
  t.end();
});

test('the runner may do what it has to in the namespace of the jobs', async (t) => {
  const file = readFileSync(
    new URL('../../../k8s/gitlab/namespaces.yaml', import.meta.url),
    'utf8',
  );
  const objects = documents(file) as [Named, Named, Named & { rules: Rule[] }, Named & Binding];
  for (const object of objects) t.strictSame(await schemaProblems(object), []);
  const [manager, jobs, role, binding] = objects;
  for (const { kubernetes } of runnersOf(CONFIG)) t.equal(kubernetes.namespace, jobs.metadata.name);
  t.equal(role.metadata.namespace, jobs.metadata.name);
  t.equal(binding.metadata.namespace, jobs.metadata.name);
  t.equal(binding.roleRef.name, role.metadata.name);
  t.strictSame(binding.subjects, [
    { kind: 'ServiceAccount', name: VALUES.serviceAccount.name, namespace: manager.metadata.name },
  ]);
  t.equal(VALUES.rbac.create, false, 'the chart would make a Role for its own namespace');
  const may = role.rules.flatMap(({ resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
  );
  // By docs.gitlab.com/runner/executors/kubernetes, with the default flags, informers and pod warnings.
  const needed = {
    pods: ['create', 'delete', 'get', 'list', 'watch'],
    'pods/attach': ['create', 'delete', 'get', 'patch'],
    'pods/exec': ['create', 'delete', 'get', 'patch'],
    'pods/log': ['get', 'list'],
    secrets: ['create', 'delete', 'get', 'update'],
    serviceaccounts: ['get'],
    services: ['create', 'get'],
    events: ['list', 'watch'],
  };
  const wanted = Object.entries(needed).flatMap(([resource, verbs]) =>
    verbs.map((verb) => `${verb} ${resource}`),
  );
  t.strictSame(may.toSorted(), wanted.toSorted());
});

test('the values of the chart have the first runner, but for what the chart writes', (t) => {
  const [fromChart] = runnersOf(VALUES.runners.config);
  const [fromFile] = runnersOf(CONFIG);
  t.strictSame(fromChart?.kubernetes, fromFile?.kubernetes);
  t.strictSame(fromChart?.feature_flags, fromFile?.feature_flags);
  t.match(fromFile?.['tls-ca-file'], /^\/etc\/gitlab-runner\/certs\/git\.corp\.example\.crt$/);
  t.match(fromChart?.['tls-ca-file'], /\.gitlab-runner\/certs\/git\.corp\.example\.crt$/);
  t.equal(VALUES.certsSecretName, 'gitlab-runner-certs', 'which the chart mounts there');
  t.end();
});
