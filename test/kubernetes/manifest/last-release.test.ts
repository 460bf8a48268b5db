// Manifests that version 0.1.0 injected, as it printed them: how they are brought to this version, and taken back.
import { readFileSync } from 'node:fs';
import { test } from 'tap';
import {
  injectManifest,
  type ManifestOptions,
} from '../../../src/kubernetes/manifest/inject-manifest.ts';
import { TemplatePaths } from '../../../src/kubernetes/manifest/template-paths.ts';
import { testOptions } from '../inject/pod-files.ts';
import { asKubectlReads } from './kubectl-yaml.ts';

const read = (name: string): string =>
  readFileSync(new URL(`v0.1.0/${name}`, import.meta.url), 'utf8');

const base: ManifestOptions = {
  ...testOptions,
  clusterDns: { nameservers: ['10.96.0.10'], zone: 'cluster.local', hostSearches: [] },
  namespace: 'ci',
  restorable: true,
  remove: false,
  templatePaths: new TemplatePaths(),
};
const RELEASED = [
  ['workloads.yaml', 'workloads.overlay.yaml', { ...base, pins: ['git.corp.example'] }],
  ['workloads.yaml', 'workloads.none.yaml', { ...base, mode: 'none' as const }],
  ['list.json', 'list.overlay.json', base],
] as const;

for (const [before, after, options] of RELEASED) {
  test(`${after} is brought to this version, each kind of it, and then stays`, (t) => {
    const updated = injectManifest(read(after), after, options);
    t.equal(updated.pods.length, 9);
    for (const { label, injection } of updated.pods) {
      t.match(injection, { outcome: 'updated', warnings: [] }, label);
      t.match(
        'changes' in injection && injection.changes,
        ['startupProbe removed', 'lifecycle added'],
        label,
      );
    }
    const anew = injectManifest(read(before), before, options);
    t.strictSame(
      sorted(updated.text),
      sorted(anew.text),
      'as if it had never been another version',
    );
    t.equal(injectManifest(updated.text, after, options).text, updated.text);
    t.end();
  });

  test(`${after} without sidestub is what it was before`, (t) => {
    for (const text of [read(after), injectManifest(read(after), after, options).text]) {
      const removed = injectManifest(text, after, { ...options, remove: true });
      for (const { label, injection } of removed.pods)
        t.match(injection, { outcome: 'removed' }, label);
      if (before.endsWith('.json')) t.equal(removed.text, read(before));
      t.strictSame(asKubectlReads(removed.text), asKubectlReads(read(before)));
    }
    t.end();
  });
}

test('what 0.1.0 wrote over in mode none was not recorded, and that is said', (t) => {
  const { pods } = injectManifest(read('workloads.none.yaml'), 'x', { ...base, remove: true });
  for (const { injection } of pods) {
    t.match('warnings' in injection && injection.warnings, [/ClusterFirst/]);
  }
  t.end();
});

/** Where members and volumes stand in their order does not matter here. */
function sorted(text: string): unknown {
  return JSON.parse(JSON.stringify(asKubectlReads(text)), (_, value) => {
    if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
    const members = Object.entries(value).filter(([key]) => key !== 'sidestub.dev/restore');
    return Object.fromEntries(members.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
