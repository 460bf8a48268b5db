// The root file system for the other architecture: nothing of it runs here, so that its files are looked at.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'tap';
import { required } from '../support/lab-requirements.ts';
import { productEnv } from '../support/product-env.ts';

const SCRIPT = resolve(import.meta.dirname, '../../docker/image.ts');
/** ELF's e_machine, and where the loader has to be. */
const OTHER =
  process.arch === 'x64'
    ? {
        arch: 'arm64',
        cpu: 'arm64',
        emulator: 'qemu-aarch64-static',
        machine: 183,
        triplet: 'aarch64-linux-gnu',
        loader: 'lib/ld-linux-aarch64.so.1',
      }
    : {
        arch: 'amd64',
        cpu: 'x64',
        emulator: 'qemu-x86_64-static',
        machine: 62,
        triplet: 'x86_64-linux-gnu',
        loader: 'lib64/ld-linux-x86-64.so.2',
      };

test('the image of another architecture has its Node, its libraries and their licences', async (t) => {
  // It fetches 60 MB from npm's registry and Debian's archive: not on a machine where nobody asked for that.
  if (process.env['SIDESTUB_E2E'] !== 'required') {
    t.pass('fetches packages of another architecture', { skip: 'SIDESTUB_E2E is not "required"' });
    return;
  }
  if (!required(t, ['apt-get', 'dpkg-deb', OTHER.emulator])) return;
  const folder = t.testdir({});
  const words = [SCRIPT, '--arch', OTHER.arch, '--roots-only', '--out', folder];
  // tap hands its loader to every child, and the compiler does not start under it.
  const argv = ['-u', 'NODE_OPTIONS', process.execPath, ...words];
  const made = spawnSync('env', argv, { encoding: 'utf8', env: productEnv() });
  t.equal(made.status, 0, made.stderr);
  const root = join(folder, `linux-${OTHER.arch}`);
  const bytecode = readFileSync(join(root, 'app/dist/code-cache.bin'));
  t.match(bytecode.subarray(0, 200).toString('latin1'), `"arch":"${OTHER.cpu}"`);
  const libraries = ['libc.so.6', 'libstdc++.so.6', 'libgcc_s.so.1', 'libatomic.so.1'];
  for (const file of ['usr/bin/node', ...libraries.map((name) => `lib/${OTHER.triplet}/${name}`)]) {
    const elf = readFileSync(join(root, file)).subarray(0, 20);
    t.equal(elf.subarray(1, 4).toString(), 'ELF', file);
    t.equal(elf.readUInt16LE(18), OTHER.machine, file);
  }
  // Relative to the root, which the link of the loader is not.
  t.ok(statSync(join(root, `lib/${OTHER.triplet}`, OTHER.loader.split('/')[1] ?? '')).size > 0);
  for (const name of ['libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1']) {
    t.ok(statSync(join(root, `usr/share/doc/${name}/copyright`)).size > 0, name);
    t.match(readFileSync(join(root, `var/lib/dpkg/status.d/${name}`), 'utf8'), /^Architecture: /m);
  }
});
