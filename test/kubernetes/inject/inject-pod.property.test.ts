import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import jsonPatch, { type Operation } from 'fast-json-patch';
import { test } from 'tap';
import { type InjectionOptions, injectPod } from '../../../src/kubernetes/inject/inject-pod.ts';
import { applyPatch } from '../../../src/kubernetes/inject/json-patch.ts';
import { removeFromPod } from '../../../src/kubernetes/inject/remove-pod.ts';
import { updatePod } from '../../../src/kubernetes/inject/update-pod.ts';
import { testOptions } from './pod-files.ts';

/** `undefined` members are left out by JSON: absent lists, present ones and `null` are all drawn. */
function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null | undefined> {
  return fc.oneof({ weight: 4, arbitrary }, fc.constantFrom(null, undefined));
}

/** Other pods in each run of the suite, so that no run needs more of them. */
const RUNS = 800;

const word = fc.constantFrom(
  'sidestub',
  'build',
  'helper',
  'init',
  'svc-0',
  'istio-init',
  'a~b',
  'c/d',
);
// Seldom: an object of our name that is somebody else's is refused.
const other = word.filter((name) => name !== 'sidestub');
const containerName = fc.oneof({ weight: 20, arbitrary: other }, { weight: 1, arbitrary: word });
const path = fc.constantFrom(
  '/etc/resolv.conf',
  '/etc/',
  '//etc/resolv.conf',
  '/run/sidestub',
  '/x',
);
const mounts = fc.array(fc.record({ name: word, mountPath: path }), { maxLength: 3 });
const container = fc.record({
  name: containerName,
  image: fc.constant('busybox'),
  restartPolicy: maybe(fc.constantFrom('Always', 'Never')),
  args: maybe(fc.array(fc.constantFrom('run', '--publish-resolv-conf', 'x'), { maxLength: 3 })),
  ports: maybe(
    fc.array(
      fc.record({ containerPort: fc.constantFrom(80, 81, 82, 83, 84, 85, 86, 87, 88, 53, 9553) }),
      { maxLength: 2 },
    ),
  ),
  volumeMounts: maybe(mounts),
});
const containers = fc.uniqueArray(container, { maxLength: 4, selector: ({ name }) => name });
const sysctl = fc.record({
  name: fc.constantFrom('net.ipv4.ip_unprivileged_port_start', 'kernel.shm_rmid_forced'),
  value: fc.constantFrom('0', '53', '52', '1', '1024'),
});
const annotations = fc.dictionary(
  fc.constantFrom(
    'sidestub.dev/injected',
    'sidestub.dev/mode',
    'sidestub.dev/pin',
    'a~1/b',
    '__proto__',
  ),
  fc.constantFrom('none', 'overlay', 'git.example'),
);
const pod = fc
  .record({
    metadata: maybe(fc.record({ name: fc.string(), annotations: maybe(annotations) })),
    spec: fc.record({
      dnsPolicy: maybe(fc.constantFrom('None', 'Default', 'ClusterFirst')),
      dnsConfig: maybe(fc.record({ nameservers: fc.subarray(['192.0.2.1', '127.0.0.1']) })),
      hostNetwork: maybe(fc.constantFrom(false, false, false, true)),
      securityContext: maybe(fc.record({ sysctls: maybe(fc.array(sysctl, { maxLength: 2 })) })),
      volumes: maybe(
        fc.uniqueArray(fc.record({ name: containerName, emptyDir: maybe(fc.constant({})) }), {
          maxLength: 3,
          selector: ({ name }) => name,
        }),
      ),
      initContainers: maybe(containers),
      containers,
    }),
  })
  .map((drawn): unknown => JSON.parse(JSON.stringify(drawn)));

function apply(document: unknown, patch: readonly unknown[]): unknown {
  const copy = structuredClone(document);
  return jsonPatch.applyPatch(copy, patch as Operation[], true, true, false).newDocument;
}

