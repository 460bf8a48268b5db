import jsonPatch, { type Operation } from 'fast-json-patch';
import { test } from 'tap';
import type { Choices } from '../../../src/kubernetes/inject/annotations.ts';
import { type InjectionOptions, injectPod } from '../../../src/kubernetes/inject/inject-pod.ts';
import { applyPatch } from '../../../src/kubernetes/inject/json-patch.ts';
import { type KubernetesObject, schemaProblems } from './kubernetes-schema.ts';
import { golden, podFile, podFiles, testOptions } from './pod-files.ts';

/** What the API server makes of a patch, by a library that is not ours. */
function applied(pod: KubernetesObject, options: InjectionOptions = testOptions): KubernetesObject {
  const injection = injectPod(pod, options);
  if (!('patch' in injection)) throw new Error(`${injection.reason}: ${injection.message}`);
  const copy = structuredClone(pod);
  return jsonPatch.applyPatch(copy, injection.patch as Operation[], true).newDocument;
}

const MADE_LISTS = { securityContext: { sysctls: [] }, volumes: [], initContainers: [] };

for (const { name, pod } of podFiles()) {
  test(`${name} becomes what its golden file says`, async (t) => {
    t.strictSame(await schemaProblems(pod), [], 'the fixture itself is a pod');
    const injection = injectPod(pod, testOptions);
    if (!('patch' in injection)) {
      t.strictSame(injection, golden(name, injection));
      return;
    }
    const { outcome, mode, patch, warnings } = injection;
    const result = applied(pod);
    t.strictSame(
      { outcome, mode, warnings, pod: result },
      golden(name, { outcome, mode, warnings, pod: result }),
    );
    t.strictSame(applyPatch(pod, patch), result, 'our own way of applying agrees');
    t.strictSame(await schemaProblems(result), [], 'the API server would take it');
    t.match(injectPod(result, testOptions), { outcome: 'unchanged', patch: [] }, 'twice is once');
  });
}

test('the sidecar starts first, and every other container behind it asks it', (t) => {
  const { spec } = applied(podFile('gitlab-job')) as unknown as { spec: Spec };
  t.equal(spec.initContainers[0]?.name, 'sidestub');
  t.equal(spec.initContainers[0]?.restartPolicy, 'Always');
  for (const { name, volumeMounts } of [...spec.initContainers.slice(1), ...spec.containers]) {
    const mount = {
      name: 'sidestub',
      mountPath: '/etc/resolv.conf',
      subPath: 'resolv.conf',
      readOnly: true,
    };
    t.strictSame(volumeMounts?.at(-1), mount, name);
  }
  t.end();
});

interface Spec {
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
  readonly dnsPolicy?: string;
  readonly dnsConfig?: unknown;
}

interface Container {
  readonly name: string;
  readonly restartPolicy?: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts?: readonly unknown[];
}

function sidecarOf(pod: KubernetesObject): Container | undefined {
  return (pod as unknown as { spec: Spec }).spec.initContainers.find(
    ({ name }) => name === 'sidestub',
  );
}

test('overlay leaves the DNS of the pod as it is, whatever its policy', (t) => {
  for (const name of ['cluster-first', 'cluster-first-with-host-net', 'dns-default', 'dns-none']) {
    const before = (podFile(name) as unknown as { spec: Spec }).spec;
    const after = (applied(podFile(name)) as unknown as { spec: Spec }).spec;
    t.equal(after.dnsPolicy, before.dnsPolicy, name);
    t.strictSame(after.dnsConfig, before.dnsConfig, name);
  }
  t.end();
});

test('mode none spells out what kubelet would have given, with the namespace of the request', (t) => {
  const pod = applied(podFile('mode-none')) as unknown as { spec: Spec };
  t.equal(pod.spec.dnsPolicy, 'None');
  t.strictSame(pod.spec.dnsConfig, {
    nameservers: ['127.0.0.1'],
    searches: [
      'gitlab-jobs.svc.cluster.local',
      'svc.cluster.local',
      'cluster.local',
      'node.example',
      'corp.example',
    ],
    options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
  });
  const { args } = sidecarOf(pod as unknown as KubernetesObject) ?? {};
  t.strictSame(args, [
    'run',
    '--upstream',
    '10.96.0.10',
    '--upstream',
    '192.0.2.53',
    '--metrics',
    '0.0.0.0:9553',
  ]);
  t.end();
});

test("mode none is refused where the pod's DNS cannot be known", (t) => {
  const pod = podFile('mode-none');
  for (const [missing, message] of [
    [{ clusterDns: undefined }, /cluster DNS is not known/],
    [{ namespace: undefined }, /namespace is not known/],
    [{ listen: 'pod' }, /address of the pod/],
  ] as const) {
    t.match(injectPod(pod, { ...testOptions, ...missing }), {
      outcome: 'refused',
      reason: 'dns_policy',
      message,
    });
  }
  const none = { spec: { dnsPolicy: 'None', containers: [] }, metadata: pod.metadata };
  t.match(injectPod(none, testOptions), { message: /dnsPolicy None without nameservers/ });
  const loop = { ...none, spec: { ...none.spec, dnsConfig: { nameservers: ['127.0.0.53'] } } };
  t.match(
    injectPod(loop, testOptions),
    { message: /nameserver of its own at 127\.0\.0\.53/ },
    'U1: no loops',
  );
  t.end();
});

