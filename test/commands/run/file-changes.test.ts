import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { FileChanges } from '../../../src/commands/run/file-changes.ts';
import { HandClock } from '../../support/hand-clock.ts';

/** Long ago, or long from now. */
const [PAST, FUTURE] = [0, 8e15];

function watching(folder: string, since = FUTURE, names = ['config']) {
  const clock = new HandClock();
  const changed: string[] = [];
  const changes = new FileChanges({
    clock,
    paths: names.map((name) => join(folder, name)),
    since,
    onChange: (path) => changed.push(path.slice(folder.length + 1)),
  });
  return { clock, changed, changes };
}

test('S2: what is written, replaced, removed or made is told once', async (t) => {
  const folder = t.testdir({ config: 'one' });
  const path = join(folder, 'config');
  const { changed, changes } = watching(folder);
  const looked = async () => {
    await changes.look();
    await changes.look();
    return changed.splice(0);
  };
  t.same(await looked(), []);
  const steps: readonly (readonly [string, () => void])[] = [
    ['replaced', () => replace(folder, 'config', 'two')],
    ['removed', () => rmSync(path)],
    ['made', () => writeFileSync(path, 'three')],
  ];
  for (const [what, step] of steps) {
    step();
    t.same(await looked(), ['config'], what);
  }
});

test('S2: what was written after the first reading and before the first look is told', async (t) => {
  const { changed, changes } = watching(t.testdir({ config: 'one', other: '' }), PAST, [
    'config',
    'other',
    'absent',
  ]);
  await changes.look();
  t.same(changed, ['config', 'other']);
  await changes.look();
  t.equal(changed.length, 2);
});

test('S2: a link that leads elsewhere is a change, as kubelet makes it for a ConfigMap', async (t) => {
  const folder = t.testdir({ one: { config: 'one' }, two: { config: 'two' } });
  symlinkSync('one', join(folder, 'data'));
  mkdirSync(join(folder, 'seen'));
  symlinkSync('../data/config', join(folder, 'seen/config'));
  const { changed, changes } = watching(folder, FUTURE, ['seen/config']);
  await changes.look();
  symlinkSync('two', join(folder, 'data.new'));
  renameSync(join(folder, 'data.new'), join(folder, 'data'));
  await changes.look();
  t.same(changed, ['seen/config']);
});

test('S2: it looks once a second, until it is stopped', async (t) => {
  const { clock, changes } = watching(t.testdir({ config: '' }));
  changes.start();
  t.equal(clock.timers, 1);
  await changes.look();
  changes.stop();
  t.equal(clock.timers, 0);
  await changes.look();
  t.equal(clock.timers, 0);
});

function replace(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, 'new'), text);
  renameSync(join(folder, 'new'), join(folder, name));
}
