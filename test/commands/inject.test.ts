import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { test } from 'tap';
import { parseAllDocuments } from 'yaml';
import { runCommandLine } from '../../src/commands/command-line.ts';

/** Runs `sidestub inject`; nothing here reads stdin. */
async function inject(words: readonly string[], isTTY = false) {
  let stdout = '';
  let stderr = '';
  const code = await runCommandLine(
    ['inject', ...words],
    { inject: () => import('../../src/commands/inject.ts') },
    {
      env: {},
      version: '1.2.3',
      stdout: {
        isTTY,
        write: (text: string) => {
          stdout += text;
        },
      },
      stderr: {
        write: (text: string) => {
          stderr += text;
        },
      },
    },
  );
  return { code, stdout, stderr };
}

const JOB = `# The nightly build.
apiVersion: batch/v1
kind: Job
metadata:
  name: nightly # at two
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      # The one that works.
      - name: build
        image: 'alpine:3.22'
        env:
        - {name: MODE, value: "0755"}
        - {name: SINCE, value: 2026-01-01}
        - {name: AT, value: 2:30}
`;

const CONFIG_MAP = `apiVersion: v1
kind:   ConfigMap
metadata: {name:   odd,    labels: {}}   # spelled oddly
data: {"a": yes}
`;

test('a Job keeps comments, order and quotes, and gets the sidecar', async (t) => {
  const folder = t.testdir({ 'job.yaml': JOB });
  const { code, stdout, stderr } = await inject(['-f', join(folder, 'job.yaml')]);
  t.equal(code, 0);
  t.match(stderr, /job\.yaml:1: Job\/nightly injected \(overlay\)\n$/);
  for (const line of JOB.split('\n')) t.ok(stdout.includes(line), line);
  t.match(stdout, 'image: sidestub:1.2.3', 'of our own version');
  t.match(stdout, /ip_unprivileged_port_start\n\s+value: "53"/, 'a string, or the API refuses it');
});

test('twice is once, octet by octet', async (t) => {
  const folder = t.testdir({ 'job.yaml': JOB });
  const once = await inject(['-f', join(folder, 'job.yaml')]);
  const again = t.testdir({ 'job.yaml': once.stdout });
  const twice = await inject(['-f', join(again, 'job.yaml')]);
  t.equal(twice.stdout, once.stdout);
  t.match(twice.stderr, /unchanged: injected already/);
});

test('documents that have no pods are passed on as they are', async (t) => {
  const folder = t.testdir({ 'all.yaml': `${CONFIG_MAP}---\n# two\n${JOB}---\n${CONFIG_MAP}` });
  const { code, stdout, stderr } = await inject(['-f', join(folder, 'all.yaml')]);
  t.equal(code, 0);
  t.ok(stdout.startsWith(`${CONFIG_MAP}---\n# two\n# The nightly build.\n`), stdout.slice(0, 200));
  t.ok(stdout.endsWith(`---\n${CONFIG_MAP}`));
  t.match(stderr, /all\.yaml:6: Job\/nightly/, 'with the line of the document');
});

test('every kind that makes pods is found, in Lists too', async (t) => {
  const template = { spec: { containers: [{ name: 'main', image: 'busybox' }] } };
  const workloads = [
    'Job',
    'Deployment',
    'StatefulSet',
    'DaemonSet',
    'ReplicaSet',
    'ReplicationController',
  ];
  const items = [
    { kind: 'Pod', metadata: { generateName: 'p-' }, ...template },
    { kind: 'CronJob', metadata: { name: 'c' }, spec: { jobTemplate: { spec: { template } } } },
    { kind: 'PodTemplate', metadata: { name: 't' }, template },
    ...workloads.map((kind) => ({ kind, metadata: { name: 'w' }, spec: { template } })),
    {
      kind: 'List',
      items: [
        { kind: 'Service', metadata: { name: 's' } },
        { kind: 'PodList', items: [{ ...template, kind: 'Pod' }] },
      ],
    },
  ];
  const folder = t.testdir({
    'list.json': JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, 2),
  });
  const { code, stdout, stderr } = await inject(['-f', join(folder, 'list.json')]);
  t.equal(code, 0);
  for (const label of [
    'Pod/p-',
    'CronJob/c',
    'PodTemplate/t',
    'Pod/unnamed',
    ...workloads.map((kind) => `${kind}/w`),
  ]) {
    t.match(stderr, `${label} injected`);
  }
  t.equal(stdout.match(/"name": "sidestub",\n\s+"image"/g)?.length, 10, 'and JSON stays JSON');
  t.doesNotThrow(() => JSON.parse(stdout));
});

test('aliases are written out, since only one of their users may change', async (t) => {
  const yaml = `apiVersion: v1
kind: Pod
metadata: {name: aliases}
spec:
  containers:
  - &base
    name: a
    image: busybox
    volumeMounts: &mounts
    - {name: x, mountPath: /x}
  - <<: *base
    name: b
  - name: c
    image: busybox
    volumeMounts: *mounts
`;
  const folder = t.testdir({ 'a.yaml': yaml });
  const { stdout, stderr } = await inject(['-f', join(folder, 'a.yaml')]);
  t.match(stderr, /note: .*a\.yaml:1: has aliases/);
  const [document] = parseAllDocuments(stdout);
  const { spec } = document?.toJS() ?? {};
  for (const { name, volumeMounts } of spec.containers) {
    t.equal(volumeMounts.length, 2, `${name} has its mount once`);
  }
  t.notMatch(stdout, /[&*]base|%YAML/);
});

