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
    t.equal(list.meantAsIs(base), true, base);
  }
  for (const base of ['nginx.', 'com.', 'web-0.nginx.', 'kubernetes.default.', 'nginx.job.svc.']) {
    t.equal(list.meantAsIs(base), false, base);
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
