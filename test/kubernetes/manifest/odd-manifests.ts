const pod = (spec: string, head = ''): string =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: odd\n${head}spec:\n${spec}`;
const CONTAINERS = '  containers:\n  - name: main\n    image: busybox\n';

/**
 * Manifests in the spellings that broke an injector once, or could: each a text by its name.
 *
 * They are made after what 984 public manifests had in them. A template string has its backslashes as they stand.
 */
export const ODD_MANIFESTS: ReadonlyMap<string, string> = new Map(Object.entries(odd()));

function odd(): Record<string, string> {
  return {
    'kubectl-style': pod(CONTAINERS),
    'indented-list': pod('  containers:\n    - name: main\n      image: busybox\n'),
    'three-blanks':
      'apiVersion: v1\nkind: Pod\nmetadata:\n   name: odd\nspec:\n   containers:\n   -  name: main\n      image: busybox\n',
    'four-blanks':
      'apiVersion: v1\nkind: Pod\nmetadata:\n    name: odd\nspec:\n    containers:\n    -   name: main\n        image: busybox\n',
    'dash-alone': pod(
      '  containers:\n  -\n    name: main\n    image: busybox\n  -\n    name: more\n    image: busybox\n',
    ),
    crlf: pod(`${CONTAINERS}    args: ["a"]\n`).replaceAll('\n', '\r\n'),
    'mixed-line-ends': pod(CONTAINERS).replace('kind: Pod\n', 'kind: Pod\r\n'),
    'no-line-break-at-the-end': pod(CONTAINERS).trimEnd(),
    'cr-alone-at-the-end': `${pod(CONTAINERS).trimEnd()} #\r`,
    'crlf-without-the-last': pod(CONTAINERS).replaceAll('\n', '\r\n').trimEnd(),
    'blank-lines': pod(`\n  containers:\n\n  - name: main\n\n    image: busybox\n\n\n`),
    'trailing-blanks': pod('  containers:   \n  - name: main  \n    image: busybox \t \n'),
    'tabs-before-comments': pod(
      '  containers:\t# them\n  - name: main\t# one\n    image: busybox\t\t# small\n',
    ),
    'comment-at-the-end': pod(`${CONTAINERS}    # image: other\n  # volumes: none\n# the end\n`),
    'comment-over-the-first': pod(
      `  initContainers:\n  # Fetches it.\n  # From there.\n  - name: fetch\n    image: busybox\n${CONTAINERS}`,
    ),
    'comment-behind-the-key': pod(
      `  initContainers: # first of all\n  # Fetches it.\n  - name: fetch\n    image: busybox\n${CONTAINERS}`,
    ),
    'comment-below-an-empty-key': pod(`  volumes:\n  # none yet\n${CONTAINERS}`),
    'comment-behind-an-empty-key': pod(
      `  volumes: # none yet\n  initContainers: # nor these\n${CONTAINERS}`,
    ),
    'comment-behind-a-dash': pod(
      '  containers:\n  - # the one\n    name: main\n    image: busybox\n',
    ),
    'empty-key-at-the-end': pod(`${CONTAINERS}    volumeMounts:\n  initContainers:\n  volumes:`),
    'null-words': pod(
      `  volumes: null\n  initContainers: ~\n  securityContext: Null\n${CONTAINERS}    volumeMounts: NULL # none\n`,
    ),
    'empty-flow': pod(
      `  volumes: []\n  initContainers: [ ]\n  securityContext: {}\n${CONTAINERS}    volumeMounts: [  ] # none\n`,
    ),
    'empty-flow-in-lines': pod(
      `  volumes: [\n  ]\n  securityContext: {\n    # nothing\n  }\n${CONTAINERS}`,
    ),
    'flow-list': pod(
      '  volumes: [{name: x, emptyDir: {}}]\n  containers: [{name: main, image: busybox}]\n',
    ),
    'flow-all':
      '{apiVersion: v1, kind: Pod, metadata: {name: odd}, spec: {containers: [{name: main, image: busybox}]}}\n',
    'flow-with-padding': pod(
      '  volumes: [ { name: x, emptyDir: {} } ]\n  containers: [ { name: main, image: busybox } ]\n',
    ),
    'flow-with-trailing-commas': pod(
      '  volumes: [{name: x, emptyDir: {},},]\n  containers: [{name: main, image: busybox,},]\n',
    ),
    'flow-over-lines': pod(
      '  containers: [\n    {name: main, image: busybox,  # one\n     args: [a, b]},\n    {name: more,\n     image: busybox}  # two\n  ]\n',
    ),
    'flow-with-null': pod(
      '  containers: [{name: main, image: busybox, volumeMounts: , args: ~}]\n',
    ),
    'flow-json-inside': pod('  containers: [{"name": "main", "image": "busybox"}]\n'),
    'block-scalar-last': pod(`${CONTAINERS}    args:\n    - |\n      echo a\n\n      echo b\n`),
    'block-scalar-keep': pod(
      `${CONTAINERS}    command: [sh]\n    args:\n    - |+\n      echo a\n\n\n`,
    ),
    'block-scalar-strip': pod(`${CONTAINERS}    args:\n    - >-\n      folded\n      text\n\n\n`),
    'block-scalar-to-the-end': pod(`${CONTAINERS}    workingDir: |\n      /x`),
    'block-scalar-member-last': pod(`${CONTAINERS}  schedulerName: |+\n    a\n\n`),
    'block-scalar-indented': pod(
      `${CONTAINERS}    args:\n    - |2\n        two more\n      text\n`,
    ),
    'marker-in-a-scalar': `apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    --- x\n---\n${pod(CONTAINERS)}`,
    'folded-plain': pod(`${CONTAINERS}    workingDir: /a\n      b\n      c\n`),
    'folded-quoted': pod(`${CONTAINERS}    workingDir: "a\n\n      b\\\n      c"\n`),
    'single-quoted': pod("  containers:\n  - 'name': 'main'\n    'image': 'it''s'\n"),
    numbers: pod(
      `${CONTAINERS}    env:\n    - {name: A, value: "0o14"}\n  terminationGracePeriodSeconds: 9007199254740993\n  activeDeadlineSeconds: 0xFF\n  priority: 1e400\n  x: 0o14\n  y: 1_000\n  z: +.5\n`,
    ),
    'words-of-1.1': pod(`  hostIPC: no\n  hostPID: off\n${CONTAINERS}    tty: y\n    stdin: On\n`),
    dates: pod(CONTAINERS, '  annotations:\n    at: 2026-01-01\n    hex: "0x1"\n'),
    'anchor-once': pod(
      `  containers:\n  - &main\n    name: main\n    image: &image busybox\n  - name: more\n    image: *image\n`,
    ),
    'anchor-list-shared': pod(
      '  containers:\n  - name: a\n    image: busybox\n    volumeMounts: &mounts\n    - {name: x, mountPath: /x}\n  - name: b\n    image: busybox\n    volumeMounts: *mounts\n',
    ),
    'anchor-list-shared-by-halves': pod(
      '  containers:\n  - name: a\n    image: busybox\n    volumeMounts: &mounts # both\n    - {name: x, mountPath: /etc}\n  - name: b\n    image: busybox\n    volumeMounts: *mounts\n  - {name: c, image: busybox}\n',
    ),
    'anchor-used-elsewhere': `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: odd\n  labels: &labels {app: odd} # both\n  annotations: &notes\n    a: b\nspec:\n  selector: {matchLabels: *labels}\n  template:\n    metadata: {labels: *labels, annotations: *notes}\n    spec:\n      containers:\n      - name: main\n        image: busybox\n`,
    merge: pod(
      '  containers:\n  - &base\n    name: a\n    image: busybox\n    volumeMounts:\n    - {name: x, mountPath: /x}\n  - <<: *base\n    name: b\n',
    ),
    'merge-of-what-changes': pod(
      '  containers:\n  - &base\n    name: a\n    image: busybox\n  - <<: *base # as a\n    name: b\n    ports: []\n',
    ),
    'alias-to-nothing': pod(`  nodeSelector: &none\n  affinity: *none\n${CONTAINERS}`),
    tags: pod(
      `  containers:\n  - name: !!str main\n    image: !!str\n      busybox\n  volumes: !!seq\n  - {name: x, emptyDir: {}}\n`,
    ),
    'explicit-keys': pod('  ? containers\n  : - name: main\n      ? image\n      : busybox\n'),
    'quoted-keys':
      '"apiVersion": "v1"\n"kind": "Pod"\n"metadata":\n  "name": "odd"\n"spec":\n  "containers":\n  - "name": "main"\n    "image": "busybox"\n',
    'twice-the-same-key': pod(`  restartPolicy: Never\n  restartPolicy: Always\n${CONTAINERS}`),
    'non-ascii': pod(
      CONTAINERS,
      '  annotations:\n    a: "ü \u2028 --- \\ud83d\\ude00 😀"\n    # ñ ✓\n',
    ),
    'wide-marker': `--- # first\n${pod(CONTAINERS)}...\n---\n\n# nothing\n---\n${pod(CONTAINERS)}`,
    'marker-and-flow':
      '--- {apiVersion: v1, kind: Pod, metadata: {name: odd}, spec: {containers: []}}\n',
    directive: `%YAML 1.1\n---\n${pod(CONTAINERS)}`,
    'no-metadata':
      'apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - name: main\n        image: busybox\n',
    'metadata-null':
      'apiVersion: v1\nkind: PodTemplate\ntemplate:\n  metadata:\n  spec:\n    containers:\n    - name: main\n      image: busybox\n',
    'annotations-flow': pod(CONTAINERS, '  annotations: {}\n'),
    'spec-first': `spec:\n${CONTAINERS}apiVersion: v1\nkind: Pod\nmetadata: {name: odd}`,
    list: `apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n  spec:\n    containers:\n    - name: main\n      image: busybox\n- apiVersion: v1\n  kind: ConfigMap\n  data: {n: 0xFF}\n-   apiVersion: v1\n    kind: Pod\n    metadata: {name: b}\n    spec: {containers: [{name: main, image: busybox}]}\n`,
    'pod-list-without-kinds': `{"apiVersion":"v1","kind":"PodList","items":[{"metadata":{"name":"a"},"spec":{"containers":[{"name":"main","image":"busybox"}]}}]}`,
    json: JSON.stringify(jsonPod(), undefined, 2),
    'json-four': `${JSON.stringify(jsonPod(), undefined, 4)}\n`,
    'json-tabs': `${JSON.stringify(jsonPod(), undefined, '\t')}\n`,
    'json-compact': JSON.stringify(jsonPod()),
    'json-python': JSON.stringify(jsonPod(), undefined, 1).replaceAll(/\n */g, ' '),
    'json-crlf': JSON.stringify(jsonPod(), undefined, 2).replaceAll('\n', '\r\n'),
    'json-empties': JSON.stringify(
      {
        ...jsonPod(),
        spec: { volumes: [], initContainers: null, securityContext: {}, ...jsonPod().spec },
      },
      undefined,
      2,
    ).replace('"volumes": []', '"volumes": [ ]'),
    'json-numbers':
      '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "odd", "generation": 9007199254740993},\n "spec": {"priority": 1e400, "containers": [\n  {"name": "main", "image": "a\\/b", "tty": true}]}}',
    'json-stream': `${JSON.stringify(jsonPod())}\n${JSON.stringify(jsonPod(), undefined, 2)}\n\n${JSON.stringify({ kind: 'ConfigMap', data: { a: '}{' } })}`,
    'json-side-by-side': `${JSON.stringify(jsonPod())}${JSON.stringify(jsonPod())}`,
    'json-between-yaml': `${pod(CONTAINERS)}---\n${JSON.stringify(jsonPod())}\n---\n${pod(CONTAINERS)}`,
  };
}

function jsonPod() {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'odd', labels: {} },
    spec: { containers: [{ name: 'main', image: 'busybox', args: ['a', 'b'] }] },
  };
}
