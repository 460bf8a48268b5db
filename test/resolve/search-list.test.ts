import fc from 'fast-check';
import { test } from 'tap';
import { SearchList } from '../../src/resolve/search-list.ts';
import { fitsWire, joinNames } from '../../src/wire/name.ts';

const SUFFIXES = [
  'job.svc.cluster.local.',
  'svc.cluster.local.',
  'cluster.local.',
  'corp.example.',
  '.',
];
const list = new SearchList({
  suffixes: SUFFIXES,
  zone: 'cluster.local.',
  routedZones: ['.', 'lab.example.'],
});

test('N1: the longest suffix that a name lies below makes its expansion', async (t) => {
  const cases: [string, string, string, boolean][] = [
    ['nginx.job.svc.cluster.local.', 'nginx.', 'job.svc.cluster.local.', true],
    ['nginx.other.svc.cluster.local.', 'nginx.other.', 'svc.cluster.local.', true],
    ['job.svc.cluster.local.', 'job.', 'svc.cluster.local.', true],
    ['git.example.com.cluster.local.', 'git.example.com.', 'cluster.local.', true],
    ['git.example.com.corp.example.', 'git.example.com.', 'corp.example.', false],
  ];
  for (const [qname, base, suffix, inZone] of cases) {
    t.same(list.expansionOf(qname), { base, suffix, inZone }, qname);
  }
});

test('N1: a suffix itself, and what lies below none, is no expansion; the root makes none', async (t) => {
  for (const qname of ['corp.example.', 'git.example.com.', 'notcorp.example.', '.', 'com.']) {
    t.equal(list.expansionOf(qname), undefined, qname);
  }
  t.notOk(list.suffixes.includes('.'));
});

test('N1: without a cluster zone no suffix lies in it', async (t) => {
  const plain = new SearchList({ suffixes: ['corp.example.'], zone: undefined, routedZones: [] });
  t.equal(plain.expansionOf('git.corp.example.')?.inZone, false);
  t.equal(plain.inZone('git.corp.example.'), false);
});

test('F3: what has the form of a service’s name, under the suffix of its namespace and under svc', async (t) => {
  const cases: [qname: string, isOne: boolean][] = [
    ['nginx.job.svc.cluster.local.', true],
    ['nginx.other.svc.cluster.local.', true],
    ['other.svc.cluster.local.', false],
    ['nginx.cluster.local.', false],
    ['nginx.other.job.svc.cluster.local.', false],
    ['nginx.corp.example.', false],
  ];
  for (const [qname, isOne] of cases) {
    const expansion = list.expansionOf(qname);
    if (expansion === undefined) throw new Error(qname);
    t.equal(list.isServiceName(expansion), isOne, qname);
  }
});

test('N4: the other expansions are those under every other suffix, in the order of the client', async (t) => {
  const first = list.expansionOf('git.example.com.job.svc.cluster.local.');
  if (first === undefined) throw new Error('no expansion');
  t.same(
    list.otherExpansions(first).map(({ qname, inZone }) => [qname, inZone]),
    [
      ['git.example.com.svc.cluster.local.', true],
      ['git.example.com.cluster.local.', true],
      ['git.example.com.corp.example.', false],
    ],
  );
});

/** A daemon on a node: what it knows is the list of a pod of its own, and the namespaces that it has met. */
const onNode = (suffixes: readonly string[] = SUFFIXES) =>
  new SearchList({
    suffixes,
    zone: 'cluster.local.',
    routedZones: [],
    isNamespace: (label) => label === 'dev',
  });

/** No cluster at all. */
const outside = new SearchList({
  suffixes: ['corp.example.', 'lab.example.'],
  zone: undefined,
  routedZones: [],
});

test('N1: a name that a pod of another namespace may have made is read in both ways, the likelier first', async (t) => {
  const inNamespace = (namespace: string, base: string) => [
    base,
    `${namespace}.svc.cluster.local.`,
  ];
  const underSvc = (base: string) => [base, 'svc.cluster.local.'];
  const cases: [string, string[][]][] = [
    ['a.b.team-a', [inNamespace('team-a', 'a.b.'), underSvc('a.b.team-a.')]],
    ['git.com.dev', [inNamespace('dev', 'git.com.'), underSvc('git.com.dev.')]],
    ['git.com.io', [underSvc('git.com.io.')]],
    ['api.team-a', [underSvc('api.team-a.')]],
    ['api.dev', [underSvc('api.dev.')]],
    ['git.com.job', [inNamespace('job', 'git.com.')]],
  ];
  for (const [name, readings] of cases) {
    t.same(
      onNode()
        .readingsOf(`${name}.svc.cluster.local.`)
        .map(({ base, suffix }) => [base, suffix]),
      readings,
      name,
    );
  }
  t.equal(
    list.readingsOf('git.com.dev.svc.cluster.local.').length,
    1,
    'a TLD is no namespace where nobody has met one',
  );
});

test('N1: the list of another namespace is what kubelet writes, and then what the node adds', async (t) => {
  const others = (of: SearchList, suffix: string) =>
    of.otherExpansions({ base: 'git.com.', suffix, inZone: true }).map((each) => each.suffix);
  t.same(others(onNode(), 'team-a.svc.cluster.local.'), [
    'svc.cluster.local.',
    'cluster.local.',
    'corp.example.',
  ]);
  const corporate = onNode(['corp.example.']);
  t.same(others(corporate, 'svc.cluster.local.'), ['cluster.local.', 'corp.example.']);
  const isFirst = (suffix: string) =>
    onNode().isFirstStep({ base: 'git.com.', suffix, inZone: true });
  t.equal(isFirst('team-a.svc.cluster.local.'), true);
  t.equal(isFirst('job.svc.cluster.local.'), true);
  t.equal(isFirst('svc.cluster.local.'), false);
});

