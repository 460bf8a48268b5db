import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'tap';
import { productionPackages } from '../../docker/npm-packages.ts';
import { PLATFORMS, platformOf } from '../../docker/platform.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');

for (const platform of PLATFORMS) {
  test(`the image for ${platform.arch} has what the program loads, and nothing else`, (t) => {
    const names = productionPackages(REPOSITORY, platform).map(({ name }) => name);
    const own = [`node-linux-${platform.cpu}`, `@koromix/koffi-linux-${platform.cpu}`];
    for (const name of ['yaml', 'prom-client', 'koffi', ...own]) t.ok(names.includes(name), name);
    const foreign = names.filter((name) => /-(?:linux|darwin|win32|android|\w+bsd)-/.test(name));
    t.strictSame(foreign.sort(), own.sort());
    for (const name of ['tap', 'typescript', '@biomejs/biome']) t.notOk(names.includes(name), name);
    t.end();
  });
}

test('every package is one that the lock file vouches for', (t) => {
  for (const { name, integrity } of PLATFORMS.flatMap((platform) =>
    productionPackages(REPOSITORY, platform),
  )) {
    t.match(integrity, /^sha512-/, name);
  }
  t.end();
});

test('what only development needs is left out, also as a peer of what is not', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-lock-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const packages = {
    '': {},
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-AA==', license: 'MIT' },
    'node_modules/a/node_modules/@b/c': { version: '2.0.0', integrity: 'sha512-AA==' },
    'node_modules/d': { version: '1.0.0', dev: true },
    'node_modules/e': { version: '1.0.0', devOptional: true },
    'node_modules/f': { version: '1.0.0', os: ['darwin'] },
  };
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages }));
  const found = productionPackages(folder, platformOf('amd64'));
  t.strictSame(
    found.map(({ name, license }) => [name, license]),
    [
      ['a', 'MIT'],
      ['@b/c', 'NOASSERTION'],
    ],
  );
  t.end();
});

test('an architecture without an image is named', (t) => {
  t.equal(platformOf('x64').arch, 'amd64');
  t.throws(() => platformOf('riscv64'), { message: /riscv64: there is one for amd64 and arm64/ });
  t.end();
});
