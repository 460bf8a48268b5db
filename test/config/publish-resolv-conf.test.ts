import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { publishResolvConf } from '../../src/config/publish-resolv-conf.ts';

test('the file is there with its content, readable by everybody, and nothing beside it', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'resolv.conf');
  const umask = process.umask(0o077);
  t.teardown(() => process.umask(umask));
  await publishResolvConf(path, 'nameserver 127.0.0.1\n');
  t.equal(await readFile(path, 'utf8'), 'nameserver 127.0.0.1\n');
  t.equal((await stat(path)).mode & 0o777, 0o644, 'whatever the umask says');
  t.same(await readdir(directory), ['resolv.conf']);
});

test('who has the old file open keeps it whole', async (t) => {
  const directory = t.testdir({ 'resolv.conf': 'old' });
  const path = join(directory, 'resolv.conf');
  const before = (await stat(path)).ino;
  await publishResolvConf(path, 'new');
  t.equal(await readFile(path, 'utf8'), 'new');
  t.not((await stat(path)).ino, before, 'replaced, not written through');
});

test('a symbolic link is replaced, and what it leads to is left alone', async (t) => {
  const directory = t.testdir({ target: 'precious' });
  const path = join(directory, 'resolv.conf');
  await symlink('target', path);
  await publishResolvConf(path, 'new');
  t.equal(await readFile(join(directory, 'target'), 'utf8'), 'precious');
  t.equal(await readFile(path, 'utf8'), 'new');
});

test('an empty folder is replaced: a container that mounts the file too early has kubelet make one', async (t) => {
  const directory = t.testdir({ 'resolv.conf': {} });
  const path = join(directory, 'resolv.conf');
  await publishResolvConf(path, 'new');
  t.equal(await readFile(path, 'utf8'), 'new');
  t.same(await readdir(directory), ['resolv.conf']);
});

test('a failure names the path and leaves nothing behind', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'resolv.conf');
  await mkdir(path);
  await writeFile(join(path, 'file'), '');
  await t.rejects(
    publishResolvConf(path, 'new'),
    /publish resolv\.conf .*a folder stands there: a container mounts it and starts before sidestub/,
  );
  t.same(await readdir(directory), ['resolv.conf']);
  const missing = join(directory, 'none', 'resolv.conf');
  await t.rejects(publishResolvConf(missing, 'new'), /publish resolv\.conf .*ENOENT/);
});