test('N1: every pod searches svc.Z and Z, whether or not the list that is known names them', async (t) => {
  const suffixOf = (qname: string) => onNode(['corp.example.']).expansionOf(qname)?.suffix;
  t.equal(suffixOf('nginx.svc.cluster.local.'), 'svc.cluster.local.');
  t.equal(suffixOf('nginx.cluster.local.'), 'cluster.local.');
});

test('N1: the longest suffix wins wherever it stands in the list', async (t) => {
  const nested = new SearchList({
    suffixes: ['example.', 'corp.example.'],
    zone: undefined,
    routedZones: [],
  });
  t.equal(nested.expansionOf('git.corp.example.')?.suffix, 'corp.example.');
});

test('N7: a question is remembered as a step without its namespace, unless nothing can come after it', async (t) => {
  const node = onNode([...SUFFIXES, 'lab.example.']);
  const cases: [string, string | undefined][] = [
    ['nginx.job.svc.cluster.local.', 'nginx.*.svc.cluster.local.'],
    ['a.b.team-a.svc.cluster.local.', 'a.b.*.svc.cluster.local.'],
    ['nginx.svc.cluster.local.', 'nginx.svc.cluster.local.'],
    ['nginx.cluster.local.', 'nginx.cluster.local.'],
    ['nginx.corp.example.', 'nginx.corp.example.'],
    ['nginx.lab.example.', undefined],
    ['git.example.com.', undefined],
  ];
  for (const [qname, step] of cases) t.equal(node.stepName(qname), step, qname);
  t.equal(outside.stepName('nginx.corp.example.'), 'nginx.corp.example.');
});

test('N7: the step before is under the suffix before, and before `x.svc.Z` in a namespace, whichever', async (t) => {
  const node = onNode([...SUFFIXES, 'lab.example.']);
  const cases: [string, string[]][] = [
    ['git.corp.example.', ['git.cluster.local.']],
    ['git.lab.example.', ['git.corp.example.']],
    ['nginx.svc.cluster.local.', ['nginx.*.svc.cluster.local.']],
    ['nginx.job.svc.cluster.local.', []],
    ['nginx.cluster.local.', []],
    ['git.example.com.', []],
  ];
  for (const [qname, steps] of cases) t.same(node.precedingSteps(qname), steps, qname);
  const short = onNode(['job.svc.cluster.local.', 'corp.example.']);
  t.same(short.precedingSteps('git.corp.example.'), ['git.*.svc.cluster.local.']);
  t.same(
    onNode(['corp.example.']).precedingSteps('git.corp.example.'),
    ['git.cluster.local.'],
    'every list that the node adds to ends in Z before',
  );
  t.same(outside.precedingSteps('git.corp.example.'), []);
  t.same(outside.precedingSteps('git.lab.example.'), ['git.corp.example.']);
});

test('N7: a step that would not fit the wire was never asked', async (t) => {
  const base = `${['x', 'y', 'z'].map((letter) => letter.repeat(60)).join('.')}.${'w'.repeat(57)}.`;
  const qname = `${base}corp.example.`;
  t.ok(fitsWire(qname));
  t.same(list.precedingSteps(qname), []);
});

test('N4: an expansion that would not fit the wire is left out, as the client leaves it out', async (t) => {
  const label = 'x'.repeat(60);
  const base = `${[label, label, label].join('.')}.${'y'.repeat(50)}.com.`;
  const first = { base, suffix: 'corp.example.', inZone: false };
  t.ok(fitsWire(joinNames(base, 'corp.example.')));
  t.same(
    list.otherExpansions(first).map(({ suffix }) => suffix),
    ['cluster.local.'],
    '252 octets; the other two would have 256 and more',
  );
});

test('N4: a base is meant as it is below a TLD, in Z, in a suffix or where it has a route of its own', async (t) => {
  for (const base of [
    'git.example.com.',
    'api.dev.',
    'a.xn--p1ai.',
    'kubernetes.default.svc.cluster.local.',
    'registry.corp.example.',
    'host.lab.example.',
  ]) {
    t.equal(list.isFqdnLike(base), true, base);
  }
  for (const base of ['nginx.', 'com.', 'web-0.nginx.', 'kubernetes.default.', 'nginx.job.svc.']) {
    t.equal(list.isFqdnLike(base), false, base);
  }
});

test('N1: base and suffix make the QNAME again, and no longer suffix would', async (t) => {
  const label = fc.constantFrom('a', 'job', 'svc', 'cluster', 'local', 'corp', 'example');
  const property = fc.property(fc.array(label, { minLength: 1, maxLength: 7 }), (labels) => {
    const qname = `${labels.join('.')}.`;
    const expansion = list.expansionOf(qname);
    const below = list.suffixes.filter((suffix) => qname.endsWith(`.${suffix}`));
    if (expansion === undefined) return below.length === 0;
    return (
      joinNames(expansion.base, expansion.suffix) === qname &&
      below.every((suffix) => suffix.length <= expansion.suffix.length)
    );
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500 }));
});
