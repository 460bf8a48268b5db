import { test } from 'tap';
import { defaultOf } from '../../src/config/chosen-values.ts';
import { publicTlds } from '../../src/config/public-tlds.ts';
import { environmentName, SETTING_KEYS, settingOf, settingTable } from '../../src/config/schema.ts';

test('every default that the table states can be set', (t) => {
  for (const key of SETTING_KEYS) {
    if ('written' in settingOf(key).default) t.doesNotThrow(() => defaultOf(key), key);
  }
  t.end();
});

test('a default is formatted as the table writes it', (t) => {
  for (const key of SETTING_KEYS) {
    const setting = settingOf(key);
    if ('written' in setting.default) {
      t.same(setting.kind.format(defaultOf(key)), setting.default.written, key);
    }
  }
  t.end();
});

test('every setting has a variable and a flag of its own', (t) => {
  const variables = SETTING_KEYS.map(environmentName);
  t.equal(new Set(variables).size, SETTING_KEYS.length);
  t.equal(
    environmentName('tcp.maxConnectionsPerClient'),
    'SIDESTUB_TCP_MAX_CONNECTIONS_PER_CLIENT',
  );
  const flags = SETTING_KEYS.flatMap((key) => settingOf(key).flag?.name ?? []);
  t.equal(new Set(flags).size, flags.length);
  t.end();
});

test('every setting says in one line what it means and what it allows', (t) => {
  for (const key of SETTING_KEYS) {
    const { meaning, kind } = settingOf(key);
    t.match(meaning, /^[^\n]{10,100}[^.\n]$/, key);
    t.not(kind.allowed, '', key);
  }
  t.equal(settingTable['tcp.idle'].kind.allowed, 'duration, 100ms to 1h');
  t.end();
});

test('public are the generic labels and the country codes, but for words of the trade (N4)', (t) => {
  const labels = publicTlds();
  for (const label of ['com', 'io', 'de', 'uk', 'jp']) t.ok(labels.includes(label), label);
  for (const label of [
    'ai',
    'ci',
    'qa',
    'me',
    'in',
    'is',
    'it',
    'to',
    'at',
    'be',
    'no',
    'so',
    'us',
    'my',
  ]) {
    t.notOk(labels.includes(label), label);
  }
  t.notOk(labels.includes('dev'), 'a namespace is often called so');
  t.equal(labels.filter((label) => label === 'io').length, 1, 'io is both');
  t.end();
});
