import fc from 'fast-check';
import { test } from 'tap';
import {
  hostName,
  pin,
  UrlParameters,
  writeParameters,
} from '../../src/upstream/url-parameters.ts';

const BASE = 'tls://192.0.2.53:853';
const read = (query: string, keys = ['name', 'pin']) => new UrlParameters(BASE, query, keys);
const upper = (value: string) => value.toUpperCase();

test('each parameter is read by its key, as often as it is there', (t) => {
  const given = read('pin=a&name=b&pin=c');
  t.equal(given.one('name', upper), 'B');
  t.same(given.all('pin', upper), ['A', 'C']);
  t.equal(read('pin=a').one('name', upper), undefined);
  t.same(read('').all('pin', upper), []);
  t.end();
});

test('a value is all behind the first equals sign, decoded, and a plus sign is one', (t) => {
  t.equal(read('name=a=b').one('name', String), 'a=b');
  t.equal(read('name=a+b%2C%C3%A4').one('name', String), 'a+b,ä');
  t.equal(read('name=a\nb').one('name', String), 'a\nb');
  t.end();
});

test('what is unknown, twice, without a value or badly encoded is refused', (t) => {
  const unknown = (key: string) =>
    new Error(`upstream parameter is not one of name, pin: ${key}, ${BASE}`);
  t.throws(() => read('nam=x'), unknown('nam'));
  t.throws(() => read('name=x&'), unknown(''));
  for (const query of ['name=', 'name', 'name=%zz', 'name=%ff']) {
    const message = `upstream parameter name has no readable value: ${BASE}`;
    t.throws(() => read(query), new Error(message), query);
  }
  t.throws(
    () => read('name=a&name=b').one('name', String),
    new Error(`upstream parameter name is there twice: ${BASE}`),
  );
  t.end();
});

test('who cannot read a value says why', (t) => {
  const refuse = (reason: unknown) => () => {
    throw reason;
  };
  const refused = new Error('upstream parameter name is not mine: x');
  t.throws(() => read('name=x').one('name', refuse(new Error('not mine'))), refused);
  t.throws(() => read('name=x').one('name', refuse('not mine')), refused);
  t.end();
});

test('what is written is read back, without white space or commas in it', (t) => {
  t.equal(writeParameters({}), '');
  t.equal(writeParameters({ name: undefined, pin: [] }), '');
  t.equal(
    writeParameters({ name: '/a/b:c@d=e+f', ca: undefined, pin: ['1', '2'] }),
    '?name=/a/b:c@d=e+f&pin=1&pin=2',
  );
  t.equal(writeParameters({ name: 'a b,c&d' }), '?name=a%20b%2Cc%26d');
  const value = fc.string({ minLength: 1, unit: 'grapheme' });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(value, fc.array(value), (name, pins) => {
        const written = writeParameters({ name, pin: pins });
        const given = read(written.slice(1));
        const same = JSON.stringify(given.all('pin', String)) === JSON.stringify(pins);
        return same && given.one('name', String) === name && !/[\s,]/.test(written);
      }),
    ),
  );
  t.end();
});

test('a host name has letters, digits, hyphens and underscores, and no digit first in its last label', (t) => {
  const longest = `${`${'a'.repeat(61)}.`.repeat(4)}${'b'.repeat(5)}`;
  const names: [string, string][] = [
    ['DNS.Example', 'dns.example'],
    ['dns.example.', 'dns.example'],
    ['a', 'a'],
    ['a-b.c-d', 'a-b.c-d'],
    ['_dns.1and1.example', '_dns.1and1.example'],
    ['xn--p1ai', 'xn--p1ai'],
    ['10.0.0.x1', '10.0.0.x1'],
    [`${'a'.repeat(63)}.${'b'.repeat(63)}`, `${'a'.repeat(63)}.${'b'.repeat(63)}`],
    [longest, longest],
  ];
  t.equal(longest.length, 253);
  for (const [written, name] of names) t.equal(hostName(written), name, written);
  const none = [
    '',
    '.',
    '10.0.0.1',
    'a..b',
    '.a',
    'a..',
    '-a',
    'a-',
    '-a.b',
    'a-.b',
    'a_',
    'a b',
    ' a',
    'a ',
    'a\n',
    'ä.example',
    'a.1b',
    `${'a'.repeat(64)}.b`,
    `a.${'b'.repeat(64)}`,
    `a${longest}`,
  ];
  for (const written of none) {
    t.throws(() => hostName(written), new Error('not a host name'), JSON.stringify(written));
  }
  t.end();
});

test('a pin is sha256/ and 44 characters of base64 (RFC 7858 §4.2)', (t) => {
  const base64 = `${'aZ0/+'.repeat(8)}abc=`;
  t.equal(pin(`sha256/${base64}`), base64);
  for (const written of [
    base64,
    `sha1/${base64}`,
    ` sha256/${base64}`,
    `sha256/${base64} `,
    `sha256/a${base64}`,
    `sha256/${base64.slice(1)}`,
    `sha256/${base64.replace('=', 'a')}`,
    `sha256/-${base64.slice(1)}`,
  ]) {
    const message = 'not sha256/ with 44 characters of base64';
    t.throws(() => pin(written), new Error(message), written);
  }
  t.end();
});
