import { test } from 'tap';
import { Deadlines } from '../src/deadlines.ts';
import { HandClock } from './support/hand-clock.ts';

function setup() {
  const clock = new HandClock();
  const deadlines = new Deadlines(clock, 100);
  const passed: string[] = [];
  const set = (name: string) =>
    deadlines.set({ onDeadline: () => passed.push(`${name} ${clock.now()}`) });
  return { clock, deadlines, passed, set };
}

test('deadlines pass in the order they were set, each at its own time, by one timer', async (t) => {
  const { clock, passed, set } = setup();
  set('a');
  set('b');
  await clock.advance(30);
  set('c');
  t.equal(clock.timers, 1);
  await clock.advance(69);
  t.same(passed, []);
  await clock.advance(1);
  t.same(passed, ['a 100', 'b 100']);
  await clock.advance(30);
  t.same(passed, ['a 100', 'b 100', 'c 130']);
  t.equal(clock.timers, 0);
});

test('one that is cancelled does not pass, wherever it stands, and the last one takes the timer with it', async (t) => {
  for (const gone of [0, 1, 2]) {
    const { clock, passed, set } = setup();
    const names = ['a', 'b', 'c'];
    const waiting = names.map(set);
    waiting[gone]?.cancel();
    waiting[gone]?.cancel();
    await clock.advance(100);
    t.same(
      passed,
      names.filter((_, i) => i !== gone).map((name) => `${name} 100`),
      'the others do',
    );
  }
  const { clock, set } = setup();
  for (const each of ['a', 'b'].map(set)) each.cancel();
  t.equal(clock.timers, 0);
});

test('cancelling after it has passed takes nothing from those behind it', async (t) => {
  const { clock, passed, set } = setup();
  const first = set('a');
  await clock.advance(50);
  set('b');
  await clock.advance(50);
  first.cancel();
  await clock.advance(50);
  t.same(passed, ['a 100', 'b 150']);
});

test('a deadline that passes may cancel others, and set new ones', async (t) => {
  const { clock, deadlines, passed, set } = setup();
  deadlines.set({
    onDeadline: () => {
      second.cancel();
      set('new');
    },
  });
  const second = set('second');
  set('third');
  await clock.advance(100);
  t.same(passed, ['third 100']);
  t.equal(clock.timers, 1);
  await clock.advance(100);
  t.same(passed, ['third 100', 'new 200']);
  t.equal(clock.timers, 0);
});

test('a deadline that sets a new one when it passes delays none of those behind it', async (t) => {
  const { clock, deadlines, passed, set } = setup();
  deadlines.set({ onDeadline: () => set('new') });
  await clock.advance(30);
  set('behind');
  await clock.advance(100);
  t.same(passed, ['behind 130']);
  t.equal(clock.timers, 1);
  await clock.advance(70);
  t.same(passed, ['behind 130', 'new 200']);
  t.equal(clock.timers, 0);
});

test("a timer that fires early, as a machine's may, is set again for the rest", async (t) => {
  const clock = new HandClock();
  const delays: number[] = [];
  const hasty = {
    now: () => clock.now(),
    after: (delay: number, fire: () => void) => {
      const early = delays.push(delay) === 1 ? 1 : 0;
      return clock.after(delay - early, fire);
    },
  };
  let passed = 0;
  new Deadlines(hasty, 100).set({ onDeadline: () => passed++ });
  await clock.advance(99);
  t.equal(passed, 0);
  await clock.advance(1);
  t.equal(passed, 1);
  t.same(delays, [100, 1]);
});
