// The chart is made of the manifests that the kustomizations are made of: what both render is compared, object by object.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { parse } from 'yaml';
import { type KubernetesObject, schemaProblems } from '../inject/kubernetes-schema.ts';
import { CHART, documents, K8S, nameOf, render, tool } from './helm.ts';

const { version } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
);
const OFF = { injector: { enabled: false } };

/** Each part of the chart, and the kustomization that has the same objects. */
const PARTS: readonly (readonly [folder: string, values: object])[] = [
  ['injector', {}],
  ['injector/certs/job', { injector: { certificate: { from: 'job' } } }],
  ['injector/policy', { ...OFF, policy: { enabled: true } }],
  ['node/service-local', { ...OFF, node: { enabled: true } }],
  ['monitoring', { ...OFF, monitoring: { enabled: true, namespace: 'monitoring' } }],
];

/** Of custom resources we have no schema. */
const CUSTOM = /^(?:cert-manager\.io|monitoring\.coreos\.com)\//;

/** By name, and without the Namespace, which the chart makes on request only. */
function byName(objects: readonly KubernetesObject[]): Record<string, KubernetesObject> {
  return Object.fromEntries(
    objects
      .filter(({ kind }) => kind !== 'Namespace')
      .map((object): [string, KubernetesObject] => [nameOf(object), object])
      .sort(([a], [b]) => a.localeCompare(b)),
  );
}

for (const [folder, values] of PARTS) {
  test(`the chart renders the objects of k8s/${folder}, and no others`, async (t) => {
    const helm = tool(t, 'helm');
    const kubectl = tool(t, 'kubectl');
    if (helm === undefined || kubectl === undefined) return;
    const rendered = byName(render(helm, values));
    const made = Object.fromEntries(
      Object.entries(rendered).filter(([, { kind }]) => kind !== 'Job'),
    );
    const expected = byName(documents(kubectl.run('kustomize', join(K8S, folder))));
    t.strictSame(Object.keys(made), Object.keys(expected));
    for (const [name, object] of Object.entries(expected)) {
      t.strictSame(made[name], object, name);
      if (CUSTOM.test(object.apiVersion)) continue;
      t.strictSame(await schemaProblems(object), [], `${name}: the API server would take it`);
    }
    t.ok(Object.keys(made).length > 1);
  });
}

test('the first certificate is made by a Job with the spec of the CronJob, named anew where it changes', async (t) => {
  const helm = tool(t, 'helm');
  if (helm === undefined) return;
  const made = (image: object) => {
    const values = { image, injector: { certificate: { from: 'job' } } };
    const objects = render(helm, values) as (KubernetesObject & { spec: JobSpec })[];
    const [job, ...others] = objects.filter(({ kind }) => kind === 'Job');
    t.strictSame(others, []);
    const cron = objects.find(({ kind }) => kind === 'CronJob');
    t.strictSame(job?.spec, cron?.spec.jobTemplate?.spec);
    return job?.metadata?.name ?? '';
  };
  const first = made({ tag: '1.0.0' });
  t.match(first, /^sidestub-injector-certificate-[0-9a-f]{8}$/);
  t.equal(made({ tag: '1.0.0' }), first);
  t.not(made({ tag: '1.0.1' }), first);
});

interface JobSpec {
  readonly jobTemplate?: { readonly spec: object };
}

test('the Namespace is an object of the chart on request, with the profile of the kustomizations', async (t) => {
  const helm = tool(t, 'helm');
  const kubectl = tool(t, 'kubectl');
  if (helm === undefined || kubectl === undefined) return;
  const namespaces = (objects: readonly KubernetesObject[]) =>
    objects.filter(({ kind }) => kind === 'Namespace');
  t.strictSame(namespaces(render(helm, {})), []);
  const [made, ...others] = namespaces(render(helm, { namespace: { create: true } }));
  t.strictSame(others, []);
  t.strictSame([made], documents(kubectl.run('kustomize', join(K8S, 'namespace'))));
});

test('the chart has the version of package.json, as its image has', async (t) => {
  const chart = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8'));
  t.equal(chart.version, version);
  t.equal(chart.appVersion, version);
});

test('helm lint finds nothing to warn of, with everything on', async (t) => {
  const helm = tool(t, 'helm');
  if (helm === undefined) return;
  const on = ['policy', 'node', 'monitoring'].flatMap((part) => ['--set', `${part}.enabled=true`]);
  t.match(helm.run('lint', '--strict', CHART, ...on), '0 chart(s) failed');
});

test('the namespace of the release is in every place that names it', async (t) => {
  const helm = tool(t, 'helm');
  if (helm === undefined) return;
  const all = { policy: { enabled: true }, node: { enabled: true }, monitoring: { enabled: true } };
  const objects = render(helm, { ...all, namespace: { create: true } }, 'dns-system');
  const text = JSON.stringify(objects.filter(({ kind }) => !/Rule|ConfigMap/.test(kind)));
  t.notMatch(text, /"namespace":"sidestub"|"kube-system","sidestub"|\.sidestub\.svc/);
  t.match(text, '"values":["kube-system","dns-system"]');
  t.match(text, '"sidestub-injector.dns-system.svc"');
  t.match(text, '"cert-manager.io/inject-ca-from":"dns-system/sidestub-injector"');
  for (const object of objects) {
    if (!CUSTOM.test(object.apiVersion))
      t.strictSame(await schemaProblems(object), [], nameOf(object));
  }
});
