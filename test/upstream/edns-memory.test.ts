import { test } from 'tap';
import { seededChance } from '../../src/demo/cluster-faults.ts';
import { EdnsMemory } from '../../src/upstream/edns-memory.ts';
import { HandClock } from '../support/hand-clock.ts';

test('EDNS is used until it is refused, and tried again after ten minutes (U4)', async (t) => {
  const clock = new HandClock();
  const memory = new EdnsMemory(clock, () => undefined);
  t.equal(memory.usable, true);
  await clock.advance(1_000);
  memory.refuse();
  t.equal(memory.usable, false);
  await clock.advance(599_999);
  t.equal(memory.usable, false);
  await clock.advance(1);
  t.equal(memory.usable, true);
});

function setup() {
  const clock = new HandClock();
  const probes: number[] = [];
  let open = 0;
  const memory = new EdnsMemory(clock, () => {
    probes.push(clock.now());
    open++;
    return { close: () => open-- };
  });
  return { clock, memory, probes, open: () => open };
}

test('three questions in a row and three silent probes: plain, until a probe is answered (U4)', async (t) => {
  const { clock, memory, probes, open } = setup();
  for (let i = 0; i < 3; i++) memory.droppedOpt();
  await clock.advance(749);
  t.same(probes, [0, 250, 500]);
  t.equal(memory.usable, true, 'until the third probe has had its time');
  await clock.advance(1);
  t.equal(memory.usable, false);
  memory.droppedOpt();
  await clock.advance(120_000);
  t.same(probes.slice(3), [750, 60_750, 120_750], 'then one a minute');
  t.equal(open(), 1);
  memory.answered();
  t.equal(memory.usable, true);
  t.equal(open() + clock.timers, 0);
});

test('any answer to an OPT begins the count anew, and a server that knew it is given twelve (U4)', async (t) => {
  const { clock, memory, probes } = setup();
  for (let i = 0; i < 2; i++) memory.droppedOpt();
  memory.answered();
  for (let i = 0; i < 11; i++) memory.droppedOpt();
  t.same(probes, []);
  memory.droppedOpt();
  t.same(probes, [0]);
  await clock.advance(600);
  memory.answered();
  await clock.advance(10_000);
  t.same(probes, [0, 250, 500], 'an answer to a probe ends it');
  t.equal(memory.usable, true);
});

test('20 % loss makes no server plain, in five hundred beginnings (U4)', async (t) => {
  const chance = seededChance(20);
  let plain = 0;
  let probes = 0;
  for (let start = 0; start < 500; start++) {
    const clock = new HandClock();
    const memory: EdnsMemory = new EdnsMemory(clock, () => {
      probes++;
      if (chance() >= 0.2) queueMicrotask(() => memory.answered());
      return undefined;
    });
    for (let i = 0; i < 20; i++) {
      if (chance() >= 0.2) memory.answered();
      else memory.droppedOpt();
      await clock.advance(100);
      if (!memory.usable) plain++;
    }
    memory.close();
  }
  t.ok(probes > 0, 'some were suspected');
  t.equal(plain, 0);
});

test('closed, nothing is left', (t) => {
  const { clock, memory, open } = setup();
  for (let i = 0; i < 3; i++) memory.droppedOpt();
  memory.close();
  t.equal(open() + clock.timers, 0);
  t.end();
});
