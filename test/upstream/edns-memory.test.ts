import { test } from 'tap';
import { EdnsMemory } from '../../src/upstream/edns-memory.ts';
import { HandClock } from '../support/hand-clock.ts';

test('EDNS is used until it is refused, and tried again after ten minutes (U4)', async (t) => {
  const clock = new HandClock();
  const memory = new EdnsMemory(clock);
  t.equal(memory.usable, true);
  await clock.advance(1_000);
  memory.refuse();
  t.equal(memory.usable, false);
  await clock.advance(599_999);
  t.equal(memory.usable, false);
  await clock.advance(1);
  t.equal(memory.usable, true);
});
