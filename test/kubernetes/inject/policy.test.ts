// The CEL of the policies, evaluated on the pods of the wild: what the server-side policy makes is what injection makes.
import jsonPatch, { type Operation } from 'fast-json-patch';
import { test } from 'tap';
import { injectPod } from '../../../src/kubernetes/inject/inject-pod.ts';
import { RESOURCE_NAMES } from '../../../src/kubernetes/inject/resources.ts';
import { type KubernetesObject, schemaProblems } from './kubernetes-schema.ts';
import { podFile, podFiles, testOptions } from './pod-files.ts';
import { complaints, patchBy, policyIn, unmetCondition } from './policy-cel.ts';

const mutating = policyIn('mutating.yaml');
const validating = policyIn('validating.yaml', 'sidestub-injected');
const notInjected = policyIn('validating.yaml', 'sidestub-not-injected');
const params = {
  data: { image: testOptions.image, pins: 'git.corp.example registry.corp.example' },
};
const options = { ...testOptions, pins: params.data.pins.split(' ') };

const patched = (pod: unknown, patch: unknown): Record<string, unknown> =>
  jsonPatch.applyPatch(structuredClone(pod), structuredClone(patch) as Operation[])
    .newDocument as Record<string, unknown>;

/** The API server's objects have no nulls. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([key, member]) => [key, withoutNulls(member)]));
}

interface PolicyPod {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: { readonly initContainers?: readonly { readonly name: string }[] };
}

/** The binding's selector: who is opted out by a label is not looked at. */
function isSelected(pod: PolicyPod): boolean {
  return pod.metadata?.labels?.['sidestub.dev/inject'] !== 'false';
}

const CHOICES = [
  ...['pin', 'ready', 'upstreams', 'mode', 'listen', 'qos'],
  ...Object.keys(RESOURCE_NAMES),
].map((name) => `sidestub.dev/${name}`);

/** Why the policy is meant to leave alone what injection does not: it knows no choices, and no sidecar but its own. */
function isLeftToWebhook(pod: PolicyPod): boolean {
  const { annotations = {} } = pod.metadata ?? {};
  const chosen = Object.keys(annotations).some((key) => CHOICES.includes(key));
  const sidecar = (pod.spec?.initContainers ?? []).some(({ name }) => name === 'sidestub');
  return chosen || (sidecar && annotations['sidestub.dev/injected'] === undefined);
}

const tried = { made: 0, left: 0 };

/** What the maker of a pod is told by the policies that look at what has become of it. */
function warningsOf(made: PolicyPod): string[] {
  const selected = [validating, ...(isSelected(made) ? [notInjected] : [])];
  return selected.flatMap((policy) =>
    unmetCondition(policy, made) === undefined ? complaints(policy, made) : [],
  );
}

for (const { name, pod: written } of podFiles()) {
  const pod = withoutNulls(written) as PolicyPod;
  test(`${name}: the policy makes what injection makes, or leaves it alone as well`, async (t) => {
    const injection = injectPod(pod, options);
    const applies = isSelected(pod) && unmetCondition(mutating, pod) === undefined;
    t.equal(applies, 'patch' in injection && injection.mode === 'overlay' && !isLeftToWebhook(pod));
    if (!applies || !('patch' in injection)) {
      tried.left++;
      // The maker is warned of what the webhook would refuse, in its words.
      const refused = injection.outcome === 'refused' && !isLeftToWebhook(pod);
      if (refused) t.strictSame(warningsOf(pod), [`not injected: ${injection.message}`]);
      if (injection.outcome === 'skipped') t.strictSame(warningsOf(pod), [], 'meant so');
      return;
    }
    tried.made++;
    const made = patched(pod, patchBy(mutating, pod, params));
    t.same(made, patched(pod, injection.patch));
    t.equal(unmetCondition(mutating, made), undefined, 'it is applied again after webhooks');
    t.same(patched(made, patchBy(mutating, made, params)), made, 'twice is once');
    t.strictSame(await schemaProblems(made as unknown as KubernetesObject), []);
    // What is put back is not said: a policy that validates does not know what was there.
    const said = injection.warnings.filter((warning) => !warning.includes('was put back'));
    t.strictSame(warningsOf(made as PolicyPod), said.length === 0 ? [] : [said.join('; ')]);
  });
}

test('the policies were evaluated on pods of both kinds', async (t) => {
  t.ok(tried.made > 15 && tried.left > 10, JSON.stringify(tried));
});

test('the second policy complains of each thing that is missing', async (t) => {
  const pod = podFile('gitlab-job');
  const made = patched(pod, patchBy(mutating, pod, params)) as {
    spec: {
      initContainers: Record<string, unknown>[];
      containers: Record<string, unknown>[];
      securityContext?: unknown;
    };
  };
  t.equal(unmetCondition(validating, pod), 'injected', 'it looks at injected pods only');
  t.equal(unmetCondition(validating, made), undefined);
  const broken = (change: (pod: typeof made) => void): string[] => {
    const copy = structuredClone(made);
    change(copy);
    return complaints(validating, copy);
  };
  t.match(
    broken(({ spec }) => spec.initContainers.shift()),
    [/is not there/],
  );
  t.match(
    broken(({ spec }) => spec.initContainers.reverse()),
    [/^init container init-permissions starts before sidestub/],
  );
  t.match(
    broken(({ spec }) => delete spec.containers[0]?.['volumeMounts']),
    [/^container build has no \/etc\/resolv\.conf of sidestub/],
  );
  t.match(
    broken(({ spec }) => delete spec.securityContext),
    [/sysctl/],
  );
});

test('a pod in mode node is left alone by both', async (t) => {
  const pod = podFile('mode-node');
  const injection = injectPod(pod, options);
  const made = patched(pod, 'patch' in injection ? injection.patch : []);
  const unchosen = { ...made, metadata: { annotations: { 'sidestub.dev/injected': 'v1-node' } } };
  t.equal(unmetCondition(mutating, unchosen), 'sidecar-is-ours');
  t.equal(unmetCondition(validating, unchosen), 'injected');
});

test('each choice that a pod can make keeps the policy from it', async (t) => {
  for (const key of CHOICES) {
    const pod = { metadata: { annotations: { [key]: 'x' } }, spec: { containers: [] } };
    t.equal(unmetCondition(mutating, pod), 'chooses-nothing', key);
  }
});

test('a container that a webhook adds afterwards gets the mount when the policy is asked again', async (t) => {
  const pod = podFile('gitlab-job');
  const made = patched(pod, patchBy(mutating, pod, params)) as {
    spec: { containers: object[] };
  };
  t.strictSame(patchBy(mutating, made, params), [], 'twice is once');
  made.spec.containers.push({ name: 'late', image: 'late:1' });
  t.match(warningsOf(made as PolicyPod), [/^container late has no/]);
  const again = patched(made, patchBy(mutating, made, params));
  t.strictSame(again, patched(made, patchOf(made)), 'as injection does');
  t.strictSame(warningsOf(again as PolicyPod), []);
});

function patchOf(pod: unknown): unknown[] {
  const injection = injectPod(pod, options);
  return 'patch' in injection ? [...injection.patch] : [];
}

test('a pod that is to have sidestub and was not looked at is named', async (t) => {
  t.strictSame(warningsOf(podFile('bare') as PolicyPod), [
    'not injected: neither the webhook nor the policy was asked',
  ]);
});
