import { test } from 'tap';
import { loadTrim, MemoryTrim } from '../../../src/commands/run/memory-trim.ts';
import { batchSupport } from '../../../src/listen/batch-support.ts';
import { HandClock } from '../../support/hand-clock.ts';
import { residentOctets } from '../../support/resident.ts';

test('memory is given back once a second, where something was done', async (t) => {
  const clock = new HandClock();
  let [trims, done] = [0, 0];
  const trim = new MemoryTrim({ clock, trim: () => trims++, work: () => done });
  await clock.advance(999);
  t.equal(trims, 0);
  await clock.advance(1);
  t.equal(trims, 1, 'after the start');
  await clock.advance(5_000);
  t.equal(trims, 1, 'nothing was done');
  done = 7;
  await clock.advance(1_000);
  t.equal(trims, 2);
  done = 8;
  trim.stop();
  await clock.advance(5_000);
  t.equal(trims, 2, 'stopped');
});

const support = batchSupport();
const trim = loadTrim();

test('what is free in the C library is not resident any more', {
  skip: 'libc' in support && trim !== undefined ? false : 'no koffi, or no malloc_trim here',
}, (t) => {
  if (!('libc' in support)) throw new Error(support.reason);
  const { libc } = support;
  const held = Array.from({ length: 2_000 }, () => libc.allocate(16_384));
  for (const { buffer } of held) new Uint8Array(buffer).fill(1);
  // The last one stays: what is free below it is what the library keeps.
  for (const memory of held.slice(0, -1)) memory.free();
  const before = residentOctets();
  trim?.();
  const left = (before - residentOctets()) / 4_096;
  t.ok(left > 4_000, `of 8,000 pages ${left} were given back`);
  held.at(-1)?.free();
  t.end();
});
