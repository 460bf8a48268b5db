import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'tap';
import { Deframer, frame } from '../../src/wire/frame.ts';
import { WireError } from '../../src/wire/wire-error.ts';

/** The stream cut into pieces of these sizes, over and over. */
function* cut(stream: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < stream.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield stream.subarray(at, at + size);
    at += size;
  }
}

const messages = fc.array(
  fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 500, maxLength: 3_000 })),
  { maxLength: 6 },
);

test('however a stream is cut, the same messages come out (RFC 7766 §8)', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        messages,
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }),
        (sent, sizes) => {
          const deframer = new Deframer();
          const stream = Uint8Array.from(Buffer.concat(sent.map(frame)));
          const received = [...cut(stream, sizes)].flatMap((piece) => [...deframer.push(piece)]);
          assert.deepEqual(received, sent);
          assert.equal(deframer.pending, false);
        },
      ),
    ),
  );
  t.end();
});

test('one octet at a time, the prefix too', (t) => {
  const deframer = new Deframer();
  const stream = frame(Uint8Array.of(7, 8, 9));
  const received = [...cut(stream, [1])].map((piece) => [...deframer.push(piece)].length);
  t.same(received, [0, 0, 0, 0, 1]);
  t.end();
});

test('a message that has begun is pending, from its first octet to its last', (t) => {
  const deframer = new Deframer();
  const pending = [...cut(frame(Uint8Array.of(1, 2)), [1])].map((piece) => {
    t.equal([...deframer.push(piece)].length <= 1, true);
    return deframer.pending;
  });
  t.same(pending, [true, true, true, false]);
  t.end();
});

test('an empty message comes out at once', (t) => {
  t.same([...new Deframer().push(Uint8Array.of(0, 0, 0))], [new Uint8Array(0)]);
  t.end();
});

test('messages have octets of their own: the socket may use its buffer again', (t) => {
  const chunk = frame(Uint8Array.of(1, 2, 3));
  const [received] = [...new Deframer().push(chunk)];
  chunk.fill(0);
  t.same(received, Uint8Array.of(1, 2, 3));
  t.end();
});

test('the largest message passes, a larger one is refused', (t) => {
  const largest = new Uint8Array(0xffff).fill(5);
  t.same([...new Deframer().push(frame(largest))], [largest]);
  t.throws(() => frame(new Uint8Array(0x10000)), WireError);
  t.end();
});

test('an announced length takes no memory before its octets come (S1)', (t) => {
  const deframers = Array.from({ length: 10_000 }, () => new Deframer());
  const before = process.memoryUsage().arrayBuffers;
  for (const deframer of deframers)
    for (const _ of deframer.push(Uint8Array.of(0xff, 0xff))) t.fail();
  const each = (process.memoryUsage().arrayBuffers - before) / deframers.length;
  t.ok(each < 1_024, `${each} octets each`);
  t.equal(
    deframers.every((deframer) => deframer.pending),
    true,
  );
  t.end();
});