test('what is left alone is named with the reason, and only what can be mended is a failure', async (t) => {
  const pod = (name: string, rest: string) =>
    `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [], ${rest}}\n`;
  const skipped = t.testdir({ 'a.yaml': pod('net', 'hostNetwork: true') });
  const first = await inject(['-f', join(skipped, 'a.yaml')]);
  t.match(first, { code: 0, stderr: /Pod\/net skipped: hostNetwork/ });
  t.equal(first.stdout, pod('net', 'hostNetwork: true'));
  const refused = t.testdir({ 'a.yaml': pod('x', 'volumes: [{name: sidestub}]') });
  t.match(await inject(['-f', join(refused, 'a.yaml')]), {
    code: 1,
    stderr: /Pod\/x refused: a volume/,
  });
  const old = await inject([
    '-f',
    join(t.testdir({ 'a.yaml': JOB }), 'a.yaml'),
    '--cluster-version',
    'v1.28.3',
  ]);
  t.match(old, { code: 1, stdout: JOB, stderr: /refused: Kubernetes 1\.28/ });
});

test('a terminal gets the difference, and it applies', async (t) => {
  const folder = t.testdir({ 'job.yaml': JOB });
  const file = join(folder, 'job.yaml');
  const { stdout } = await inject(['-f', file], true);
  t.match(stdout, '\u001b[32m+', 'in colour');
  const plain = await inject(['-f', file, '--output', 'diff']);
  t.equal(stripVTControlCharacters(stdout), plain.stdout);
  const yaml = await inject(['-f', file, '-o', 'yaml'], true);
  const added = plain.stdout.split('\n').filter((line) => /^\+(?!\+\+)/.test(line)).length;
  t.equal(yaml.stdout.split('\n').length - JOB.split('\n').length, added, 'nothing is taken away');
  t.notMatch(plain.stdout, /^-(?!--)/m);
});

test('flags choose, and mode none takes the namespace from the object or -n', async (t) => {
  const folder = t.testdir({ 'job.yaml': JOB });
  const { stdout } = await inject([
    '-f',
    join(folder, 'job.yaml'),
    '--mode',
    'none',
    '--cluster-dns',
    '10.96.0.10',
    '-n',
    'ci',
    '--pin',
    'git.example',
    '--pin',
    'registry.example',
    '--image',
    'mirror.example/sidestub:9',
  ]);
  for (const part of [
    'dnsPolicy: None',
    '- ci.svc.cluster.local',
    'git.example registry.example',
    'mirror.example/sidestub:9',
  ]) {
    t.match(stdout, part);
  }
});

test('what makes no sense is an error that says so', async (t) => {
  const folder = t.testdir({ 'bad.yaml': `${CONFIG_MAP}---\na: [1\nb: 2\n`, 'empty.yaml': '' });
  const bad = await inject(['-f', join(folder, 'bad.yaml')]);
  t.match(bad, { code: 78, stdout: '' });
  t.match(bad.stderr, /bad\.yaml:7:1: /, 'with line and column of the file');
  t.match(await inject(['-f', join(folder, 'empty.yaml')]), { code: 0, stderr: /no pods in it/ });
  t.match(await inject(['-f', join(folder, 'none.yaml')]), {
    code: 78,
    stderr: /none\.yaml: cannot be read: ENOENT/,
  });
  for (const words of [
    ['job.yaml'],
    ['--mode', 'both'],
    ['--pin', 'a b'],
    ['--upstream', 'dns.example'],
    ['--cluster-dns', 'dns'],
    ['--cluster-domain', '..'],
    ['--cluster-version', 'new'],
    ['--output', 'json'],
    ['--mode', 'none', '--listen', 'pod'],
  ]) {
    t.match(await inject(words), { code: 64, stdout: '' }, words.join(' '));
  }
});

test('forty pods of the wild are YAML that the command injects as the API server would', async (t) => {
  const { podFiles } = await import('../kubernetes/inject/pod-files.ts');
  const { parse } = await import('yaml');
  for (const { name } of podFiles()) {
    const pods = new URL('../kubernetes/inject/', import.meta.url);
    const { stdout } = await inject([
      '-f',
      new URL(`pods/${name}.yaml`, pods).pathname,
      '--image',
      'registry.example/sidestub:0.1.0',
      '--cluster-dns',
      '10.96.0.10',
      '-n',
      'gitlab-jobs',
    ]);
    const golden = parse(readFileSync(new URL(`golden/${name}.yaml`, pods), 'utf8'));
    // The namespace of mode none is the request's there, and the object's here.
    if (golden.pod !== undefined && golden.mode === 'overlay')
      t.same(parse(stdout), golden.pod, name);
  }
});
