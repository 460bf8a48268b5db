import { test } from 'tap';
import { Health } from '../../src/upstream/health.ts';
import { HandClock } from '../support/hand-clock.ts';

function setup() {
  const clock = new HandClock();
  const probes: number[] = [];
  const changes: boolean[] = [];
  let open = 0;
  const probe = () => {
    probes.push(clock.now());
    open++;
    return { close: () => open-- };
  };
  let isAwaited = false;
  const returns: number[] = [];
  const health = new Health(
    clock,
    probe,
    (dead) => changes.push(dead),
    (silentSince) => returns.push(silentSince),
    () => isAwaited,
  );
  const awaits = (is: boolean): void => {
    isAwaited = is;
  };
  return { clock, health, probes, changes, open: () => open, returns, awaits };
}

test('three misses, and 3 s from the first that was missed (U1)', async (t) => {
  const { clock, health, changes } = setup();
  await clock.advance(10_000);
  health.missed(9_500);
  health.missed(9_000);
  health.missed(9_900);
  await clock.advance(1_999);
  t.equal(health.dead, false);
  await clock.advance(1);
  t.equal(health.dead, true);
  t.same(changes, [true]);
});

test('it is back when it is heard after a miss, dead or not, and only then (U2)', async (t) => {
  const { clock, health, returns } = setup();
  t.equal(health.lastReplyAt, Number.NEGATIVE_INFINITY);
  await clock.advance(5);
  health.heard();
  t.equal(health.lastReplyAt, 5);
  t.same(returns, []);
  health.missed(0);
  health.heard();
  t.same(returns, [5], 'with when it was last heard');
  for (let i = 0; i < 3; i++) health.missed(clock.now());
  await clock.advance(3_000);
  t.equal(health.dead, true);
  health.heard();
  t.same(returns, [5, 5]);
  t.equal(health.lastReplyAt, 3_005);
});

test('two misses in a row are a doubt, and one is a lost datagram (U6)', async (t) => {
  const { clock, health, probes } = setup();
  health.missed(0);
  health.heard();
  health.missed(0);
  t.equal(health.doubtful, false);
  t.same(probes, []);
  health.missed(0);
  t.equal(health.doubtful, true);
  await clock.advance(10_000);
  t.equal(health.dead, false, 'nobody else has asked');
  health.heard();
  t.equal(health.doubtful, false);
  t.equal(clock.timers, 0);
});

test('a word at any moment begins anew, and is told once (U1)', async (t) => {
  const { clock, health, changes } = setup();
  for (let i = 0; i < 3; i++) health.missed(0);
  health.missed(0);
  await clock.advance(2_999);
  health.heard();
  await clock.advance(10_000);
  t.equal(health.dead, false);
  for (let i = 0; i < 3; i++) health.missed(clock.now() - 3_000);
  await clock.advance(0);
  t.equal(health.dead, true);
  health.heard();
  t.equal(health.dead, false);
  health.heard();
  t.same(changes, [true, false]);
  t.equal(clock.timers, 0);
});

test('probes at 0, 250 ms, 500 ms later, then every second, one open at a time (U1)', async (t) => {
  const { clock, health, probes, changes, open } = setup();
  for (let i = 0; i < 3; i++) health.missed(-3_000);
  await clock.advance(4_000);
  t.same(probes, [0, 250, 750, 1_750, 2_750, 3_750]);
  t.equal(open(), 1);
  health.missed(1_000);
  await clock.advance(100);
  t.equal(probes.length, 6, 'a miss of a dead server begins nothing');
  t.same(changes, [true]);
  health.close();
  t.equal(open(), 0);
  t.equal(clock.timers, 0);
});

test('while a question waits it is probed twice a second (U6)', async (t) => {
  const { clock, health, probes, awaits } = setup();
  awaits(true);
  for (let i = 0; i < 3; i++) health.missed(-3_000);
  await clock.advance(2_000);
  t.same(probes, [0, 250, 750, 1_250, 1_750]);
  awaits(false);
  await clock.advance(2_500);
  t.same(probes.slice(5), [2_250, 3_250, 4_250]);
  awaits(true);
  await clock.advance(1_500);
  t.same(probes.slice(8), [5_250, 5_750]);
});
