import { join } from 'node:path';
import { test } from 'tap';
import { fillRandom, randomHex, randomOctets, randomUint16 } from '../src/random.ts';

test('octets are handed out once', async (t) => {
  const seen = new Set(Array.from({ length: 2_000 }, () => randomHex(8)));
  t.equal(seen.size, 2_000, 'also across reads of the device');
});

test('as many as were asked for', async (t) => {
  t.equal(randomOctets(0).length, 0);
  t.equal(randomOctets(5).length, 5);
  t.equal(randomOctets(4_096).length, 4_096, 'a whole read');
  t.match(randomHex(16), /^[0-9a-f]{32}$/);
});

test('every value of an octet comes', async (t) => {
  const seen = new Set(Array.from({ length: 4 }, () => [...randomOctets(4_096)]).flat());
  t.equal(seen.size, 256);
});

test('numbers of 16 bits are spread over all that there are', async (t) => {
  const numbers = Array.from({ length: 20_000 }, randomUint16);
  t.ok(numbers.every((number) => Number.isInteger(number) && number >= 0 && number < 0x10000));
  t.equal(new Set(numbers.map((number) => number >> 8)).size, 256, 'the high octet');
  t.equal(new Set(numbers.map((number) => number & 0xff)).size, 256, 'the low octet');
});

test('without the device they come from OpenSSL', async (t) => {
  const missing = fillRandom(new Uint8Array(64), join(t.testdir(), 'urandom'));
  t.ok(missing.some((octet) => octet !== 0));
});

test('a file in the place of the device is not believed', async (t) => {
  const folder = t.testdir({ urandom: '\0'.repeat(64), empty: '' });
  for (const name of ['urandom', 'empty']) {
    const octets = fillRandom(new Uint8Array(64), join(folder, name));
    t.ok(
      octets.some((octet) => octet !== 0),
      name,
    );
  }
  // A device that gives nothing.
  const nothing = fillRandom(new Uint8Array(64), '/dev/null');
  t.ok(nothing.some((octet) => octet !== 0));
});
