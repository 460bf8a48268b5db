import { chmodSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { test } from 'tap';
import { packFolder } from '../../docker/tar.ts';

/** The same three files, written in an order and at a time of their own. */
function writeFiles(folder: string, names: readonly string[], time: number): string {
  mkdirSync(join(folder, 'b'), { recursive: true });
  for (const name of names) {
    writeFileSync(join(folder, name), `content of ${name}`);
    chmodSync(join(folder, name), 0o644);
    utimesSync(join(folder, name), time, time);
  }
  utimesSync(join(folder, 'b'), time, time);
  return folder;
}

for (const extension of ['tar', 'tgz']) {
  test(`a ${extension} of the same files has the same octets, whenever and in which order they were written`, (t) => {
    const folder = t.testdir({});
    const first = writeFiles(join(folder, 'first'), ['a', 'b/c', 'z'], 1_000_000);
    const second = writeFiles(join(folder, 'second'), ['z', 'b/c', 'a'], 2_000_000);
    const packed = [first, second].map((from) => {
      const archive = `${from}.${extension}`;
      packFolder(from, archive, { seconds: 1_700_000_000 });
      return readFileSync(archive);
    });
    t.ok(packed[0]?.equals(packed[1] ?? Buffer.alloc(0)));
    const tar = extension === 'tgz' ? gunzipSync(packed[0] ?? '') : packed[0];
    t.match(tar?.toString('latin1'), /content of b\/c/);
    t.end();
  });
}

test('an archive has the parts that were asked for, and the time that was given', (t) => {
  const folder = writeFiles(join(t.testdir({}), 'all'), ['a', 'b/c', 'z'], 1_000_000);
  packFolder(folder, `${folder}.tar`, { seconds: 1_700_000_000 }, ['b']);
  const tar = readFileSync(`${folder}.tar`).toString('latin1');
  t.match(tar, /^b\/\0/);
  t.notMatch(tar, 'content of a');
  t.equal(Number.parseInt(tar.slice(136, 147), 8), 1_700_000_000, 'mtime of its first header');
  t.end();
});
