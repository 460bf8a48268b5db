import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Test, test } from 'tap';
import { parseAllDocuments } from 'yaml';
import { type InjectionOptions, injectPod } from '../../../src/kubernetes/inject/inject-pod.ts';
import { sidecarContainer } from '../../../src/kubernetes/inject/sidecar.ts';
import { type Kubectl, unpackKubectl } from './kubectl.ts';
import { type KubernetesObject, schemaProblems } from './kubernetes-schema.ts';
import { testOptions } from './pod-files.ts';

const K8S = fileURLToPath(new URL('../../../k8s/', import.meta.url));
const { version } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
);
const IMAGE = `sidestub:${version}`;
const options: InjectionOptions = { ...testOptions, image: IMAGE, namespace: 'default' };

/** Folders that kubectl renders as they are, with what they are made of. */
const FOLDERS: readonly (readonly [folder: string, kinds: readonly string[]])[] = [
  ['sidecar', ['Job', 'Pod']],
  ['sidecar/none', ['Job', 'Pod']],
  [
    'injector/base',
    [
      'Deployment',
      'MutatingWebhookConfiguration',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
      'ServiceAccount',
    ],
  ],
  [
    'injector',
    [
      'Certificate',
      'Certificate',
      'Deployment',
      'Issuer',
      'Issuer',
      'MutatingWebhookConfiguration',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
      'ServiceAccount',
    ],
  ],
  [
    'injector/policy',
    [
      'ConfigMap',
      'MutatingAdmissionPolicy',
      'MutatingAdmissionPolicyBinding',
      'MutatingAdmissionPolicyBinding',
      'ValidatingAdmissionPolicy',
      'ValidatingAdmissionPolicy',
      'ValidatingAdmissionPolicyBinding',
      'ValidatingAdmissionPolicyBinding',
      'ValidatingAdmissionPolicyBinding',
    ],
  ],
  ['namespace', ['Namespace']],
  ['node/service-local', ['DaemonSet', 'Service']],
  ['node/link-local', ['DaemonSet']],
  ['monitoring', ['ConfigMap', 'PodMonitor', 'PrometheusRule']],
  ['node/cilium-lrp', ['CiliumLocalRedirectPolicy', 'DaemonSet', 'Service', 'Service']],
];

/** Of custom resources we have no schema. */
const CUSTOM = /^(?:cert-manager\.io|cilium\.io|monitoring\.coreos\.com)\//;

const unpacked = unpackKubectl();
if (!(unpacked instanceof Error)) process.once('exit', () => unpacked.remove());

/** Skips where there is no kubectl; fails where there has to be one. */
function kubectl(t: Test): Kubectl | undefined {
  if (!(unpacked instanceof Error)) return unpacked;
  const { SIDESTUB_E2E } = process.env;
  if (SIDESTUB_E2E === 'required') t.fail(unpacked.message);
  else t.pass('needs kubectl', { skip: unpacked.message });
  return undefined;
}

function documents(yaml: string): KubernetesObject[] {
  return parseAllDocuments(yaml).map((document) => JSON.parse(JSON.stringify(document.toJS())));
}

for (const [folder, kinds] of FOLDERS) {
  test(`k8s/${folder} renders, and the API server would take it`, async (t) => {
    const objects = documents(kubectl(t)?.kustomize(join(K8S, folder)) ?? '');
    if (unpacked instanceof Error) return;
    t.strictSame(objects.map(({ kind }) => kind).sort(), kinds);
    for (const object of objects) {
      if (CUSTOM.test(object.apiVersion)) continue;
      t.strictSame(await schemaProblems(object), [], `${object.kind}/${object.metadata?.name}`);
    }
  });
}

