// Each value of the chart: where it lands, what is refused, and that values.yaml, its schema and the page agree.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'tap';
import { parse } from 'yaml';
import { CHART, nameOf, render, tool } from './helm.ts';

interface Schema {
  readonly type: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
}

const schema: Schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8'));
const defaults = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8'));

/** Every value by its path: `image.tag`, sections included. */
function paths(node: Schema, path = ''): (readonly [path: string, schema: Schema])[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const own = path === '' ? name : `${path}.${name}`;
    return [[own, child] as const, ...paths(child, own)];
  });
}

const every = paths(schema).filter(([path]) => path !== 'global');

/** `{a: {b: value}}` of `a.b`. */
function at(path: string, value: unknown): object {
  return path
    .split('.')
    .reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;
}

/** The values with one more. */
function withAt(values: object, path: string, value: unknown): object {
  const [name = '', ...rest] = path.split('.');
  const old = (values as Record<string, object>)[name] ?? {};
  return { ...values, [name]: rest.length === 0 ? value : withAt(old, rest.join('.'), value) };
}

const ON = { policy: { enabled: true }, node: { enabled: true }, monitoring: { enabled: true } };

/** A value for each that has one, and what of the rendered objects shows it. */
const SET: Readonly<Record<string, readonly [value: unknown, shown: RegExp]>> = {
  'image.repository': [
    'registry.example:5000/dns/sidestub',
    /"image":"registry\.example:5000\/dns\/sidestub:/,
  ],
  'image.tag': ['1.2.3', /"name":"SIDECAR_IMAGE","value":"sidestub:1\.2\.3"/],
  'image.digest': [`sha256:${'ab'.repeat(32)}`, /"image":"sidestub@sha256:(?:ab){32}"/],
  'image.pullPolicy': ['Always', /"--pull-policy=Always".*"imagePullPolicy":"Always"/],
  imagePullSecrets: [
    ['mirror'],
    /"--pull-secret=mirror".*"imagePullSecrets":\[\{"name":"mirror"\}\]/,
  ],
  'namespace.create': [true, /"kind":"Namespace"/],
  openshift: [true, /"kind":"DaemonSet"/],
  'injector.enabled': [false, /^(?!.*"sidestub-injector-tls")/],
  'injector.replicas': [3, /"replicas":3/],
  'injector.args': [['--pin=git.corp.example'], /"--pin=git\.corp\.example"\]/],
  'injector.certificate.from': ['job', /"kind":"CronJob"/],
  'injector.priorityClassName': ['high', /"priorityClassName":"high"/],
  'injector.resources.requests': [{ cpu: '77m' }, /"requests":\{"cpu":"77m","memory":"96Mi"\}/],
  'injector.resources.limits': [{ memory: '777Mi' }, /"limits":\{"memory":"777Mi"\}/],
  'injector.nodeSelector': [{ pool: 'infra' }, /"nodeSelector":\{"pool":"infra"\}/],
  'injector.tolerations': [
    [{ key: 'infra', operator: 'Exists' }],
    /"tolerations":\[\{"key":"infra"/,
  ],
  'injector.affinity': [{ podAntiAffinity: {} }, /"affinity":\{"podAntiAffinity":\{\}\}/],
  'injector.metricsFrom': ['observability', /"kubernetes\.io\/metadata\.name":"observability"/],
  'policy.enabled': [true, /"kind":"MutatingAdmissionPolicy"/],
  'policy.pins': [['git.corp.example', 'b.example'], /"pins":"git\.corp\.example b\.example"/],
  'node.enabled': [true, /"kind":"DaemonSet"/],
  'node.env': [
    { SIDESTUB_SHUTDOWN_GRACE: '9s', SIDESTUB_LISTEN_ALLOW: '10.0.0.0/8' },
    /"name":"SIDESTUB_LISTEN_ALLOW","value":"10\.0\.0\.0\/8".*"value":"9s"/,
  ],
  'node.priorityClassName': ['high', /"priorityClassName":"high"/],
  'node.resources.requests': [{ memory: '333Mi' }, /"requests":\{"cpu":"50m","memory":"333Mi"\}/],
  'node.resources.limits': [{ cpu: 2 }, /"limits":\{"cpu":2,"memory":"256Mi"\}/],
  'node.nodeSelector': [{ pool: 'ci' }, /"nodeSelector":\{"pool":"ci"\}/],
  'node.tolerations': [[{ key: 'ci' }], /"tolerations":\[\{"key":"ci"\}\]/],
  'node.affinity': [{ nodeAffinity: {} }, /"affinity":\{"nodeAffinity":\{\}\}/],
  'monitoring.enabled': [true, /"kind":"PrometheusRule"/],
  'monitoring.namespace': [
    'observability',
    /"name":"sidestub-dashboard","namespace":"observability"/,
  ],
  'monitoring.ruleLabels': [{ prometheus: 'main' }, /"prometheus":"main"/],
  'monitoring.dashboard': [false, /^(?!.*grafana_dashboard)/],
};

/** These two belong together. */
const SECRET = {
  injector: { certificate: { from: 'secret', secret: { name: 'own', caBundle: 'QUJD' } } },
};

test('each value that is set is in the objects, and changes them', async (t) => {
  const helm = tool(t, 'helm');
  if (helm === undefined) return;
  const leaves = every
    .filter(([, { properties }]) => properties === undefined)
    .map(([path]) => path)
    .filter((path) => !path.startsWith('injector.certificate.secret.'));
  t.strictSame(Object.keys(SET).sort(), leaves.sort());
  // Beside everything else that can be on. What replaces or hides another value is rendered by itself.
  const isAlone = (path: string) => path.startsWith('image.') || SET[path]?.[0] === false;
  const others = Object.keys(SET).filter((path) => !isAlone(path));
  for (const paths of [
    others,
    ...Object.keys(SET)
      .filter(isAlone)
      .map((path) => [path]),
  ]) {
    const values = paths.reduce<object>((to, path) => withAt(to, path, SET[path]?.[0]), ON);
    const text = JSON.stringify(render(helm, values));
    for (const path of paths) t.match(text, SET[path]?.[1], path);
  }
  const text = JSON.stringify(render(helm, SECRET));
  t.match(text, /"secretName":"own"/);
  t.equal(text.match(/"caBundle":"QUJD"/g)?.length, 2);
  t.notMatch(text, /cert-manager/);
});

test('a priority class that is empty is left out, and on OpenShift the user', async (t) => {
  const helm = tool(t, 'helm');
  if (helm === undefined) return;
  const none = { priorityClassName: '' };
  const values = { injector: none, node: { enabled: true, ...none }, openshift: true };
  const objects = render(helm, values);
  const text = JSON.stringify(objects);
  t.notMatch(text, /priorityClassName|runAsUser/);
  t.match(text, /"runAsNonRoot":true/);
  t.match(text, /"--run-as-user=none"/);
  const before = JSON.stringify(render(helm, { node: { enabled: true } }));
  t.equal(before.match(/"priorityClassName"/g)?.length, 2);
  t.equal(before.match(/"runAsUser":65532/g)?.length, 2);
});

test('a Secret without its authority is refused with what is missing', async (t) => {
  const helm = tool(t, 'helm');
  if (helm === undefined) return;
  t.throws(() => render(helm, { injector: { certificate: { from: 'secret' } } }), {
    message: /injector\.certificate\.secret\.caBundle: the authority of the certificate/,
  });
});

/** What no value of the type can be. */
function wrong({ type }: Schema): unknown {
  return type === 'string' || type === 'boolean' ? [1] : 'text';
}

test('a value of the wrong type is refused with its place', async (t) => {
  const helm = tool(t, 'helm');
  if (helm === undefined) return;
  const leaves = every.filter(([, { properties }]) => properties === undefined);
  const all = leaves.reduce<object>((to, [path, node]) => withAt(to, path, wrong(node)), {});
  const said = refusal(() => render(helm, all));
  for (const [path] of leaves) t.match(said, placeOf(path), path);
  for (const [path, node] of every.filter((each) => !leaves.includes(each))) {
    t.throws(() => render(helm, at(path, wrong(node))), { message: placeOf(path) }, path);
  }
});

test('an unknown key is refused with its place, in every section', async (t) => {
  const helm = tool(t, 'helm');
  if (helm === undefined) return;
  const sections = every.filter(([, node]) => node.additionalProperties === false);
  t.ok(sections.length > 8, `${sections.length} sections`);
  const all = sections.reduce<object>((to, [path]) => withAt(to, `${path}.replica`, 1), {});
  const said = refusal(() => render(helm, all));
  for (const [path] of sections) {
    t.match(said, new RegExp(`${placeOf(path).source}[^\\n]*'replica'`), path);
  }
  t.throws(() => render(helm, { replica: 1 }), { message: /'replica'/ });
});

/** What helm says of values that it refuses: every place at once. @throws {Error} If it takes them. */
function refusal(take: () => unknown): string {
  try {
    take();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('not refused');
}

/** As helm tells it: `at '/image/tag'`. */
function placeOf(path: string): RegExp {
  return new RegExp(`at '/${path.replaceAll('.', '/')}'`);
}

test('every value has a sentence in the schema and a row on the page, and a default', (t) => {
  const page = readFileSync(resolve(CHART, '../../docs/chart.md'), 'utf8');
  for (const [path, { description = '', properties }] of every) {
    t.match(description, /^[A-Z].{10,}\.$|^[a-z].{10,}\.$/, path);
    if (properties !== undefined) continue;
    t.ok(page.includes(`| \`${path}\` | ${description} |`), `docs/chart.md: ${path}`);
  }
  const known = every
    .filter(([, { properties }]) => properties === undefined)
    .map(([path]) => path);
  const given = leafPaths(defaults);
  t.strictSame(
    given.filter(
      (path) => !known.includes(path) && !known.some((each) => each.startsWith(`${path}.`)),
    ),
    [],
    'values.yaml has nothing that the schema does not know',
  );
  t.end();
});

function leafPaths(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  const entries = Object.entries(value);
  if (entries.length === 0) return [path];
  return entries.flatMap(([name, child]) =>
    leafPaths(child, path === '' ? name : `${path}.${name}`),
  );
}

test('the chart makes no object twice', async (t) => {
  const helm = tool(t, 'helm');
  if (helm === undefined) return;
  const names = render(helm, { ...ON, namespace: { create: true } }).map(nameOf);
  t.strictSame(names.sort(), [...new Set(names)].sort());
});
