import { test } from 'tap';
import tlds from 'tlds' with { type: 'json' };
import { isIanaTld } from '../../src/resolve/iana-tlds.ts';

test('N4: a TLD is told by its label as it stands on the wire', async (t) => {
  for (const label of ['com', 'dev', 'io', 'ai', 'de', 'museum', 'prod', 'zone']) {
    t.equal(isIanaTld(label), true, label);
  }
  for (const label of [
    'svc',
    'local',
    'internal',
    'nginx',
    'staging',
    'default',
    'corp',
    '',
    'COM',
  ]) {
    t.equal(isIanaTld(label), false, label);
  }
});

test('N4: internationalised TLDs are known as A-labels (RFC 5890)', async (t) => {
  for (const label of ['xn--p1ai', 'xn--fiqs8s', 'xn--vermgensberatung-pwb', 'xn--mgbaam7a8h']) {
    t.equal(isIanaTld(label), true, label);
  }
  for (const label of ['рф', 'vermögensberatung']) {
    t.equal(isIanaTld(label), false, `no U-label ever comes over the wire: ${label}`);
  }
  const other = tlds.filter((tld: string) => !/^[a-z]+$/.test(tld));
  t.ok(other.length > 100, `${other.length} of them in the list`);
});
