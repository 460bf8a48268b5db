import fc from 'fast-check';
import { test } from 'tap';
import {
  parseResolvConf,
  publishedNameserver,
  renderResolvConf,
} from '../../src/config/resolv-conf.ts';

const notesOf = (text: string) =>
  parseResolvConf(text).notes.map(({ line, text }) => `${line}: ${text}`);

test("a pod's resolv.conf is read as kubelet writes it", (t) => {
  const conf = parseResolvConf(
    'search ci.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
  );
  t.same(conf.nameservers, ['10.96.0.10']);
  t.same(conf.search, ['ci.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.']);
  t.same([...conf.options], [['ndots', '5']]);
  t.same(conf.notes, []);
  t.end();
});

test('CR LF is read, and noted once: glibc takes the CR for part of the value', (t) => {
  const read = parseResolvConf('# a\nnameserver 10.0.0.1\r\nsearch a.example\r\n');
  t.same(read.search, ['a.example.']);
  t.match(read.notes, [{ line: 2, text: /^ends with CR LF: glibc takes the CR/ }]);
  t.equal(read.notes.length, 1);
  t.end();
});

test('comments, blank lines, tabs and CRLF are no values', (t) => {
  const conf = parseResolvConf(
    '# a\r\n;b\r\n\r\n \t\r\nnameserver\t10.0.0.1\r\nsearch\t A.example.  b.example \r\noptions edns0\ttimeout:2 attempts:3\r\n',
  );
  t.same(conf.nameservers, ['10.0.0.1']);
  t.same(conf.search, ['a.example.', 'b.example.']);
  t.same(
    [...conf.options],
    [
      ['edns0', ''],
      ['timeout', '2'],
      ['attempts', '3'],
    ],
  );
  t.same(
    conf.notes.map(({ line }) => line),
    [5],
    'only the CR is noted',
  );
  t.end();
});

test('the last search or domain wins', (t) => {
  t.same(parseResolvConf('search a\nsearch b c').search, ['b.', 'c.']);
  t.same(parseResolvConf('search a\ndomain d e').search, ['d.'], 'domain has one value');
  t.same(parseResolvConf('domain d\nsearch a b').search, ['a.', 'b.']);
  t.same(parseResolvConf('search a\nsearch').search, [], 'an empty one too');
  t.same(parseResolvConf('search .').search, ['.']);
  t.end();
});

test('options add up, and the last of equal ones counts', (t) => {
  const { options } = parseResolvConf('options ndots:5 rotate\noptions ndots:2');
  t.same(
    [...options],
    [
      ['ndots', '2'],
      ['rotate', ''],
    ],
  );
  t.end();
});

test('a blank before the number of an option: read as glibc does, noted, and published without', (t) => {
  const conf = parseResolvConf('options ndots: 5 timeout:  2 rotate attempts:\n');
  t.same(
    [...conf.options],
    [
      ['ndots', '5'],
      ['timeout', '2'],
      ['rotate', ''],
      ['attempts', ''],
    ],
  );
  t.same(
    conf.notes.map(({ text }) => text),
    [
      'a blank before the value of ndots: glibc reads 5, musl ignores it',
      'a blank before the value of timeout: glibc reads 2, musl ignores it',
    ],
  );
  const published = renderResolvConf(conf, { address: '127.0.0.1', port: 53 });
  t.match(published, /^options ndots:5 timeout:2 rotate attempts$/m);
  t.end();
});

test('an option with a number and no colon is ignored, as libc does', (t) => {
  const conf = parseResolvConf('options ndots 5\noptions ndots:2 ndots');
  t.same(
    [...conf.options],
    [
      ['5', ''],
      ['ndots', '2'],
    ],
  );
  t.same(
    conf.notes.map(({ line, text }) => `${line}: ${text}`),
    [
      '1: ignored, as libc does: ndots without a colon; it is written ndots:5',
      '2: ignored, as libc does: ndots without a colon; it is written ndots:5',
    ],
  );
  t.end();
});

test('IPv6 nameservers may have a zone', (t) => {
  const { nameservers, notes } = parseResolvConf('nameserver fe80::1%eth0\nnameserver 2001:db8::1');
  t.same(nameservers, ['fe80::1%eth0', '2001:db8::1']);
  t.same(notes, []);
  t.end();
});

