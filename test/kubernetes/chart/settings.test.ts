// k8s/settings: the image, the namespace and the pull secret of every kustomization, in one place.
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { documents, K8S, tool } from './helm.ts';

const SELF_SIGNED = 'injector/certs/self-signed';
const FOLDERS = [
  'injector',
  'injector/certs/job',
  'injector/policy',
  'node/service-local',
  SELF_SIGNED,
];

/** What the kustomizations render once files of k8s/settings have been changed. */
function rendered(t: Test, changes: Readonly<Record<string, (text: string) => string>>): string[] {
  const kubectl = tool(t, 'kubectl');
  if (kubectl === undefined) return [];
  const folder = t.testdir({});
  for (const each of ['injector', 'node', 'settings']) {
    cpSync(join(K8S, each), join(folder, each), { recursive: true });
  }
  for (const [name, change] of Object.entries(changes)) {
    const file = join(folder, 'settings', name);
    writeFileSync(file, change(readFileSync(file, 'utf8')));
  }
  execFileSync(join(folder, SELF_SIGNED, 'make-certificates'), { stdio: 'pipe' });
  return FOLDERS.map((each) => kubectl.run('kustomize', join(folder, each)));
}

test('another image in k8s/settings is in every kustomization, and no other is left', async (t) => {
  const image = 'registry.example:5000/dns/sidestub@sha256:abc';
  const change = (text: string) => text.replace(/^image: .*$/m, `image: ${image}`);
  for (const yaml of rendered(t, { 'settings.yaml': change })) {
    t.match(yaml, image);
    t.notMatch(yaml.replaceAll(image, ''), /(?:image|value): sidestub/);
  }
});

test('another namespace in k8s/settings is in every place that names it', async (t) => {
  const change = (text: string) => text.replace(/^namespace: .*$/m, 'namespace: dns-system');
  for (const yaml of rendered(t, { 'settings.yaml': change })) {
    t.match(yaml, 'namespace: dns-system');
    t.notMatch(yaml, /namespace: sidestub|\.sidestub\.svc|: sidestub\/|^ *- sidestub$/m);
  }
});

test('the namespace of k8s/settings is that of k8s/namespace', async (t) => {
  const kubectl = tool(t, 'kubectl');
  if (kubectl === undefined) return;
  const folder = t.testdir({});
  for (const each of ['namespace', 'settings']) {
    cpSync(join(K8S, each), join(folder, each), { recursive: true });
  }
  const file = join(folder, 'settings/settings.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^namespace: .*$/m, 'namespace: dns'));
  const [made] = documents(kubectl.run('kustomize', join(folder, 'namespace')));
  t.equal(made?.metadata?.name, 'dns');
});

test('the pull secret is turned on by a line, for our pods and for the sidecars', async (t) => {
  const change = (text: string) => text.replace('# components', 'components');
  const [injector = '', job = '', policy = '', node = ''] = rendered(t, {
    'kustomization.yaml': change,
  });
  t.match(injector, '--pull-secret=sidestub-registry');
  for (const yaml of [injector, job, node]) {
    const kinds = documents(yaml).filter((object) =>
      /Deployment|DaemonSet|CronJob/.test(object.kind),
    );
    t.ok(kinds.length > 0);
    for (const object of kinds)
      t.match(
        JSON.stringify(object),
        '"imagePullSecrets":[{"name":"sidestub-registry"}]',
        object.kind,
      );
  }
  t.notMatch(policy, 'sidestub-registry');
});
