import { test } from 'tap';
import { injectPod } from '../../../src/kubernetes/inject/inject-pod.ts';
import { applyPatch } from '../../../src/kubernetes/inject/json-patch.ts';
import {
  isQuantity,
  type ResourceChoices,
  resourcesFor,
} from '../../../src/kubernetes/inject/resources.ts';
import { testOptions } from './pod-files.ts';

test('requests and limits are what was chosen, and a default gives way to it', (t) => {
  const cases: readonly (readonly [choices: ResourceChoices, resources: object])[] = [
    [{}, { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '96Mi' } }],
    [
      { cpuLimit: '250m' },
      { requests: { cpu: '10m', memory: '64Mi' }, limits: { cpu: '250m', memory: '96Mi' } },
    ],
    [
      { memoryLimit: '48Mi' },
      { requests: { cpu: '10m', memory: '48Mi' }, limits: { memory: '48Mi' } },
    ],
    [
      { memoryRequest: '0.125Gi' },
      { requests: { cpu: '10m', memory: '0.125Gi' }, limits: { memory: '0.125Gi' } },
    ],
    [
      { cpuLimit: '5m' },
      { requests: { cpu: '5m', memory: '64Mi' }, limits: { cpu: '5m', memory: '96Mi' } },
    ],
    [{ memoryLimit: 'none' }, { requests: { cpu: '10m', memory: '64Mi' } }],
    [{ cpuRequest: 'none', memoryRequest: 'none' }, { limits: { memory: '96Mi' } }],
    [{ cpuRequest: 'none', memoryRequest: 'none', memoryLimit: 'none' }, {}],
  ];
  for (const [choices, resources] of cases) {
    t.strictSame(resourcesFor(choices, 'Guaranteed'), resources, JSON.stringify(choices));
  }
  t.throws(
    () => resourcesFor({ memoryRequest: '1Gi', memoryLimit: '512Mi' }, 'Burstable'),
    /memory: a request of 1Gi is more than the limit of 512Mi/,
  );
  t.end();
});

test('quantities are what the API server takes', (t) => {
  for (const text of ['10m', '1', '0.5', '64Mi', '1.5Gi', '100M', 'none'])
    t.ok(isQuantity(text), text);
  for (const text of ['', '0', '-1', '64MB', '1e3', 'Mi', '1 Gi', '10mi'])
    t.notOk(isQuantity(text), text);
  t.end();
});

const GUARANTEED = {
  limits: { cpu: 1, memory: '1Gi' },
  requests: { cpu: '1000m', memory: '1024Mi' },
};
const REQUESTS = { requests: { cpu: '1' } };

function sidecarOf(pod: object, choices: ResourceChoices): { resources: object } {
  const injection = injectPod(pod, { ...testOptions, resources: choices });
  if (!('patch' in injection)) throw new Error(injection.message);
  const { spec } = applyPatch(pod, injection.patch) as {
    spec: { initContainers: { name: string; resources: object }[] };
  };
  const [sidecar] = spec.initContainers;
  if (sidecar === undefined) throw new Error('no sidecar');
  return sidecar;
}

test('qos keep leaves a pod in its class', (t) => {
  const pod = (...all: object[]) => ({
    spec: { containers: all.map((resources, index) => ({ name: `c${index}`, resources })) },
  });
  const kept = { qos: 'keep' } as const;
  const all = { cpu: '250m', memory: '96Mi' };
  const guaranteed = pod(GUARANTEED, { limits: { cpu: '1', memory: '1Gi' } });
  t.strictSame(sidecarOf(guaranteed, kept).resources, { requests: all, limits: all });
  t.match(sidecarOf(guaranteed, { ...kept, cpuLimit: '1', memoryLimit: '128Mi' }).resources, {
    requests: { cpu: '1', memory: '128Mi' },
    limits: { cpu: '1', memory: '128Mi' },
  });
  t.strictSame(sidecarOf(pod({}, {}), kept).resources, {}, 'BestEffort');
  const standard = resourcesFor({}, 'Burstable');
  t.strictSame(sidecarOf(pod(GUARANTEED, {}), kept).resources, standard, 'Burstable');
  t.strictSame(sidecarOf(pod(GUARANTEED, REQUESTS), kept).resources, standard);
  t.strictSame(sidecarOf(guaranteed, {}).resources, standard, 'unless asked for');
  const whole = { spec: { resources: GUARANTEED, containers: [{ name: 'main' }] } };
  t.strictSame(
    sidecarOf(whole, kept).resources,
    { requests: all, limits: all },
    'of the pod as a whole',
  );
  t.end();
});

test('a pod chooses by annotations, and what makes no sense is refused by name', (t) => {
  const pod = (annotations: object) => ({ metadata: { annotations }, spec: { containers: [] } });
  const chosen = sidecarOf(
    pod({ 'sidestub.dev/cpu-limit': '500m', 'sidestub.dev/memory-request': 'none' }),
    { cpuLimit: '1', memoryLimit: '128Mi' },
  );
  t.strictSame(chosen.resources, {
    requests: { cpu: '10m' },
    limits: { cpu: '500m', memory: '128Mi' },
  });
  for (const [key, value] of [
    ['cpu-limit', '1 core'],
    ['memory-limit', '96MB'],
    ['qos', 'Guaranteed'],
  ]) {
    t.match(injectPod(pod({ [`sidestub.dev/${key}`]: value }), testOptions), {
      outcome: 'refused',
      message: `annotation sidestub.dev/${key}: `,
    });
  }
  const above = pod({ 'sidestub.dev/cpu-limit': '1m', 'sidestub.dev/cpu-request': '2m' });
  t.match(injectPod(above, testOptions), { outcome: 'refused', message: /cpu: a request of 2m/ });
  t.end();
});

test("the image's policy, its secrets and the user are the administrator's to set", (t) => {
  const pod = { spec: { imagePullSecrets: [{ name: 'own' }], containers: [] } };
  const options = {
    ...testOptions,
    image: 'registry.example/sidestub@sha256:00',
    pullPolicy: 'Always',
    pullSecrets: ['own', 'mirror'],
    runAsUser: 'none',
  } as const;
  const injection = injectPod(pod, options);
  const { spec } = applyPatch(pod, 'patch' in injection ? injection.patch : []) as unknown as {
    spec: { imagePullSecrets: object[]; initContainers: { securityContext: object }[] };
  };
  t.strictSame(spec.imagePullSecrets, [{ name: 'own' }, { name: 'mirror' }]);
  t.match(spec.initContainers[0], { image: options.image, imagePullPolicy: 'Always' });
  t.notMatch(spec.initContainers[0]?.securityContext, { runAsUser: Number });
  t.match(spec.initContainers[0]?.securityContext, { runAsNonRoot: true });
  t.end();
});
