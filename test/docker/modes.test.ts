import { chmodSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { normaliseModes } from '../../docker/modes.ts';

test('modes are those of umask 022, whatever the umask was', (t) => {
  const folder = t.testdir({});
  mkdirSync(join(folder, 'bin'));
  for (const [name, mode] of [
    ['bin/run', 0o700],
    ['text', 0o660],
  ] as const) {
    writeFileSync(join(folder, name), '');
    chmodSync(join(folder, name), mode);
  }
  chmodSync(join(folder, 'bin'), 0o700);
  chmodSync(folder, 0o700);
  symlinkSync('/nowhere', join(folder, 'link'));
  normaliseModes(folder);
  const modes = ['.', 'bin', 'bin/run', 'text'].map(
    (name) => lstatSync(join(folder, name)).mode & 0o7777,
  );
  t.strictSame(modes, [0o755, 0o755, 0o755, 0o644]);
  t.end();
});
