import { test } from 'tap';
import { Stagger, type StaggerState } from '../../src/upstream/stagger.ts';
import { HandClock } from '../support/hand-clock.ts';

const MINUTE = 60_000;

function setup() {
  const clock = new HandClock();
  const changes: StaggerState[] = [];
  const stagger = new Stagger({ clock, onChange: (state) => changes.push(state) });
  const sees = (...clashes: boolean[]) => {
    for (const clash of clashes) stagger.saw(clash);
  };
  return { clock, changes, stagger, sees };
}

test('F2: pairs are staggered until two of eight clash, then serial for a minute', async (t) => {
  const { clock, changes, stagger, sees } = setup();
  t.equal(stagger.isOn, true);
  sees(true, false, false, false, false, false, false, false);
  t.equal(stagger.isOn, true, 'one is loss');
  sees(false, true);
  t.equal(stagger.isOn, true, 'the second is the ninth pair after the first');
  sees(true);
  t.equal(stagger.isOn, false);
  await clock.advance(MINUTE - 1);
  t.equal(stagger.isOn, false);
  await clock.advance(1);
  t.equal(stagger.isOn, true);
  t.same(changes, ['serial', 'staggered']);
});

test('F2: each time pairs are serial for twice as long, up to an hour', async (t) => {
  const { clock, stagger, sees } = setup();
  for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
    sees(true, true);
    await clock.advance(minutes * MINUTE - 1);
    t.equal(stagger.isOn, false, `${minutes} min`);
    await clock.advance(1);
    t.equal(stagger.isOn, true, `${minutes} min`);
  }
});

test('F2: pairs that were out when the server became serial do not prolong it, nor count afterwards', async (t) => {
  const { clock, changes, stagger, sees } = setup();
  sees(true, true, true, true);
  await clock.advance(MINUTE);
  t.equal(stagger.isOn, true);
  sees(true);
  t.equal(stagger.isOn, true);
  t.same(changes, ['serial', 'staggered']);
});
