import fc from 'fast-check';
import { test } from 'tap';
import { loadSettings } from '../../src/config/load.ts';
import { effectiveSettings, renderSettings } from '../../src/config/render-settings.ts';
import { SETTING_KEYS } from '../../src/config/schema.ts';
import { sources } from './written-sources.ts';

const render = (from: Parameters<typeof sources>[0]) => {
  const { settings, origins } = loadSettings(sources(from));
  return { settings, text: renderSettings(effectiveSettings(settings, origins)) };
};

test('each value stands with its origin', (t) => {
  const { text } = render({ yaml: 'tcp:\n  idle: 5s\n', flags: { metrics: 'off' } });
  t.match(text, /^ {2}idle: 5s +# sidestub\.yaml:2$/m);
  t.match(text, /^ {2}address: off +# --metrics$/m);
  t.match(text, /^upstreams: \[udp:\/\/10\.96\.0\.10:53\] +# default, from \/etc\/resolv\.conf$/m);
  t.match(text, /^ {2}domain: cluster\.local +# default, from search\.suffixes$/m);
  t.equal(
    text.split('\n').find((line) => line.length > 100),
    undefined,
    'fits a terminal',
  );
  t.end();
});

test('every setting is listed, in the order of the table', (t) => {
  const { settings, origins } = loadSettings(sources());
  const effective = effectiveSettings(settings, origins);
  t.same(
    effective.map(({ key }) => key),
    SETTING_KEYS,
  );
  t.match(effective[0], { value: ['127.0.0.1:53', '[::1]:53'], origin: 'default' });
  t.end();
});

test('what is printed, read as a configuration file, sets the same', (t) => {
  const label = fc.stringMatching(/^[a-z0-9-]{1,12}$/);
  const odd = fc.constantFrom(
    'a b',
    'null',
    'true',
    '1e3',
    'x:y',
    '{z',
    '[',
    '#',
    '"',
    'é',
    '\\000',
  );
  const name = fc
    .array(fc.oneof({ weight: 4, arbitrary: label }, odd), { minLength: 1, maxLength: 3 })
    .map((labels) => labels.join('.'));
  const server = fc.constantFrom(
    '10.0.0.1',
    'tcp://10.0.0.2:5353',
    '2001:db8::1',
    'udp://[fe80::1%eth0]:53',
  );
  const groups = fc.array(fc.oneof(server, fc.array(server, { minLength: 1, maxLength: 3 })), {
    minLength: 1,
    maxLength: 9,
  });
  const zones = fc.uniqueArray(label, { maxLength: 3 });
  const written = fc.record({
    listen: fc.record({
      addresses: fc.subarray(['127.0.0.1', '[::1]:53', '0.0.0.0:5353'], { minLength: 1 }),
    }),
    upstreams: groups,
    routes: fc
      .tuple(zones, groups)
      .map(([names, upstreams]) => names.map((zone) => ({ zone, upstreams }))),
    search: fc.record({
      pin: fc.array(name, { maxLength: 40 }),
      ndots: fc.nat({ max: 15 }).map(String),
    }),
    hosts: fc.constantFrom('off', '/etc/hosts', '/a b', '- x: #'),
    families: fc.record({ order: fc.constantFrom('serial', 'parallel', 'staggered:20ms') }),
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(written, (value) => {
        const first = render({ yaml: JSON.stringify(value) });
        const second = render({ yaml: first.text });
        t.strictSame(second.settings, first.settings);
        return JSON.stringify(second.settings) === JSON.stringify(first.settings);
      }),
    ),
  );
  t.end();
});
