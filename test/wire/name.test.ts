import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'tap';
import {
  canonicalName,
  countLabels,
  encodeName,
  fitsWire,
  isAtOrBelow,
  joinNames,
  labelsOf,
  lastLabel,
  parseName,
  readName,
  relativeTo,
  sameName,
  skipName,
} from '../../src/wire/name.ts';
import { WireError } from '../../src/wire/wire-error.ts';
import { labels, octets, wireName, wireOf } from './arbitraries.ts';
import { viewOrWireError } from './view-or-wire-error.ts';

/** What RFC 4343 §3 calls equal: ASCII letters without case, every other octet as it is. */
const folded = (name: Uint8Array) =>
  Array.from(name, (octet) => (octet >= 65 && octet <= 90 ? octet + 32 : octet)).join();

/** The name of these labels, canonical. */
const nameOf = (list: readonly Uint8Array[]) => canonicalName(wireOf(list));

/** Two of these together are about as long as a name may be. */
const longLabels = fc.array(fc.uint8Array({ minLength: 20, maxLength: 63 }), { maxLength: 3 });

const labelText = (octet: Uint8Array) => labelsOf(nameOf([octet]))[0] ?? '';

test('any octets at any offset are a name or a WireError', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(octets(), fc.nat(310), (packet, offset) => {
        viewOrWireError(() => skipName(packet, offset));
        viewOrWireError(() => readName(packet, offset));
      }),
    ),
  );
  t.end();
});

test('a name is read as it was written, and skipped to its end', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(octets(20), wireName, octets(20), (before, name, after) => {
        const packet = Uint8Array.from([...before, ...name, ...after]);
        assert.deepEqual(readName(packet, before.length), name);
        assert.equal(skipName(packet, before.length), before.length + name.length);
      }),
    ),
  );
  t.end();
});

test('whatever readName accepts fits 255 octets and reads back as itself', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      // Short octets, mostly small: labels, roots and pointers among themselves rather than noise.
      fc.property(fc.array(fc.oneof(fc.nat(5), fc.nat(255)), { maxLength: 40 }), (packet) => {
        const offset = packet.length >> 1;
        const name = viewOrWireError(() => readName(Uint8Array.from(packet), offset));
        fc.pre(name !== undefined);
        assert.ok(name.length <= 255);
        assert.deepEqual(readName(name, 0), name);
      }),
    ),
  );
  t.end();
});

test('a name in parts is read through its pointers', (t) => {
  // c. at 0, b.c. at 3, a.b.c. at 7
  const packet = Uint8Array.of(1, 0x63, 0, 1, 0x62, 0xc0, 0, 1, 0x41, 0xc0, 3);
  t.equal(canonicalName(readName(packet, 7)), 'a.b.c.');
  t.same(readName(packet, 7), encodeName('A.b.c.'), 'case is kept');
  t.equal(skipName(packet, 7), 11, 'a pointer ends a name');
  t.end();
});

test('pointers lead strictly backwards, so that nothing loops (RFC 9267 §2)', (t) => {
  const read = (packet: number[], offset: number) => () =>
    readName(Uint8Array.from(packet), offset);
  t.throws(read([0xc0, 0], 0), /does not lead backwards/, 'to itself');
  t.throws(read([0xc0, 2, 0xc0, 0], 0), /does not lead backwards/, 'forwards');
  t.throws(read([0xc0, 2, 0xc0, 0], 2), /does not lead backwards/, 'a loop of two');
  t.throws(read([1, 0x61, 0xc0, 0], 0), /does not lead backwards/, 'to the start of its own part');
  t.throws(read([2, 1, 0x61, 0xc0, 1], 0), /does not lead backwards/, 'into its own part');
  t.throws(read([0, 0xc0], 1), WireError, 'cut off');
  t.throws(read([0, 0xff, 0xff], 1), WireError, 'past the message');
  t.end();
});

test('what cannot be read says where, and what is wrong with it', async (t) => {
  const at9 = (...name: number[]) => Uint8Array.from([...new Uint8Array(9), ...name]);
  for (const [name, read, skipped] of [
    [[], 'name at 9 runs past the message', 'name at 9 runs past the message'],
    [[1, 0x61], 'name at 11 runs past the message', 'name at 9 runs past the message'],
    [[2, 0x61], 'label at 9 runs past the message', 'name at 9 runs past the message'],
    [[0xc0], 'pointer at 9 runs past the message', 'pointer at 9 runs past the message'],
    [[0x40, 0], 'reserved label type at 9: 64', 'reserved label type at 9: 64'],
    [[0xbf, 0], 'reserved label type at 9: 191', 'reserved label type at 9: 191'],
  ] as const) {
    const packet = at9(...name);
    t.throws(() => readName(packet, 9), new WireError(read), read);
    t.throws(() => skipName(packet, 9), new WireError(skipped), skipped);
  }
  const onward = new WireError('pointer at 11 does not lead backwards: 9');
  t.throws(() => readName(at9(1, 0x61, 0xc0, 9), 9), onward);
});

