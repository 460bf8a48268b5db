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
  t.equal(memory.isRefused, true);
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

test('a question and six silent probes: plain, until a probe is answered (U4)', async (t) => {
  const { clock, memory, probes, open } = setup();
  t.equal(memory.isDoubted, false);
  memory.droppedOpt();
  t.equal(memory.isDoubted, true, 'from the first one on');
  await clock.advance(1_499);
  t.same(probes, [0, 250, 500, 750, 1_000, 1_250]);
  t.equal(memory.usable, true, 'until the sixth probe has had its time');
  await clock.advance(1);
  t.equal(memory.usable, false);
  t.equal(memory.isRefused, false, 'it has not said so');
  memory.droppedOpt();
  await clock.advance(120_000);
  t.same(probes.slice(6), [1_500, 61_500, 121_500], 'then one a minute');
  t.equal(open(), 1);
  memory.answered();
  t.equal(memory.usable, true);
  t.equal(memory.isDoubted, false);
  t.equal(open() + clock.timers, 0);
});

test('any answer to an OPT begins the count anew, and a server that knew it is given twelve (U4)', async (t) => {
  const { clock, memory, probes } = setup();
  memory.answered();
  for (let i = 0; i < 11; i++) memory.droppedOpt();
  memory.answered();
  for (let i = 0; i < 11; i++) memory.droppedOpt();
  t.same(probes, []);
  memory.droppedOpt();
  t.same(probes, [0]);
  t.equal(memory.isDoubted, false, 'its questions keep their OPT while it is probed');
  await clock.advance(600);
  memory.answered();
  await clock.advance(10_000);
  t.same(probes, [0, 250, 500], 'an answer to a probe ends it');
  t.equal(memory.usable, true);
});

test('a server that has answered an OPT is plain after three silent probes (U4)', async (t) => {
  const { clock, memory, probes } = setup();
  memory.answered();
  for (let i = 0; i < 12; i++) memory.droppedOpt();
  await clock.advance(749);
  t.equal(memory.usable, true);
  await clock.advance(1);
  t.equal(memory.usable, false);
  t.same(probes, [0, 250, 500, 750]);
  memory.close();
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
