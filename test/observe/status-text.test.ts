import { test } from 'tap';
import { count, duration, octets, perSecond, share } from '../../src/observe/status-text.ts';

/** As it is read; no line ends between a number and its unit. */
const plain = (text: string) => text.replaceAll(/[\u00a0\u202f]/g, ' ');

test('spans are told in the unit that a person would use', (t) => {
  for (const [seconds, text] of [
    [undefined, '–'],
    [0, '0 ms'],
    [0.000_25, '250 µs'],
    [0.0421, '42.1 ms'],
    [0.999, '999 ms'],
    [1.25, '1.3 s'],
    [90, '90 s'],
    [600, '10 min'],
    [7_300, '2 h'],
    [200_000, '2 d'],
  ] as const) {
    t.equal(plain(duration(seconds)), text);
  }
  t.end();
});

test('numbers are short, and long ones have their thousands apart', (t) => {
  t.strictSame([count(7), count(1234), count(1234567)].map(plain), ['7', '1 234', '1 234 567']);
  t.strictSame([perSecond(5, 10), perSecond(12_345, 10)].map(plain), ['0.5/s', '1 235/s']);
  t.strictSame([share(1, 3), share(0, 0), share(2, 2)].map(plain), ['33.3 %', '–', '100 %']);
  t.strictSame([octets(0), octets(1_536), octets(2 ** 40)].map(plain), [
    '0 B',
    '1.5 KiB',
    '1 024 GiB',
  ]);
  t.end();
});
