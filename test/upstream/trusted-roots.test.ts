import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { readRoots, TrustedRoots } from '../../src/upstream/trusted-roots.ts';
import { HandClock } from '../support/hand-clock.ts';
import { makeCa } from './certificates.ts';

test('a CA file that cannot be used is an error that names it', (t) => {
  const { folder, cert } = makeCa(t);
  const file = join(folder, 'x.pem');
  t.throws(() => readRoots(file), new Error(`cannot read CA file, ENOENT: ${file}`));
  writeFileSync(file, 'nothing');
  t.throws(() => readRoots(file), new Error(`no certificate in CA file: ${file}`));
  writeFileSync(file, cert + cert.replace(/\n.{40}/, '\nAAAA'));
  t.throws(() => readRoots(file), new Error(`broken certificate 2 in CA file: ${file}`));
  writeFileSync(file, `comment\n${cert}\n${cert}`);
  t.equal(readRoots(file).length, 2);
  t.throws(() => new TrustedRoots(join(folder, 'none'), new HandClock()).current(), /ENOENT/);
  t.end();
});

test('the file is looked at each second; what cannot be read changes nothing', async (t) => {
  const { folder, cert } = makeCa(t);
  const other = makeCa(t, 'Other CA');
  const file = join(folder, 'x.pem');
  writeFileSync(file, cert);
  const clock = new HandClock();
  const roots = new TrustedRoots(file, clock);
  const first = roots.current();
  await clock.advance(1_000);
  t.equal(roots.current(), first, 'unchanged');
  rmSync(file);
  await clock.advance(1_000);
  t.equal(roots.current(), first, 'gone');
  writeFileSync(`${file}.new`, other.cert);
  renameSync(`${file}.new`, file);
  await clock.advance(999);
  t.equal(roots.current(), first, 'not looked at yet');
  await clock.advance(1);
  t.equal(roots.current().generation, first.generation + 1, 'replaced');
});