test('more nameservers than libc asks are kept and noted once (M1)', (t) => {
  const text = [1, 2, 3, 4, 5].map((n) => `nameserver 10.0.0.${n}`).join('\n');
  t.equal(parseResolvConf(text).nameservers.length, 5);
  t.same(notesOf(text), ['4: more than 3 nameservers: libc never asks this one']);
  t.end();
});

test('what libc passes over in silence is noted with its line', (t) => {
  const cases: [string, string][] = [
    ['  nameserver 10.0.0.1', '1: ignored, as libc does: it begins with white space'],
    ['nameserver dns.example', '1: nameserver is not an address: dns.example'],
    ['nameserver', '1: nameserver is not an address: '],
    [
      'nameserver [::1]:53',
      '1: nameserver is not an address: [::1]:53: no port can stand here; --upstream [::1]:53 takes one',
    ],
    [
      'nameserver 10.0.0.10:53',
      '1: nameserver is not an address: 10.0.0.10:53: no port can stand here; --upstream 10.0.0.10:53 takes one',
    ],
    [
      '\ufeffnameserver 10.0.0.10',
      '1: ignored, as libc does: it begins with a byte order mark (U+FEFF)',
    ],
    ['nameserver\u00a010.0.0.10', '1: unknown keyword: nameserver<U+00A0>10.0.0.10'],
    ['namesever 10.0.0.1', '1: unknown keyword: namesever'],
    ['search a..b c', '1: suffix left out: empty label in name: a..b'],
  ];
  for (const [text, note] of cases) {
    t.same(notesOf(text), [note], text);
    t.same(parseResolvConf(text).nameservers, [], text);
  }
  t.same(notesOf('sortlist 10.0.0.0/8'), [], 'an order of addresses is no matter of DNS');
  t.end();
});

test('a comment behind values ends them, and is noted', (t) => {
  const { search, notes } = parseResolvConf('search a.example # and b.example');
  t.same(search, ['a.example.']);
  t.equal(notes.length, 1);
  t.end();
});

test('a line that musl ignores is kept and noted (M1)', (t) => {
  const suffixes = Array.from({ length: 20 }, (_, index) => `suffix-${index}.example`);
  const { search, notes } = parseResolvConf(`search ${suffixes.join(' ')}`);
  t.equal(search.length, 20);
  t.match(notes, [{ line: 1, text: /musl ignores the whole line/ }]);
  t.end();
});

test('no text makes the parser fail or take what is no address', (t) => {
  const word = fc.oneof(
    fc.constantFrom(
      'nameserver',
      'search',
      'domain',
      'options',
      '#',
      ';',
      '.',
      '::1',
      '10.0.0.1',
      'é',
      '\ud800',
    ),
    fc.string({ unit: 'binary-ascii', maxLength: 20 }),
  );
  const line = fc.array(word).map((words) => words.join(' '));
  const text = fc.array(line).map((lines) => lines.join('\n'));
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(text, (written) =>
        parseResolvConf(written).nameservers.every((address) =>
          /^[0-9a-f:.]+(%.+)?$/i.test(address),
        ),
      ),
    ),
  );
  t.end();
});

test('the published file names us alone and keeps search and options (M1)', (t) => {
  const original = parseResolvConf(
    'nameserver 10.96.0.10\nnameserver 10.96.0.11\nsearch a.example b.example\noptions ndots:5 edns0\n',
  );
  const published = renderResolvConf(original, { address: '127.0.0.1', port: 53 });
  const conf = parseResolvConf(published);
  t.same(conf.nameservers, ['127.0.0.1']);
  t.same(conf.search, original.search);
  t.same([...conf.options], [...original.options]);
  t.match(published, /^search a\.example b\.example$/m, 'as libc wants it, without last dots');
  t.end();
});

test('an empty search list stays empty', (t) => {
  const bare = renderResolvConf(parseResolvConf(''), { address: '::1', port: 53 });
  t.notMatch(bare, /search|options/);
  const root = renderResolvConf(parseResolvConf('search .'), { address: '::1', port: 53 });
  t.match(root, /^search \.$/m, 'glibc would take one from the host name');
  t.end();
});

test('only a listener on port 53 can be published', (t) => {
  const at = (address: string, port: number) => ({ address, port });
  t.same(publishedNameserver([at('127.0.0.1', 5353), at('::1', 53)]), at('::1', 53));
  t.same(publishedNameserver([at('0.0.0.0', 53)]), at('127.0.0.1', 53), 'a wildcard is no address');
  t.equal(publishedNameserver([at('127.0.0.1', 5353)]), undefined);
  t.end();
});
