import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { test } from 'tap';
import { parseAllDocuments } from 'yaml';
import { runCommandLine } from '../../src/commands/command-line.ts';
import { isInjected } from '../../src/kubernetes/inject/annotations.ts';
import { RESTORE } from '../../src/kubernetes/inject/restore-record.ts';

/** Runs `sidestub inject`; nothing here reads stdin. */
async function inject(words: readonly string[], isTTY = false) {
  const octets: Buffer[] = [];
  let stderr = '';
  const code = await runCommandLine(
    ['inject', ...words],
    { inject: () => import('../../src/commands/inject.ts') },
    {
      env: {},
      version: '1.2.3',
      stdout: {
        isTTY,
        write: (text: string | Uint8Array) => {
          octets.push(Buffer.from(text as string));
        },
      },
      stderr: {
        write: (text: string | Uint8Array) => {
          stderr += text;
        },
      },
    },
  );
  const output = Buffer.concat(octets);
  return { code, stdout: output.toString(), octets: output, stderr };
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

test('aliases stay, and one whose list must not change for all is written out', async (t) => {
  const yaml = `apiVersion: v1
kind: Pod
metadata: {name: aliases}
spec:
  containers:
  - &base # the one
    name: a
    image: busybox
    volumeMounts: &mounts
    - {name: x, mountPath: /x}
  - <<: *base
    name: b
  - name: c
    image: busybox
    volumeMounts: *mounts
  volumes: &volumes
  - {name: x, emptyDir: {}}
  other: *volumes
`;
  const folder = t.testdir({ 'a.yaml': yaml });
  const { stdout, code } = await inject(['-f', join(folder, 'a.yaml')]);
  t.equal(code, 0);
  const [document] = parseAllDocuments(stdout, { version: '1.1' });
  const { spec } = document?.toJS() ?? {};
  for (const { name, volumeMounts } of spec.containers) {
    t.equal(volumeMounts.length, 2, `${name} has its mount once`);
  }
  t.strictSame(spec.other, [{ name: 'x', emptyDir: {} }]);
  t.match(stdout, '- &base # the one');
  t.match(stdout, '  - <<: *base\n    name: b\n  - name: c');
  t.match(stdout, '    volumeMounts: *mounts\n', 'both are to have what the list gets');
  t.match(stdout, '  other: [{name: x, emptyDir: {}}]\n', 'this one is not');
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

test('flags set resources, image and user of the sidecar, or leave it out for the node daemon', async (t) => {
  const file = join(t.testdir({ 'job.yaml': JOB }), 'job.yaml');
  const words = '--cpu-limit 250m --memory-request none --pull-policy Always --pull-secret mirror';
  const { stdout } = await inject(['-f', file, ...words.split(' '), '--run-as-user', '1001']);
  t.match(stdout, /requests:\n\s+cpu: 10m\n\s+limits:\n\s+cpu: 250m\n\s+memory: 96Mi\n/);
  t.match(stdout, /imagePullPolicy: Always\n[\s\S]*runAsUser: 1001\n[\s\S]*- name: mirror\n/);
  const node = ['--mode', 'node', '--node-dns', '10.96.0.53', '-n', 'ci'];
  const served = await inject(['-f', file, ...node, '--cluster-search', 'corp.example']);
  t.match(served.stderr, 'Job/nightly injected (node)\n');
  t.match(
    served.stdout,
    /nameservers:\n\s+- 10\.96\.0\.53\n\s+searches:\n\s+- ci\.svc\.cluster\.local\n/,
  );
  t.match(served.stdout, '- corp.example\n');
  t.notMatch(served.stdout, 'image: sidestub');
});

test('what makes no sense is an error that says so', async (t) => {
  const folder = t.testdir({ 'bad.yaml': `${CONFIG_MAP}---\na: [1\nb: 2\n`, 'empty.yaml': '' });
  const bad = await inject(['-f', join(folder, 'bad.yaml')]);
  t.match(bad, { code: 78, stdout: '' });
  t.match(bad.stderr, /bad\.yaml:7:1: /, 'with line and column of the file');
  const both = ['-f', join(folder, 'empty.yaml'), '-f', join(folder, 'bad.yaml')];
  t.match(await inject(both), { code: 78, stdout: '' }, 'nothing is printed before all is read');
  t.match(await inject(['-f', join(folder, 'empty.yaml')]), { code: 0, stderr: /no pods in it/ });
  t.match(await inject(['-f', join(folder, 'none.yaml')]), {
    code: 78,
    stderr: /none\.yaml: no such file/,
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
    ['--template-path', 'spec.template'],
    ['--mode', 'node', '--listen', 'pod'],
    ['--node-dns', 'dns'],
    ['--cpu-limit', '1 core'],
    ['--memory-request', '1Gi', '--memory-limit', '1Mi'],
    ['--qos', 'Guaranteed'],
    ['--run-as-user', '0'],
    ['--pull-policy', 'Sometimes'],
    ['--image', 'a b'],
    ['--template-path', 'Job=spec..template'],
  ]) {
    t.match(await inject(words), { code: 64, stdout: '' }, words.join(' '));
  }
});

test('a template that is not YAML yet gets one line with the remedy', async (t) => {
  const chart = '{{- range .Values.jobs }}\napiVersion: batch/v1\n  kind: Job\n{{ end }}\n'.repeat(
    50,
  );
  const folder = t.testdir({
    'a.yaml': chart,
    'b.yaml': JOB.replace("'alpine:3.22'", '{{ .Values.image }}'),
  });
  const { code, stderr } = await inject(['-f', join(folder, 'a.yaml')]);
  t.equal(code, 78);
  t.match(
    stderr,
    /^sidestub: \S+a\.yaml:1: a template, not YAML yet: render it first \(helm template .*\n$/,
  );
  const { stderr: second } = await inject(['-f', join(folder, 'b.yaml')]);
  t.match(second, /^sidestub: \S+b\.yaml:13: a template, .*\n$/);
});

test('a folder is read as kubectl reads it, and what is wrong in it is named at once', async (t) => {
  const folder = t.testdir({
    'b.yml': JOB,
    'a.json': '{"kind": "ConfigMap"}',
    'README.md': '# no manifest',
    below: { 'c.yaml': JOB },
  });
  const { stdout, stderr } = await inject(['-f', folder]);
  t.ok(stdout.startsWith('{"kind": "ConfigMap"}\n---\n# The nightly build.'), stdout.slice(0, 80));
  t.match(stderr, /a\.json: no pods in it\n.*b\.yml:1: Job\/nightly injected/);
  t.equal(stderr.split('\n').length, 3);
  const bad = t.testdir({ 'a.yaml': 'a: [', 'b.yaml': '\xff: {', 'c.yaml': JOB, none: {} });
  const { stderr: problems, stdout: nothing } = await inject(['-f', bad, '-f', join(bad, 'none')]);
  t.equal(nothing, '');
  t.match(problems, 'none: a folder without');
  t.match((await inject(['-f', bad])).stderr, /a\.yaml:1:\d+: .*\n.*b\.yaml:1:/);
});

test('UTF-16 and byte order marks go in and come out', async (t) => {
  for (const [name, octets] of [
    ['utf-8', Buffer.from(`\ufeff${JOB}`)],
    ['utf-16le', Buffer.from(`\ufeff${JOB}`, 'utf16le')],
    ['utf-16be', Buffer.from(`\ufeff${JOB}`, 'utf16le').swap16()],
  ] as const) {
    const folder = t.testdir({ 'a.yaml': octets });
    const { octets: output, stderr } = await inject(['-f', join(folder, 'a.yaml')]);
    t.match(stderr, 'Job/nightly injected', name);
    t.same(output.subarray(0, 200), octets.subarray(0, 200), name);
    t.ok(output.length > octets.length);
  }
  const latin = t.testdir({ 'a.yaml': Buffer.from(`# one\n# caf\xe9\n${JOB}`, 'latin1') });
  t.match(await inject(['-f', join(latin, 'a.yaml')]), {
    code: 78,
    stderr: 'a.yaml:2: not valid UTF-8',
  });
});

test('kinds with pods that are not known are named, and --template-path reaches them', async (t) => {
  const template = 'template:\n      spec:\n        containers: [{name: main, image: busybox}]\n';
  const folder = t.testdir({
    'a.yaml': `apiVersion: batch.volcano.sh/v1alpha1
kind: Job
metadata: {name: v}
spec:
  tasks:
  - name: one
    ${template}  - name: two
    ${template}---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: r}
spec:
  template: {spec: {containers: [{name: main, image: busybox}]}}
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: k}
spec:
  template: {spec: {containers: [{image: busybox}]}}
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: []}
`,
  });
  const file = join(folder, 'a.yaml');
  const { stderr, code } = await inject(['-f', file]);
  t.equal(code, 0);
  t.match(
    stderr,
    /a\.yaml:1: Job\/v left as it is: .* --template-path 'Job\.batch\.volcano\.sh=spec\.tasks\[\*\]\.template'\n/,
  );
  t.match(stderr, 'Rollout/r injected (overlay)');
  t.match(stderr, /Service\/k injected \(overlay\)\n.*Service\/k warning: Knative takes/);
  t.notMatch(stderr, 'Service/s');
  const path = 'Job.batch.volcano.sh=spec.tasks[*].template';
  const reached = await inject(['-f', file, '--template-path', path]);
  t.equal(reached.stderr.match(/Job\/v injected/g)?.length, 2);
  t.equal(reached.stdout.match(/- name: sidestub\n\s+image/g)?.length, 2);
});

test('objects of a known kind without a pod are passed on as they are', async (t) => {
  const parts = [
    'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n',
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec: {replicas: 3}\n',
    'apiVersion: apps/v1\nkind: Deployment\nspec: {template: {spec: {nodeSelector: {a: b}}}}\n',
    'apiVersion: apiextensions.k8s.io/v1\nkind: Job\nspec: {}\n',
  ];
  const text = parts.join('---\n');
  const folder = t.testdir({ 'a.yaml': text });
  const { code, stdout, stderr } = await inject(['-f', join(folder, 'a.yaml')]);
  t.match({ code, stdout }, { code: 0, stdout: text });
  t.match(stderr, /Pod\/a skipped: no containers/);
  t.match(stderr, /Deployment\/unnamed skipped: no containers/);
});

test('many aliases are read, more than kubectl would read are refused', async (t) => {
  const users = Array.from({ length: 300 }, (_, index) => `  k${index}: *a\n`).join('');
  const map = `apiVersion: v1\nkind: ConfigMap\ndata:\n  a: &a x\n${users}---\n${JOB}`;
  const laughs = Array.from(
    { length: 30 },
    (_, index) => `l${index + 1}: &l${index + 1} [*l${index}, *l${index}]\n`,
  );
  const folder = t.testdir({
    'a.yaml': map,
    'b.yaml': `l0: &l0 x\n${laughs.join('')}`,
    'c.yaml': 'a: &a [*a]\n',
    'd.yaml': `${'['.repeat(20_000)}\n`,
  });
  const { code, stdout } = await inject(['-f', join(folder, 'a.yaml')]);
  t.equal(code, 0);
  t.ok(stdout.startsWith(map.slice(0, map.indexOf('---'))));
  for (const name of ['b', 'c', 'd']) {
    t.match(await inject(['-f', join(folder, `${name}.yaml`)]), { code: 78, stdout: '' }, name);
  }
});

test('an injected manifest is brought to the flags given now, and says what changed', async (t) => {
  const file = (text: string) => join(t.testdir({ 'job.yaml': text }), 'job.yaml');
  const once = await inject(['-f', file(JOB), '--pin', 'git.example', '--image', 'sidestub:1']);
  const flags = ['--pin', 'git.example', '--pin', 'b.example', '--image', 'sidestub:2'];
  const updated = await inject(['-f', file(once.stdout), ...flags]);
  t.match(updated.stderr, 'Job/nightly updated (overlay): image sidestub:1 -> sidestub:2, env\n');
  t.equal(updated.stdout, (await inject(['-f', file(JOB), ...flags])).stdout, 'as made anew');
  const none = ['--mode', 'none', '--cluster-dns', '10.96.0.10', '-n', 'ci'];
  const moved = await inject(['-f', file(updated.stdout), ...none]);
  t.match(moved.stderr, /updated \(none\): .*spec\.dnsPolicy/);
  t.match(moved.stdout, 'dnsPolicy: None');
  t.notMatch(moved.stdout, 'resolv.conf');
  const removed = await inject(['-f', file(moved.stdout), '--remove']);
  t.match(removed, { code: 0, stdout: JOB, stderr: /Job\/nightly removed\n$/ });
  const never = await inject(['-f', file(JOB), '--remove']);
  t.match(never, { code: 0, stdout: JOB, stderr: /unchanged: not injected\n$/ });
});

test('what somebody changed in an injected manifest stays, but for the sidecar', async (t) => {
  const file = (text: string) => join(t.testdir({ 'job.yaml': text }), 'job.yaml');
  const { stdout: once } = await inject(['-f', file(JOB)]);
  const more = `      - name: second # a new one
        image: busybox
`;
  const changed = once
    .replace(
      '      securityContext:\n        sysctls:',
      `${more}      securityContext:\n        sysctls:`,
    )
    .replace('    spec:\n', '    spec: # changed\n');
  t.match(changed, more);
  const { stdout, stderr } = await inject(['-f', file(changed)]);
  t.match(stderr, 'updated (overlay): spec.containers\n');
  const { stdout: removed } = await inject(['-f', file(stdout), '--remove']);
  t.equal(removed, `${JOB.replace('    spec:\n', '    spec: # changed\n')}${more}`);
});

test('a sidecar that somebody wrote is theirs', async (t) => {
  const own = `apiVersion: v1
kind: Pod
metadata: {name: own}
spec:
  initContainers:
  - name: sidestub
    image: mine
    restartPolicy: Always
    args: [run, --publish-resolv-conf, /run/sidestub/resolv.conf]
  containers:
  - {name: main, image: busybox}
  volumes:
  - {name: sidestub, emptyDir: {}}
`;
  const file = (text: string) => join(t.testdir({ 'own.yaml': text }), 'own.yaml');
  const { stdout } = await inject(['-f', file(own), '--image', 'other']);
  t.match(stdout, /image: mine[\s\S]*mountPath: \/etc\/resolv\.conf/, 'it is completed');
  const again = await inject(['-f', file(stdout), '--image', 'other']);
  t.match(again, { stdout, stderr: /unchanged/ });
  t.equal((await inject(['-f', file(stdout), '--remove'])).stdout, own);
});

function annotationsOf({
  metadata,
}: object & { readonly metadata?: object }): Record<string, string> {
  return (metadata as { annotations?: Record<string, string> } | undefined)?.annotations ?? {};
}

test('pods of the wild are YAML that the command injects as the API server would', async (t) => {
  const { podFiles } = await import('../kubernetes/inject/pod-files.ts');
  const { parse } = await import('yaml');
  let compared = 0;
  for (const { name, pod } of podFiles()) {
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
    if (golden.pod === undefined || golden.mode !== 'overlay') continue;
    // One that is injected already is left to the webhook's other invocations there, and brought up to date here.
    if (isInjected(new Map(Object.entries(annotationsOf(pod))))) continue;
    const found = parse(stdout);
    delete found.metadata.annotations[RESTORE];
    t.same(found, golden.pod, name);
    compared++;
  }
  t.ok(compared > 20, `${compared} pods`);
});
