import { test } from 'tap';
import { yamlLayer } from '../../src/config/yaml-file.ts';

const problemsOf = (text: string) =>
  yamlLayer(text, 'c.yaml').problems.map(({ place, reason }) => `${place}: ${reason}`);
const writtenIn = (text: string) =>
  yamlLayer(text, 'c.yaml').entries.map(({ key, written }) => [key, written]);

test('settings keep the text that they have in the file', (t) => {
  const text = `
tcp: { idle: 10s, maxInFlight: 0x10 }
families:
  repair: true
search:
  pin: [git.example, "no", 1e3]
hosts:
`;
  t.same(writtenIn(text), [
    ['tcp.idle', '10s'],
    ['tcp.maxInFlight', '0x10'],
    ['families.repair', 'true'],
    ['search.pin', ['git.example', 'no', '1e3']],
    ['hosts', null],
  ]);
  t.same(problemsOf(text), []);
  t.end();
});

test('a file that sets nothing is right', (t) => {
  for (const text of ['', '# nothing\n', '---\n', 'tcp:\n  # idle: 5s\n']) {
    t.same([writtenIn(text), problemsOf(text)], [[], []], JSON.stringify(text));
  }
  t.end();
});

test('a setting knows its line, and its parts know theirs', (t) => {
  const text = `upstreams:
  - 10.0.0.1
  - [10.0.0.2,
     10.0.0.3]
routes:
  - zone: a.example
    upstreams: [10.0.0.4]
    zoen: b
`;
  const [upstreams, routes] = yamlLayer(text, 'c.yaml').entries;
  t.same(upstreams?.origin, { kind: 'file', path: 'c.yaml', line: 1 });
  t.equal(upstreams?.placeOf([]), 'c.yaml:2:3');
  t.equal(upstreams?.placeOf([1, 1]), 'c.yaml:4:6');
  t.equal(routes?.placeOf([0, 'upstreams', 0]), 'c.yaml:7:17');
  t.equal(routes?.placeOf([0, 'nothing']), 'c.yaml:6:5', 'the nearest that is there');
  t.end();
});

test('unknown keys are problems, each with its place and what may have been meant (S3)', (t) => {
  const text = `upstraems: x
tcp:
  idel: 5s
  listen: x
maxInFlight: 3
10: x
`;
  t.same(problemsOf(text), [
    'c.yaml:1:1: unknown key: upstraems (did you mean upstreams?)',
    'c.yaml:3:3: unknown key: tcp.idel (did you mean idle?)',
    'c.yaml:4:3: unknown key: tcp.listen',
    'c.yaml:5:1: unknown key: maxInFlight (did you mean tcp.maxInFlight?)',
    'c.yaml:6:1: unknown key: 10',
  ]);
  t.end();
});

test('words of JavaScript are unknown keys like others', (t) => {
  t.same(problemsOf('__proto__: 1\nconstructor: {}\ntoString: 1'), [
    'c.yaml:1:1: unknown key: __proto__',
    'c.yaml:2:1: unknown key: constructor',
    'c.yaml:3:1: unknown key: toString',
  ]);
  t.end();
});

test('what is no mapping is said where it stands', (t) => {
  t.same(problemsOf('- tcp'), ['c.yaml:1:1: a list, not a mapping of settings']);
  t.same(problemsOf('tcp'), ['c.yaml:1:1: "tcp", not a mapping of settings']);
  t.same(problemsOf('tcp: 5s'), ['c.yaml:1:6: tcp is not a mapping of settings']);
  t.end();
});

test('of a text that is no YAML nothing is read, and it says where', (t) => {
  const layer = yamlLayer('tcp:\n  idle: 5s\nlisten: [::1]:53\n', 'c.yaml');
  t.match(layer, { broken: true, entries: [], problems: [{ place: /^c\.yaml:3:\d+$/ }] });
  t.match(problemsOf('tcp:\n\tidle: 5s'), [/^c\.yaml:2:1: Tabs are not allowed/]);
  t.match(problemsOf('hosts: off\n---\nhosts: off'), [/multiple documents/]);
  t.match(problemsOf('hosts: !path off'), [/^c\.yaml:1:8: Unresolved tag/]);
  t.end();
});

test('a key that stands twice is a problem; the rest is still read', (t) => {
  const text = 'hosts: a\nhosts: b\nfoo: c\n';
  t.match(problemsOf(text), [/^c\.yaml:2:1: Map keys must be unique/, /unknown key: foo/]);
  t.end();
});

test('aliases are refused, so that no file unfolds into a billion values', (t) => {
  const bomb = Array.from({ length: 30 }, (_, n) => `  - &a${n + 1} [*a${n}, *a${n}]`).join('\n');
  const layer = yamlLayer(`search:\n  pin:\n  - &a0 x\n${bomb}\n`, 'c.yaml');
  t.same(layer.entries, []);
  t.match(layer.problems[0], { place: 'c.yaml:4:10', reason: 'alias: *a0; write the value out' });
  t.end();
});

test('a file of brackets, or of a megabyte, is refused and does not exhaust the stack', (t) => {
  for (const text of ['['.repeat(50_000), '- '.repeat(50_000), `a: ${'x'.repeat(2_000_000)}`]) {
    const layer = yamlLayer(text, 'c.yaml');
    t.match(layer, { broken: true, entries: [] }, text.slice(0, 4));
    t.ok(
      layer.problems.length > 0 && layer.problems.length <= 11,
      'the first errors, and how many more',
    );
  }
  t.end();
});
