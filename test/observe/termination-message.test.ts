import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { writeTerminationMessage } from '../../src/observe/termination-message.ts';
import { scratch } from './running-sidestub.ts';

test('the message takes the place of what was in the file', (t) => {
  const path = join(scratch(t), 'termination-log');
  writeFileSync(path, 'a longer message of the run before');
  t.ok(writeTerminationMessage(path, 'done'));
  t.equal(readFileSync(path, 'utf8'), 'done');
  t.end();
});

test('kubelet makes the file: where it is not, none appears', (t) => {
  const folder = scratch(t);
  const path = join(folder, 'termination-log');
  t.notOk(writeTerminationMessage(path, 'done'));
  t.notOk(existsSync(path));
  t.notOk(writeTerminationMessage(folder, 'done'), 'a folder is no file');
  t.end();
});

test('what waits for a reader is not waited for', (t) => {
  const path = join(scratch(t), 'pipe');
  if (spawnSync('mkfifo', [path]).status !== 0) {
    t.pass('no named pipes', { skip: true });
  } else {
    t.notOk(writeTerminationMessage(path, 'done'));
  }
  t.end();
});

test('it is cut at the 4,096 octets that Kubernetes reads, between characters', (t) => {
  const path = join(scratch(t), 'termination-log');
  writeFileSync(path, '');
  t.ok(writeTerminationMessage(path, `a${'é'.repeat(4_000)}`));
  t.equal(readFileSync(path, 'utf8'), `a${'é'.repeat(2_047)}`);
  t.end();
});