test('the dashboard comes where a Grafana that watches ConfigMaps finds it, and is the one in the repository', (t) => {
  const yaml = kubectl(t)?.kustomize(join(K8S, 'monitoring'));
  if (yaml !== undefined) {
    const map = documents(yaml).find(({ kind }) => kind === 'ConfigMap') as unknown as {
      metadata: { name: string; labels: Record<string, string> };
      data: Record<string, string>;
    };
    t.equal(map.metadata.name, 'sidestub-dashboard', 'no hash: nothing refers to it');
    t.match(map.metadata.labels, { grafana_dashboard: '1' });
    const file = readFileSync(join(K8S, 'monitoring/grafana-dashboard.json'), 'utf8');
    t.strictSame(Object.keys(map.data), ['sidestub.json']);
    t.same(JSON.parse(map.data['sidestub.json'] ?? ''), JSON.parse(file));
  }
  t.end();
});

test('the script makes a certificate that its caBundle vouches for', async (t) => {
  const folder = t.testdir({});
  for (const part of ['injector', 'settings']) {
    cpSync(join(K8S, part), join(folder, part), { recursive: true });
  }
  const certs = join(folder, 'injector/certs/self-signed');
  // What somebody has made in this checkout is not of this test.
  rmSync(join(certs, 'authority.crt'), { force: true });
  execFileSync(join(certs, 'make-certificates'), { stdio: 'pipe' });
  t.equal(statSync(join(certs, 'tls.key')).mode & 0o077, 0, "the key is its owner's alone");
  const yaml = kubectl(t)?.kustomize(certs);
  if (yaml === undefined) return;
  // kustomize folds base64 into lines, which Go reads and the schema does not.
  const objects = documents(yaml).map((object) =>
    JSON.parse(JSON.stringify(object).replaceAll('\\n', '')),
  );
  for (const object of objects) t.strictSame(await schemaProblems(object), [], object.kind);
  const bundles = yaml.match(/caBundle: (\S+)/g)?.map((line) => line.split(' ')[1]) ?? [];
  t.equal(bundles.length, 2);
  const count = (base64 = '') =>
    Buffer.from(base64, 'base64')
      .toString()
      .match(/BEGIN CERTIFICATE/g)?.length;
  t.equal(count(bundles[0]), 1);
  t.equal(new Set(bundles).size, 1);
  const { X509Certificate } = await import('node:crypto');
  const authority = new X509Certificate(Buffer.from(bundles[0] ?? '', 'base64'));
  const certificate = new X509Certificate(readFileSync(join(certs, 'tls.crt')));
  t.ok(certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
  t.ok(certificate.checkHost('sidestub-injector.sidestub.svc'), 'by the name the API server asks');
  const { data } = objects.find(({ kind }) => kind === 'Secret') as unknown as {
    data: Record<string, string>;
  };
  t.strictSame(Object.keys(data).sort(), ['tls.crt', 'tls.key']);

  // Renewed: pods that still have the old certificate are trusted, and never more than those.
  for (let round = 0; round < 2; round++) {
    execFileSync(join(certs, 'make-certificates'), { stdio: 'pipe' });
    const renewed = /caBundle: (\S+)/.exec(kubectl(t)?.kustomize(certs) ?? '')?.[1] ?? '';
    const text = readFileSync(join(certs, 'ca-bundle.yaml'), 'utf8');
    const whole = /value: (\S+)/.exec(text)?.[1] ?? renewed;
    t.equal(count(whole), 2);
    const trusted = Buffer.from(whole, 'base64').toString();
    if (round === 0) t.ok(trusted.includes(authority.toString().trim()), 'the authority before');
  }
});

test('the sidecars in k8s/sidecar are what injection makes', (t) => {
  for (const [file, mode] of [
    ['sidecar/', 'overlay'],
    ['sidecar/none/', 'none'],
  ] as const) {
    for (const kind of ['pod', 'job']) {
      const [object] = documents(readFileSync(join(K8S, `${file}${kind}.yaml`), 'utf8')) as [
        KubernetesObject & { spec: { template?: unknown } },
      ];
      const pod = kind === 'pod' ? object : object.spec.template;
      t.match(injectPod(pod, options), { outcome: 'unchanged', mode, warnings: [] }, file + kind);
      const { spec } = pod as { spec: { initContainers: unknown[] } };
      const pins = ['git.corp.example', 'registry.corp.example'];
      const upstreams = mode === 'none' ? ['10.96.0.10'] : [];
      t.strictSame(spec.initContainers, [sidecarContainer({ ...options, mode, pins, upstreams })]);
    }
  }
  t.end();
});

test('every image of ours is of this version', (t) => {
  const found = execFileSync('grep', ['-rhoE', 'sidestub:[0-9][^" ]*', K8S], { encoding: 'utf8' });
  const images = found.trim().split('\n');
  t.ok(images.length > 7);
  t.strictSame([...new Set(images)], [IMAGE]);
  t.end();
});

test('the policy has the sidecar that injection makes', (t) => {
  const policy = readFileSync(join(K8S, 'injector/policy/mutating.yaml'), 'utf8');
  const { args } = sidecarContainer(options) as { args: string[] };
  t.match(policy, `args: [${args.map((arg) => JSON.stringify(arg)).join(', ')}]`);
  const values = leaves({ ...(sidecarContainer(options) as object), image: '', args: [] });
  for (const [name, value] of values) t.match(policy, value, `${name}: ${value}`);
  for (const bracket of ['()', '[]', '{}']) {
    const count = (character = '') => policy.split(character).length;
    t.equal(count(bracket[0]), count(bracket[1]), bracket);
  }
  t.end();
});

/** Every scalar of a container, as CEL or YAML spells it. */
function leaves(value: unknown, name = ''): [name: string, text: string][] {
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, member]) => leaves(member, key));
  }
  return value === ''
    ? []
    : [[name, typeof value === 'string' ? JSON.stringify(value) : `${value}`]];
}