test('a name is skipped wherever it stands', async (t) => {
  for (const offset of [0, 12, 254, 255, 300, 0x4000]) {
    const packet = Uint8Array.from([...new Uint8Array(offset), 1, 0x61, 0]);
    t.equal(skipName(packet, offset), offset + 3, `at ${offset}`);
  }
});

test('a name may follow 127 pointers, and no more', (t) => {
  // The root at 0, then pointers in a row, each to the one before it.
  const chain = (count: number) => {
    const packet = [0];
    for (let i = 0; i < count; i++) {
      const to = Math.max(0, packet.length - 2);
      packet.push(0xc0 | (to >> 8), to & 0xff);
    }
    return Uint8Array.from(packet);
  };
  t.same(readName(chain(127), 2 * 126 + 1), Uint8Array.of(0));
  t.throws(() => readName(chain(128), 2 * 127 + 1), /more than 127 pointers/);
  t.end();
});

test('64 KiB of pointers cost a bounded number of steps, wherever the reader starts', (t) => {
  let reads = 0;
  const packet = Uint8Array.from({ length: 0x10000 }, (_, at) => {
    const to = at < 2 ? 0 : Math.min(0x3fff, (at & ~1) - 2);
    return at % 2 === 0 ? 0xc0 | (to >> 8) : to & 0xff;
  });
  // Counts what is read rather than the time it takes: a machine's load says nothing about the reader.
  const counted = new Proxy(packet, {
    get: (target, key) => {
      if (typeof key === 'string' && /^\d+$/.test(key)) reads++;
      return Reflect.get(target, key, target);
    },
  });
  for (let offset = 0; offset < 0x10000; offset += 0x100) {
    t.throws(() => readName(counted, offset), WireError);
  }
  t.ok(reads < 256 * 128 * 8, `${reads} octets read for 256 names`);
  t.end();
});

test('a label has at most 63 octets, a name at most 255', (t) => {
  const long = (last: number) => [...Array.from({ length: 3 }, () => 63), last].map(label);
  const label = (length: number) => new Uint8Array(length).fill(0x61);
  const name255 = wireOf(long(61));
  const name256 = wireOf(long(62));
  t.equal(name255.length, 255);
  t.same(readName(name255, 0), name255);
  t.equal(skipName(name255, 0), 255);
  t.throws(() => readName(name256, 0), /longer than 255/);
  t.throws(() => skipName(name256, 0), /longer than 255/);
  t.equal(encodeName('a'.repeat(63)).length, 65);
  const label64 = 'a'.repeat(64);
  const tooLong = new WireError(`label longer than 63 octets in name: ${label64}`);
  t.throws(() => encodeName(label64), tooLong);
  const text = (last: number) =>
    long(last)
      .map((part) => 'a'.repeat(part.length))
      .join('.');
  t.equal(encodeName(text(61)).length, 255);
  t.throws(
    () => encodeName(text(62)),
    new WireError(`name is longer than 255 octets: ${text(62)}`),
  );
  t.throws(() => encodeName('a.'.repeat(1_000)), /longer than 255/, 'by far');
  for (const reserved of [0x40, 0x80, 0xbf]) {
    t.throws(() => readName(Uint8Array.of(reserved, 0), 0), /reserved label type/);
    t.throws(() => skipName(Uint8Array.of(reserved, 0), 0), /reserved label type/);
  }
  t.end();
});

test('a long name stays within 255 octets through a pointer too', (t) => {
  const label = new Uint8Array(63).fill(0x61);
  const suffix = wireOf([label, label, label]);
  const behind = (length: number) =>
    Buffer.concat([suffix, Uint8Array.of(length), new Uint8Array(length), Uint8Array.of(0xc0, 0)]);
  t.equal(readName(behind(61), suffix.length).length, 255);
  t.throws(() => readName(behind(62), suffix.length), /longer than 255/);
  t.end();
});

test('canonical names are equal where the octets are, up to the case of ASCII letters (RFC 4343)', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(wireName, wireName, (a, b) => {
        const same = folded(a) === folded(b);
        assert.equal(canonicalName(a) === canonicalName(b), same);
        assert.equal(sameName(a, b), same);
        assert.ok(sameName(a, Uint8Array.from(Buffer.from(folded(a).split(',').map(Number)))));
      }),
    ),
  );
  t.notOk(sameName(Uint8Array.of(1, 0xc1, 0), Uint8Array.of(1, 0xe1, 0)), 'Latin-1 has no case');
  const label = (text: string) => Uint8Array.from(Buffer.from(`\x02${text}\0`, 'latin1'));
  t.ok(sameName(label('AZ'), label('az')));
  t.notOk(sameName(label('@@'), label('``')), 'what stands before A has no case');
  t.notOk(sameName(label('[['), label('{{')), 'nor what stands behind Z');
  t.end();
});

