// Pods in whatever style YAML allows: what is not inserted stays, and comes back when it is taken out.
import fc from 'fast-check';
import jsonPatch, { type Operation } from 'fast-json-patch';
import { test } from 'tap';
import type { Mode } from '../../../src/kubernetes/inject/annotations.ts';
import { injectPod } from '../../../src/kubernetes/inject/inject-pod.ts';
import { RESTORE } from '../../../src/kubernetes/inject/restore-record.ts';
import { injectManifest } from '../../../src/kubernetes/manifest/inject-manifest.ts';
import { TemplatePaths } from '../../../src/kubernetes/manifest/template-paths.ts';
import { testOptions } from '../inject/pod-files.ts';
import { asKubectlReads, isInsertion } from './kubectl-yaml.ts';
import { styledYaml } from './styled-yaml.ts';

const options = {
  ...testOptions,
  restorable: true,
  remove: false,
  templatePaths: new TemplatePaths(),
};

const list = <T>(element: fc.Arbitrary<T>) =>
  fc.oneof(fc.constantFrom(undefined, null), fc.array(element, { maxLength: 2 }));
const mount = fc.record({
  name: fc.constantFrom('x', 'y'),
  mountPath: fc.constantFrom('/x', '/etc', '/y'),
});
const container = (name: string) =>
  fc.record({
    name: fc.constant(name),
    image: fc.constantFrom('busybox', 'registry.example:5000/a@sha256:0', "it's"),
    args: fc.option(fc.array(fc.constantFrom('-c', 'a b', '0o14', 'yes', '53', '#')), {
      nil: undefined,
    }),
    volumeMounts: list(mount),
  });
const named = (...names: string[]) =>
  fc.subarray(names).chain((some) => fc.tuple(...some.map(container)));
const spec = fc.record({
  volumes: list(
    fc.record({ name: fc.constantFrom('x', 'y'), emptyDir: fc.constantFrom({}, null) }),
  ),
  initContainers: fc.oneof(fc.constantFrom(undefined, null), named('fetch', 'check')),
  securityContext: fc.constantFrom(
    undefined,
    null,
    {},
    { runAsUser: 1 },
    { sysctls: [] },
    {
      sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '53' }],
    },
  ),
  dnsPolicy: fc.constantFrom(undefined, 'ClusterFirst'),
  dnsConfig: fc.constantFrom(
    undefined,
    null,
    {},
    { searches: ['a.example'], options: [{ name: 'ndots', value: '2' }] },
  ),
  containers: named('main', 'more', 'last'),
  tolerations: fc.constantFrom(undefined, [], [{ operator: 'Exists' }]),
});
const metadata = fc.record({
  name: fc.constantFrom(undefined, 'odd'),
  annotations: fc.constantFrom(undefined, null, {}, { a: 'b' }),
});
const pod = fc.record({ metadata: fc.option(metadata), spec });
const document = fc.tuple(pod, fc.nat(3)).map(([{ metadata: head, spec: body }, kind]) => {
  const single = {
    apiVersion: 'v1',
    kind: 'Pod',
    ...(head === null ? {} : { metadata: head }),
    spec: body,
  };
  const template = head === null ? { spec: body } : { spec: body, metadata: head };
  const job = { kind: 'Job', apiVersion: 'batch/v1', spec: { template, backoffLimit: 0 } };
  const any = [
    single,
    job,
    { kind: 'List', items: [single, job] },
    { spec: { template }, kind: 'Deployment' },
  ][kind];
  return JSON.parse(JSON.stringify(any));
});
const choices = fc.infiniteStream(fc.nat(1_000_000));

for (const mode of ['overlay', 'none', 'node'] as const) {
  test(`in mode ${mode}, a pod in any style keeps it, and means what its patch means`, (t) => {
    let injected = 0;
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(document, choices, (drawn, stream) => {
          const text = styledYaml(drawn, (count) => (stream.next().value ?? 0) % count);
          const result = injectManifest(text, 'drawn', { ...options, mode });
          if (result.pods.some(({ injection }) => injection.outcome !== 'injected')) {
            throw new Error(`${JSON.stringify(result.pods)}\n${text}`);
          }
          injected += result.pods.length;
          requireSame(
            withoutRecords(asKubectlReads(result.text)),
            withoutRecords([patched(drawn, mode)]),
            text,
          );
          if (
            mode === 'overlay' &&
            !JSON.stringify(drawn).includes('null') &&
            !isInsertion(text, result.text)
          ) {
            throw new Error(`something is gone:\n${text}\n${result.text}`);
          }
          const again = injectManifest(result.text, 'again', { ...options, mode });
          requireSame(again.text, result.text, 'twice is once');
          const removed = injectManifest(result.text, 'removed', {
            ...options,
            mode,
            remove: true,
          });
          requireSame(removed.text, text, result.text);
        }),
        // Ten milliseconds each, and other pods in every run.
        { numRuns: 60 },
      ),
    );
    t.ok(injected >= 60);
    t.end();
  });
}

function requireSame(found: unknown, wanted: unknown, about: string): void {
  const [some, other] = [found, wanted].map((value) => JSON.stringify(value));
  if (some !== other)
    throw new Error(`${about}\nfound ${found}\n${some}\nwanted ${wanted}\n${other}`);
}

/** In an order of their members that does not matter. */
function withoutRecords(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, member) => {
    if (key === RESTORE) return undefined;
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function patched(drawn: Record<string, unknown>, mode: Mode): unknown {
  const apply = (value: unknown): unknown => {
    const injection = injectPod(value, { ...options, mode });
    if (!('patch' in injection)) throw new Error(injection.message);
    const operations = structuredClone(injection.patch) as unknown as Operation[];
    return jsonPatch.applyPatch(structuredClone(value), operations).newDocument;
  };
  const {
    items,
    kind,
    spec: body,
  } = drawn as {
    items?: Record<string, unknown>[];
    kind: string;
    spec: { template: unknown };
  };
  if (items !== undefined) return { ...drawn, items: items.map((item) => patched(item, mode)) };
  if (kind === 'Pod') return apply(drawn);
  return { ...drawn, spec: { ...body, template: apply(body.template) } };
}
