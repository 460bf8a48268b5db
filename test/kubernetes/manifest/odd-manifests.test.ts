// What injection does to manifests in every spelling that we know of.
import jsonPatch, { type Operation } from 'fast-json-patch';
import { test } from 'tap';
import { injectPod } from '../../../src/kubernetes/inject/inject-pod.ts';
import { RESTORE } from '../../../src/kubernetes/inject/restore-record.ts';
import { splitDocuments } from '../../../src/kubernetes/manifest/documents.ts';
import { injectManifest } from '../../../src/kubernetes/manifest/inject-manifest.ts';
import { TemplatePaths } from '../../../src/kubernetes/manifest/template-paths.ts';
import { testOptions } from '../inject/pod-files.ts';
import { asKubectlReads, isInsertion } from './kubectl-yaml.ts';
import { ODD_MANIFESTS } from './odd-manifests.ts';

const options = {
  ...testOptions,
  restorable: true,
  remove: false,
  templatePaths: new TemplatePaths(),
};

/** Values that are written over, since nothing can be inserted into them. */
const WRITTEN_OVER =
  /^(?:null-words|json-empties|anchor-list-shared-by-halves|anchor-used-elsewhere|empty-key-at-the-end)$/;

for (const [name, text] of ODD_MANIFESTS) {
  test(`${name}: only what is inserted differs, and it means what the patch means`, async (t) => {
    const injected = injectManifest(text, name, options);
    t.ok(injected.pods.length > 0);
    for (const { injection } of injected.pods) t.match(injection, { outcome: 'injected' });
    if (!WRITTEN_OVER.test(name)) t.ok(isInsertion(text, injected.text), 'nothing is taken away');
    const before = asKubectlReads(text);
    const after = asKubectlReads(injected.text);
    t.equal(before.length, after.length, 'as many documents');
    for (const [index, document] of before.entries()) {
      t.strictSame(
        withoutRecords(after[index]),
        withoutRecords(patched(document)),
        `document ${index}`,
      );
    }
    const again = injectManifest(injected.text, name, options);
    t.equal(again.text, injected.text, 'twice is once');
    t.ok(again.pods.every(({ injection }) => injection.outcome === 'unchanged'));
    const removed = injectManifest(injected.text, name, { ...options, remove: true });
    t.equal(removed.text, text, 'and taken out it is the file');
    t.equal(
      splitDocuments(text)
        .map((part) => part.text)
        .join(''),
      text,
      'and its documents together are the file',
    );
  });
}

/** How a value was spelled that was written over is known to the text alone. */
function withoutRecords(document: unknown): unknown {
  return JSON.parse(JSON.stringify(document), (key, value) =>
    key === RESTORE ? undefined : value,
  );
}

/** What the API server would make of a document with the patches of its pods. */
function patched(document: unknown): unknown {
  const copy = JSON.parse(JSON.stringify(document)) as Record<string, unknown> | null;
  const apply = (pod: unknown): unknown => {
    const injection = injectPod(pod, options);
    if (!('patch' in injection)) throw new Error(injection.message);
    const operations = structuredClone(injection.patch) as unknown as Operation[];
    return jsonPatch.applyPatch(pod, operations).newDocument;
  };
  const each = (object: Record<string, unknown>): unknown => {
    const items = object['items'] as Record<string, unknown>[] | undefined;
    if (items !== undefined) return { ...object, items: items.map(each) };
    if (object['kind'] === 'ConfigMap') return object;
    if (object['kind'] === 'PodTemplate') return { ...object, template: apply(object['template']) };
    if (object['kind'] !== 'Deployment') return apply(object);
    const spec = object['spec'] as Record<string, unknown>;
    return { ...object, spec: { ...spec, template: apply(spec['template']) } };
  };
  return copy === null ? null : each(copy);
}