test('the canonical form is printable ASCII, and encodes to the same name', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(wireName, (name) => {
        const canonical = canonicalName(name);
        assert.match(canonical, /^[!-~]+$/);
        assert.equal(folded(encodeName(canonical)), folded(name));
        assert.equal(parseName(canonical), canonical);
      }),
    ),
  );
  t.end();
});

test('what is neither printable nor plain in a label is written in three digits', async (t) => {
  const all = Array.from({ length: 256 }, (_, octet) => octet);
  const escaped = all.map((octet) => `\\${String(octet).padStart(3, '0')}`);
  const expected = escaped.map((digits, octet) => {
    const character = String.fromCharCode(octet);
    return /[!-~]/.test(character) && !/[.\\]/.test(character) ? character.toLowerCase() : digits;
  });
  t.same(
    all.map((octet) => canonicalName(Uint8Array.of(1, octet, 0))),
    expected.map((label) => `${label}.`),
  );
  t.same(
    escaped.map((digits) => [...encodeName(digits)]),
    all.map((octet) => [1, octet, 0]),
    'and read from them',
  );
});

test('canonicalName starts where it is told', (t) => {
  t.equal(canonicalName(Uint8Array.of(9, 9, 1, 0x41, 0), 2), 'a.');
  t.end();
});

test('presentation form: escapes, the last dot, and what is refused (RFC 1035 §5.1)', (t) => {
  t.equal(parseName('WWW.Example'), 'www.example.');
  t.same(encodeName('WWW.Example.'), encodeName('WWW.Example'));
  t.same(encodeName('aB'), Uint8Array.of(2, 0x61, 0x42, 0), 'case is kept');
  t.equal(parseName('.'), '.');
  t.equal(parseName(''), '.');
  t.equal(parseName('a\\.b.c'), 'a\\046b.c.');
  t.equal(parseName('a\\046b.c'), 'a\\046b.c.');
  t.equal(parseName('\\\\'), '\\092.');
  t.equal(parseName('\\065'), 'a.', 'an escape is no way around case');
  t.equal(parseName('\u00e9'), '\\195\\169.', 'text is UTF-8');
  for (const other of ['/', ':', 'x', '-']) {
    t.equal(parseName(`a\\${other}b`), `a${other}b.`, 'what is no digit stands for itself');
  }
  for (const bad of ['..', '.a', 'a..b', 'a..']) {
    t.throws(() => encodeName(bad), new WireError(`empty label in name: ${bad}`));
  }
  for (const bad of ['\\', 'a\\', '\\0', '\\1', '\\12.', '\\9a9', '\\9']) {
    t.throws(() => encodeName(bad), new WireError(`escape cut off in name: ${bad}`));
  }
  t.throws(() => encodeName('\\256'), new WireError('escape \\256 in name: \\256'));
  t.end();
});

test('the root has no labels', async (t) => {
  t.same(labelsOf('.'), []);
  t.equal(countLabels('.'), 0);
  t.equal(lastLabel('.'), '');
});

test('names agree with a list of labels', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(labels, labels, (front, back) => {
        const all = [...front, ...back];
        const [name, zone] = [nameOf(all), nameOf(back)];
        assert.deepEqual(labelsOf(name), all.map(labelText));
        assert.equal(countLabels(name), all.length);
        assert.ok(isAtOrBelow(name, zone));
        assert.equal(relativeTo(name, zone), nameOf(front));
        assert.equal(joinNames(nameOf(front), zone), name);
        assert.equal(lastLabel(name), labelsOf(name).at(-1) ?? '');
      }),
    ),
  );
  t.end();
});

test('isAtOrBelow compares whole labels', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(labels, labels, (list, zone) => {
        const tail = list.slice(Math.max(0, list.length - zone.length));
        const below = folded(wireOf(tail)) === folded(wireOf(zone));
        assert.equal(isAtOrBelow(nameOf(list), nameOf(zone)), below);
      }),
    ),
  );
  t.notOk(isAtOrBelow('notexample.com.', 'example.com.'));
  t.notOk(isAtOrBelow('a\\046com.', 'com.'), 'a dot inside a label separates nothing');
  t.end();
});

test('fitsWire says what 255 octets hold', (t) => {
  const label = `${'a'.repeat(49)}.`;
  // 5 × 50 octets, the last label, and the root.
  t.ok(fitsWire(`${label.repeat(5)}abc.`));
  t.notOk(fitsWire(`${label.repeat(5)}abcd.`));
  t.ok(fitsWire(`${label.repeat(5)}a\\046c.`), 'an escape is one octet');
  t.notOk(fitsWire(`${label.repeat(5)}a\\046cd.`));
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(longLabels, longLabels, (front, back) => {
        const wire = wireOf([...front, ...back]);
        assert.equal(fitsWire(joinNames(nameOf(front), nameOf(back))), wire.length <= 255);
      }),
    ),
  );
  t.end();
});
