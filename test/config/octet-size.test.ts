import fc from 'fast-check';
import { test } from 'tap';
import { formatSize, parseSize } from '../../src/config/octet-size.ts';

test('a size counts in powers of 1024', (t) => {
  const written = { '512B': 512, '16KiB': 16_384, '16MiB': 16_777_216, '1GiB': 1_073_741_824 };
  for (const [text, octets] of Object.entries(written)) t.equal(parseSize(text), octets, text);
  t.end();
});

test('a size that could mean two things, or none, is refused', (t) => {
  for (const text of ['16MB', '16M', '16', '16mib', '', '-1MiB', '1.5GiB', '1 GiB']) {
    t.throws(() => parseSize(text), /not a size such as/, text);
  }
  t.end();
});

test('a formatted size is read back', (t) => {
  t.equal(formatSize(1_572_864), '1536KiB');
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.nat({ max: 1e12 }), (octets) => parseSize(formatSize(octets)) === octets),
    ),
  );
  t.end();
});