test('a patch applies to its pod, and what comes of it needs none', (t) => {
  let injected = 0;
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(pod, fc.constantFrom('overlay' as const, 'none' as const), (drawn, mode) => {
        const options = { ...testOptions, mode };
        const injection = injectPod(drawn, options);
        if (!('patch' in injection)) return;
        if (injection.patch.length > 0) injected++;
        const again = injectPod(apply(drawn, injection.patch), options);
        if (again.outcome !== 'unchanged') throw new Error(`twice: ${JSON.stringify(again)}`);
      }),
      { numRuns: RUNS },
    ),
  );
  t.ok(injected > RUNS / 10, 'many of them were pods that can be injected');
  t.end();
});

test('all that stood in a pod stands in it afterwards, in its order', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(pod, (drawn) => {
        const injection = injectPod(drawn, testOptions);
        // Mode none overrules the pod's DNS: that is what it is for.
        if ('patch' in injection && injection.mode === 'overlay') {
          const made = apply(drawn, injection.patch);
          // A sidecar behind containers that mount its file comes to the front.
          if (injection.patch.some(({ op }) => op === 'remove')) {
            requireKept(withoutSidecar(drawn), withoutSidecar(made), '');
          } else {
            requireKept(drawn, made, '');
          }
        }
      }),
      { numRuns: RUNS },
    ),
  );
  t.end();
});

function withoutSidecar(value: unknown): unknown {
  const copy = structuredClone(value) as { spec?: { initContainers?: { name: string }[] | null } };
  const init = copy.spec?.initContainers?.filter(({ name }) => name !== 'sidestub');
  return {
    ...copy,
    spec: { ...copy.spec, ...(init === undefined ? {} : { initContainers: init }) },
  };
}

/** Every member and element of `before` is in `after`; lists may have more, but in the same order. */
function requireKept(before: unknown, after: unknown, at: string): void {
  // `null` is absent: a list or an object may stand there now.
  if (before === null) return;
  if (Array.isArray(before) && Array.isArray(after)) {
    const more = after.length - before.length;
    // What is added to a list stands at its end, but for the sidecar at the front of the init containers.
    const offset = at === '/spec/initContainers' ? more : 0;
    for (const [index, element] of before.entries()) {
      requireKept(element, after[index + offset], `${at}/${index}`);
    }
  } else if (typeof before === 'object') {
    for (const [key, member] of Object.entries(before)) {
      requireKept(member, (after as Record<string, unknown> | undefined)?.[key], `${at}/${key}`);
    }
  } else if (before !== after) {
    throw new Error(`${at}: ${JSON.stringify(before)} became ${JSON.stringify(after)}`);
  }
}

test('what is put into a pod comes out again, and what it wrote over comes back', (t) => {
  let removed = 0;
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(pod, fc.constantFrom('overlay' as const, 'none' as const), (drawn, mode) => {
        if (requireRestored(drawn, { ...testOptions, mode, restorable: true })) removed++;
      }),
      { numRuns: RUNS },
    ),
  );
  t.ok(removed > RUNS / 20, `${removed} pods`);
  t.end();
});

/** Whether it was injected at all. */
function requireRestored(drawn: unknown, options: InjectionOptions): boolean {
  const injection = injectPod(drawn, options);
  const isOurs = removeFromPod(drawn).outcome !== 'unchanged';
  if (!('patch' in injection) || injection.outcome !== 'injected' || isOurs) return false;
  const injected = applyPatch(drawn, injection.patch);
  const again = updatePod(injected, options);
  if (again.outcome !== 'unchanged') throw new Error(`update: ${JSON.stringify(again)}`);
  const removal = removeFromPod(injected);
  const result = 'patch' in removal ? applyPatch(injected, removal.patch) : removal;
  if (!isDeepStrictEqual(result, drawn)) throw new Error(JSON.stringify(result));
  return true;
}

test('nothing that JSON can say makes injection throw', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.oneof(fc.jsonValue(), fc.record({ spec: fc.jsonValue(), metadata: fc.jsonValue() })),
        (value) => {
          injectPod(value, testOptions);
          updatePod(value, { ...testOptions, restorable: true });
          removeFromPod(value);
        },
      ),
    ),
  );
  t.end();
});
