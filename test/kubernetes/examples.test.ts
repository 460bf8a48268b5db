// The examples for what stands beside sidestub: each fits the manifests that it is about.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { sidecarContainer } from '../../src/kubernetes/inject/sidecar.ts';
import { documents, K8S, tool } from './chart/helm.ts';
import { type KubernetesObject, schemaProblems } from './inject/kubernetes-schema.ts';
import { testOptions } from './inject/pod-files.ts';
import { type Evaluated, kyvernoPolicy } from './mesh/kyverno.ts';

const example = (file: string) => parse(readFileSync(join(K8S, file), 'utf8'));

interface IgnoredDifference {
  readonly group?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

test('Argo CD leaves alone what the certificate job writes, and each of it is in the source', (t: Test) => {
  const kubectl = tool(t, 'kubectl');
  if (kubectl === undefined) {
    t.end();
    return;
  }
  const { spec } = example('argo-cd/application.yaml');
  const rendered = documents(kubectl.run('kustomize', join(K8S, '..', spec.source.path)));
  for (const { group, kind, name, namespace } of spec.ignoreDifferences as IgnoredDifference[]) {
    const found = rendered.filter(
      (object) =>
        object.kind === kind &&
        object.metadata?.name === name &&
        (object.apiVersion.split('/')[0] === group || group === undefined) &&
        (object.metadata as { namespace?: string }).namespace === namespace,
    );
    t.equal(found.length, 1, `${kind} ${name}`);
  }
  // What the job may write, by its roles, is what is ignored.
  const written = rendered
    .filter(({ kind }) => /Role$/.test(kind))
    .flatMap((role) => (role as unknown as { rules: { resourceNames: string[] }[] }).rules)
    .flatMap(({ resourceNames }) => resourceNames);
  t.strictSame(
    written.toSorted(),
    (spec.ignoreDifferences as IgnoredDifference[]).map(({ name }) => name).toSorted(),
  );
  t.ok(spec.syncPolicy.syncOptions.includes('RespectIgnoreDifferences=true'));
  t.end();
});

test('Kyverno opts the namespaces of CI in, and a refusal stays', (t) => {
  const file = new URL('mesh/kyverno.yaml', import.meta.url);
  const { policy, namespaces } = parse(readFileSync(file, 'utf8')) as Evaluated;
  t.strictSame(policy, kyvernoPolicy(), 'npm run meshes has evaluated the policy as it is');
  const webhook = example('injector/base/webhook.yaml');
  const [{ key, operator, values }] = webhook.webhooks[0].namespaceSelector.matchExpressions;
  t.equal(operator, 'In');
  for (const { labels, made } of namespaces) {
    const wanted = labels['purpose'] === 'ci' && labels[key] !== 'false';
    t.equal(values.includes(made[key]), wanted, JSON.stringify(labels));
    t.match(made, labels, 'what was there stays');
  }
  t.end();
});

test("the network policy opens DNS over UDP and TCP, to where the node daemon's pods are", async (t) => {
  const policy = example('jobs/network-policy.yaml');
  t.strictSame(await schemaProblems(policy as KubernetesObject), []);
  for (const { ports } of policy.spec.egress) {
    t.strictSame(ports, [
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', port: 53 },
    ]);
  }
  const [, node] = policy.spec.egress;
  const kubectl = tool(t, 'kubectl');
  if (kubectl === undefined) return;
  const daemon = documents(kubectl.run('kustomize', join(K8S, 'node/service-local'))).find(
    ({ kind }) => kind === 'DaemonSet',
  ) as unknown as { spec: { template: { metadata: { labels: object } } } };
  t.match(daemon.spec.template.metadata.labels, node.to[0].podSelector.matchLabels);
});

test('the scrape jobs look for the port that a sidecar has', (t) => {
  const { ports } = sidecarContainer(testOptions) as {
    ports: { name: string; containerPort: number }[];
  };
  const [byName, byAnnotation] = example('monitoring/scrape-config.yaml').scrape_configs;
  t.equal(byName.relabel_configs[0].regex, ports[0]?.name);
  const [, , address] = byAnnotation.relabel_configs;
  const port = String(ports[0]?.containerPort);
  for (const found of ['10.244.0.7:8080', '10.244.0.7', '[fd00::7]:8080']) {
    const host = found.replace(/:8080$/, '');
    const made = `${found};${port}`.replace(
      new RegExp(`^(?:${address.regex})$`),
      address.replacement,
    );
    t.equal(made, `${host}:${port}`, found);
  }
  t.end();
});

test('every document of the examples is one object', (t) => {
  for (const file of [
    'argo-cd/application.yaml',
    'kyverno/opt-in.yaml',
    'jobs/network-policy.yaml',
  ]) {
    const all = parseAllDocuments(readFileSync(join(K8S, file), 'utf8'));
    t.strictSame(
      all.map(({ errors }) => errors.length),
      [0],
      file,
    );
  }
  t.end();
});