test('a sidecar that is there decides the mode, not what was chosen since', (t) => {
  const overlay = applied(podFile('bare'));
  t.match(injectPod(overlay, { ...testOptions, mode: 'none' }), {
    outcome: 'unchanged',
    mode: 'overlay',
  });
  const none = applied(podFile('bare'), { ...testOptions, mode: 'none' });
  t.match(injectPod(none, testOptions), { outcome: 'unchanged', mode: 'none' });
  t.end();
});

test('clusters without native sidecars are refused', (t) => {
  const on = (minor: number) =>
    injectPod(podFile('bare'), { ...testOptions, clusterVersion: { major: 1, minor } });
  t.match(on(28), { outcome: 'refused', reason: 'cluster_too_old', message: /1\.28.*1\.29/ });
  t.match(on(29), { outcome: 'injected' });
  t.end();
});

test("names add to the administrator's, and upstreams take their place", (t) => {
  const defaults: Partial<Choices> = {
    pins: ['gitlab.corp.example', 'git.corp.example'],
    upstreams: ['10.0.0.1'],
  };
  const sidecar = sidecarOf(applied(podFile('choices'), { ...testOptions, ...defaults }));
  t.strictSame(sidecar?.env, [
    {
      name: 'SIDESTUB_SEARCH_PIN',
      value: 'gitlab.corp.example git.corp.example registry.corp.example',
    },
    { name: 'SIDESTUB_READY_NAMES', value: 'git.corp.example' },
  ]);
  const args = sidecar?.args?.join(' ') ?? '';
  t.match(args, '--upstream 10.96.0.10,10.96.0.11 --upstream udp://192.0.2.53:5353');
  t.notMatch(args, '10.0.0.1');
  t.end();
});

test('annotations that the daemon would not take are refused by name', (t) => {
  const wrong: readonly (readonly [key: string, value: string])[] = [
    ['pin', 'a..b'],
    ['pin', `${'a'.repeat(64)}.example`],
    ['ready', 'git.example; rm'],
    ['upstreams', 'dns.example'],
    ['upstreams', '10.0.0.1,'],
    ['upstreams', 'tls://10.0.0.1'],
    ['mode', 'Overlay'],
    ['listen', '0.0.0.0'],
  ];
  for (const [key, value] of wrong) {
    const pod = {
      metadata: { annotations: { [`sidestub.dev/${key}`]: value } },
      spec: { containers: [] },
    };
    const injection = injectPod(pod, testOptions);
    t.match(
      injection,
      { outcome: 'refused', reason: 'invalid', message: `annotation sidestub.dev/${key}: ` },
      value,
    );
  }
  t.end();
});

test('what is no pod is refused with the place', (t) => {
  for (const [value, place] of [
    [5, 'pod: 5'],
    [{ spec: [] }, 'spec: []'],
    [{ spec: { containers: {} } }, 'spec.containers: {}'],
    [{ spec: { containers: [null] } }, 'spec.containers[0]: null'],
    [{ spec: { containers: [{ name: 7 }] } }, 'spec.containers[0].name: 7'],
    [{ spec: { containers: [], hostNetwork: 'yes' } }, 'spec.hostNetwork: "yes"'],
    [{ metadata: { annotations: { a: 1 } } }, 'metadata.annotations.a: 1'],
    [
      { spec: { containers: [{ ports: [{ containerPort: '53' }] }] } },
      'spec.containers[0].ports[0].containerPort: "53"',
    ],
  ] as const) {
    t.match(injectPod(value, testOptions), {
      outcome: 'refused',
      reason: 'invalid',
      message: place,
    });
  }
  t.end();
});

test('nothing is made that is there: empty lists are used, absent ones come first', (t) => {
  const patch = (spec: object) => {
    const injection = injectPod(
      { metadata: { annotations: {} }, spec: { containers: [], ...spec } },
      testOptions,
    );
    return 'patch' in injection ? injection.patch.map(({ path }) => path) : [];
  };
  t.strictSame(patch(MADE_LISTS), [
    '/metadata/annotations/sidestub.dev~1injected',
    '/spec/securityContext/sysctls/-',
    '/spec/volumes/-',
    '/spec/initContainers/0',
  ]);
  t.strictSame(patch({}), [
    '/metadata/annotations/sidestub.dev~1injected',
    '/spec/securityContext',
    '/spec/securityContext/sysctls',
    '/spec/securityContext/sysctls/-',
    '/spec/volumes',
    '/spec/volumes/-',
    '/spec/initContainers',
    '/spec/initContainers/0',
  ]);
  t.end();
});
