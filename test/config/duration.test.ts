import fc from 'fast-check';
import { test } from 'tap';
import { formatDuration, parseDuration } from '../../src/config/duration.ts';

test('a duration has a unit', (t) => {
  const written = { '250ms': 250, '5s': 5_000, '10m': 600_000, '2h': 7_200_000, '1d': 86_400_000 };
  for (const [text, span] of Object.entries(written)) t.equal(parseDuration(text), span, text);
  t.equal(parseDuration('0'), 0, 'nothing needs none');
  t.end();
});

test('what is no duration is named', (t) => {
  for (const text of ['10', '', 's', '-1s', '1.5s', '5 s', '5S', '1m30s', '0x1s', '١s']) {
    t.throws(() => parseDuration(text), /not a duration such as/, text);
  }
  t.end();
});

test('a formatted duration is read back', (t) => {
  t.equal(formatDuration(90_000), '90s');
  t.equal(formatDuration(0), '0s');
  const span = fc.nat({ max: 1e12 });
  t.doesNotThrow(() =>
    fc.assert(fc.property(span, (ms) => parseDuration(formatDuration(ms)) === ms)),
  );
  t.end();
});
