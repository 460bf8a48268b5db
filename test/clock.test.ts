import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { type Test, test } from 'tap';
import {
  type Clock,
  elapsed,
  LONGEST_DELAY,
  type Milliseconds,
  monotonicClock,
} from '../src/clock.ts';
import { HandClock } from './support/hand-clock.ts';
import { productEnv } from './support/product-env.ts';

/** A clock, and how a test lets time pass on it. */
interface Subject {
  readonly name: string;
  readonly clock: Clock;
  readonly pass: (span: Milliseconds) => Promise<void>;
}

/** The clock that ships, and the one that stands in for it in the tests: what holds of one holds of the other. */
function subjects(): readonly Subject[] {
  const hand = new HandClock();
  return [
    { name: 'monotonicClock', clock: monotonicClock, pass: (span) => really(span) },
    { name: 'HandClock', clock: hand, pass: (span) => hand.advance(span) },
  ];
}

/** By Node's own timers: the clock is what is tested. A busy machine is late, and no more than that. */
function really(span: Milliseconds): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, span + 50);
  });
}

function ofBoth(title: string, hold: (t: Test, subject: Subject) => Promise<void>): void {
  test(title, async (t) => {
    for (const subject of subjects()) await t.test(subject.name, (t) => hold(t, subject));
  });
}

ofBoth('a timer fires once, when its delay is over', async (t, { clock, pass }) => {
  const started = clock.now();
  const fired: Milliseconds[] = [];
  clock.after(20, () => fired.push(clock.now() - started));
  t.same(fired, []);
  await pass(20);
  t.equal(fired.length, 1);
  t.ok((fired[0] ?? 0) > 19, 'by the same clock, at most a millisecond early');
  await pass(40);
  t.equal(fired.length, 1);
});

ofBoth('a fraction of a millisecond is not cut off', async (t, { clock, pass }) => {
  const started = clock.now();
  let fired = 0;
  for (let turn = 0; turn < 20; turn++) {
    clock.after(10.9, () => {
      if (clock.now() - started >= 9.9) fired++;
    });
  }
  await pass(11);
  t.equal(fired, 20);
});

ofBoth('a delay of 0 or less fires in a later turn, never at once', async (t, subject) => {
  const { clock, pass } = subject;
  const order: string[] = [];
  clock.after(0, () => {
    order.push('0');
    clock.after(-1, () => order.push('set while it fires'));
    order.push('0 returns');
  });
  clock.after(-5, () => order.push('-5'));
  order.push('this turn');
  await Promise.resolve().then(() => order.push('its microtasks'));
  await pass(0);
  t.same(order, ['this turn', 'its microtasks', '0', '0 returns', '-5', 'set while it fires']);
});

ofBoth('timers fire by their time, equal ones as they were set', async (t, { clock, pass }) => {
  const order: string[] = [];
  clock.after(40, () => order.push('40'));
  clock.after(10, () => order.push('10'));
  clock.after(10, () => order.push('10, set later'));
  clock.after(0, () => order.push('0'));
  await pass(40);
  t.same(order, ['0', '10', '10, set later', '40']);
});

ofBoth('a timer that is cancelled stays silent, whenever that is', async (t, { clock, pass }) => {
  const fired: string[] = [];
  for (const delay of [0, 5]) {
    clock.after(delay, () => fired.push('cancelled')).cancel();
    clock
      .after(delay, () => fired.push('cancelled'))
      .keepAlive()
      .cancel();
    const own = clock.after(delay, () => {
      fired.push(`${delay}`);
      own.cancel();
    });
  }
  await pass(5);
  // On a busy machine 5 ms may pass before the next turn, whose timers come before what was set for that turn.
  t.same(fired.toSorted(), ['0', '5']);
});

ofBoth('what no timer can wait for is refused', async (t, { clock }) => {
  const never = (): void => {
    t.fail('fired');
  };
  for (const delay of [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    LONGEST_DELAY + 1,
    Number.MAX_SAFE_INTEGER,
  ]) {
    t.throws(() => clock.after(delay, never), RangeError, String(delay));
  }
  clock.after(LONGEST_DELAY, never).cancel();
});

test('the longest delay is what Node waits for: one more would be 1 ms, with a warning', async (t) => {
  const warned: string[] = [];
  const onWarning = ({ name }: Error): number => warned.push(name);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  monotonicClock.after(LONGEST_DELAY, () => t.fail('fired')).cancel();
  await really(0);
  t.same(warned, []);
  t.ok(monotonicClock.now() <= performance.now());
});

test('a wait ends when its span is over, or when its signal aborts, and leaves nothing behind', async (t) => {
  const clock = new HandClock();
  const abortion = new AbortController();
  const { signal } = abortion;
  const ended: string[] = [];
  const wait = (name: string, span: Milliseconds): void =>
    void elapsed(clock, span, { signal }).then(() => ended.push(name));
  wait('short', 10);
  wait('long', 1_000);
  await clock.advance(9);
  t.same(ended, []);
  await clock.advance(1);
  t.same(ended, ['short']);
  abortion.abort();
  await clock.advance(0);
  t.same(ended, ['short', 'long']);
  wait('after the abort', 1_000);
  await clock.advance(0);
  t.same(ended, ['short', 'long', 'after the abort']);
  t.equal(clock.timers, 0);
});

test('a wait keeps the process alive if that is asked of it', (t) => {
  for (const keepsAlive of [true, false]) {
    const clock = new HandClock();
    void elapsed(clock, 10, { keepsAlive });
    t.equal(clock.keepsAlive, keepsAlive);
  }
  t.end();
});

/** What a process prints that has nothing but this to live for. */
function printedBy(script: string): string {
  const clock = pathToFileURL(`${import.meta.dirname}/../src/clock.ts`);
  const code = `import { monotonicClock as clock } from '${clock}';${script}`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    env: productEnv(),
  });
  return `${stdout}${status}`;
}

test('a timer keeps its process alive where it says so, and no other does', (t) => {
  t.equal(printedBy("clock.after(30, () => console.log('fired'))"), '0');
  t.equal(printedBy("clock.after(30, () => console.log('fired')).keepAlive()"), 'fired\n0');
  t.equal(printedBy("clock.after(0, () => console.log('next turn'))"), 'next turn\n0');
  t.equal(
    printedBy("const t = clock.after(5000, () => console.log('fired')).keepAlive(); t.cancel()"),
    '0',
  );
  t.end();
});

test('the clock that is wound by hand knows which of its timers would keep a process alive', async (t) => {
  const clock = new HandClock();
  clock.after(10, () => undefined);
  t.equal(clock.keepsAlive, false);
  clock.after(20, () => undefined).keepAlive();
  t.equal(clock.keepsAlive, true);
  await clock.advance(20);
  t.equal(clock.keepsAlive, false);
});