test('no kustomization owns what another one has: each can be deleted alone', async (t) => {
  const render = kubectl(t);
  if (render === undefined) return;
  const owners = new Map<string, string>();
  for (const [folder] of FOLDERS) {
    // The same objects in another mode or namespace, or inside one another.
    if (/^(?:sidecar|injector$|node\/cilium-lrp)/.test(folder)) continue;
    for (const { kind, metadata } of documents(render.kustomize(join(K8S, folder)))) {
      const name = `${kind}/${(metadata as { namespace?: string }).namespace ?? ''}/${metadata?.name}`;
      t.notOk(owners.get(name), `${name} is in ${folder} and in ${owners.get(name)}`);
      owners.set(name, folder);
    }
  }
});

test('what selects pods of the injector selects no other', async (t) => {
  const objects = documents(kubectl(t)?.kustomize(join(K8S, 'injector/base')) ?? '');
  const labels = {
    'app.kubernetes.io/name': 'sidestub',
    'app.kubernetes.io/component': 'injector',
  };
  for (const [kind, key] of [
    ['PodDisruptionBudget', 'selector'],
    ['NetworkPolicy', 'podSelector'],
  ] as const) {
    const { spec } = objects.find((object) => object.kind === kind) as unknown as {
      spec: Record<string, unknown>;
    };
    t.strictSame(spec[key], { matchLabels: labels }, kind);
  }
});

test('the webhook fails open, spares itself, and asks for no rights', (t) => {
  const folder = (name: string) =>
    documents(readFileSync(join(K8S, 'injector/base', name), 'utf8'));
  const [configuration] = folder('webhook.yaml') as unknown as [{ webhooks: readonly object[] }];
  t.equal(configuration.webhooks.length, 2);
  for (const webhook of configuration.webhooks) {
    t.match(webhook, {
      failurePolicy: 'Ignore',
      sideEffects: 'None',
      timeoutSeconds: 5,
      reinvocationPolicy: 'IfNeeded',
      rules: [{ resources: ['pods'], operations: ['CREATE'] }],
    });
    t.match(JSON.stringify(webhook), '"values":["kube-system","sidestub"]');
  }
  const [deployment] = folder('deployment.yaml');
  t.match(deployment, {
    spec: { replicas: 2, template: { spec: { automountServiceAccountToken: false } } },
  });
  t.end();
});
