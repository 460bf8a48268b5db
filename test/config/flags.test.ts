import { test } from 'tap';
import { configurationFlags, flagLayer } from '../../src/config/flags.ts';

test('the flags are those of the design', (t) => {
  t.same(Object.keys(configurationFlags()).toSorted(), [
    'config',
    'listen',
    'metrics',
    'publish-resolv-conf',
    'resolv-conf',
    'upstream',
  ]);
  t.match(configurationFlags(), { listen: { multiple: true }, upstream: { multiple: true } });
  t.match(configurationFlags(), { metrics: { multiple: undefined } });
  t.end();
});

test('a repeated flag is a list in its order', (t) => {
  const { entries } = flagLayer({ upstream: ['10.0.0.1,10.0.0.2', '10.0.0.3'], verbose: true });
  t.match(entries, [{ key: 'upstreams', written: '10.0.0.1,10.0.0.2 10.0.0.3' }]);
  t.equal(entries.length, 1, 'flags of a command are passed over');
  t.equal(entries[0]?.placeOf([0]), '--upstream');
  t.end();
});
