// What `npm pack` makes installs into an empty folder and runs there, with nothing of this repository around it.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'tap';
import { formatEndpoint } from '../../src/endpoint.ts';
import { scratch, startSidestub } from '../observe/running-sidestub.ts';
import { productEnv } from '../support/product-env.ts';

const ROOT = join(import.meta.dirname, '../..');
const exec = promisify(execFile);

/** Through env(1): tap adds a loader to every Node child, and to what that starts. */
function run(program: string, words: readonly string[], cwd: string) {
  const path = `PATH=${dirname(process.execPath)}:${process.env['PATH']}`;
  // The newest Node first: a bin's shebang takes the first that it finds.
  return exec('env', ['-u', 'NODE_OPTIONS', path, program, ...words], { cwd, env: productEnv() });
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** As a user calls npm, but without its advice, which comes from the network. */
const QUIET = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];

/** Packs a copy: `npm pack` builds first, and must not pull dist/ away from under other tests. */
async function pack(folder: string): Promise<string> {
  const copy = join(folder, 'copy');
  for (const name of [
    'package.json',
    'README.md',
    'LICENSE',
    'docker',
    'rolldown.config.ts',
    'src',
  ]) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  await run('npm', ['pack', '--pack-destination', folder, ...QUIET], copy);
  return join(folder, `sidestub-${manifest.version}.tgz`);
}

/**
 * Installs the tarball beside copies of its dependencies, so that npm needs no registry: it takes what satisfies the
 * versions, and would fail offline for one that is missing.
 */
async function install(tarball: string, folder: string): Promise<string> {
  const { stdout } = await run(
    'npm',
    ['ls', '--omit=dev', '--omit=optional', '--all', '--parseable'],
    ROOT,
  );
  for (const path of stdout.split('\n')) {
    const [, name] = path.split(`${ROOT}/node_modules/`);
    if (name !== undefined) cpSync(path, join(folder, 'node_modules', name), { recursive: true });
  }
  const flags = ['--offline', '--omit=optional', '--ignore-scripts', ...QUIET];
  await run('npm', ['install', ...flags, tarball], folder);
  return join(folder, 'node_modules/sidestub');
}

test('the package', async (t) => {
  const folder = scratch(t);
  const tarball = await pack(folder);
  const elsewhere = join(folder, 'elsewhere');
  mkdirSync(elsewhere);
  const installed = await install(tarball, elsewhere);
  const sidestub = (...words: string[]) =>
    run(join(elsewhere, 'node_modules/.bin/sidestub'), words, elsewhere);

  await t.test('has what runs, and nothing of how it was made', (t) => {
    t.same(readdirSync(installed).sort(), ['LICENSE', 'README.md', 'dist', 'package.json']);
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
    t.strictSame(
      files.filter((name) => /\.(ts|map|tgz|log)$|test/.test(name)),
      [],
    );
    const told = files
      .filter((name) => /\.(js|json|md)$/.test(name))
      .filter((name) => readFileSync(join(installed, name), 'utf8').includes(ROOT));
    t.strictSame(told, [], 'no path of the machine that built it');
    t.end();
  });

  await t.test('says its version', async (t) => {
    const { stdout } = await sidestub('--version');
    t.equal(stdout, `sidestub ${manifest.version}\n`);
  });

  await t.test('teaches, command by command', async (t) => {
    const { stdout } = await sidestub('--help');
    t.match(stdout, `sidestub ${manifest.version}: `);
    const names = Array.from(stdout.matchAll(/^ {2}(\w+) {2,}/gm), ([, name = '']) => name);
    t.ok(names.length >= 5, names.join());
    for (const name of names) {
      const help = await sidestub(name, '--help');
      t.match(help.stdout, new RegExp(`^sidestub ${name}`), name);
    }
  });

  await t.test('runs: it answers, and tells of itself on every page', async (t) => {
    const running = await startSidestub(t, { cli: join(installed, 'dist/cli.js') });
    const { stdout } = await sidestub(
      'query',
      'git.example.com',
      '--server',
      formatEndpoint(running.dns),
    );
    t.match(stdout, /198\.51\.100\.7/);
    t.match((await running.event('listening'))['version'], manifest.version);
    const get = async (path: string) => (await fetch(`${running.url}${path}`)).text();
    const build = `sidestub_build_info\\{version="${manifest.version.replaceAll('.', '\\.')}"`;
    t.match(await get('/metrics'), new RegExp(build));
    t.match(await get('/'), new RegExp(`version ${manifest.version}`));
    t.equal(JSON.parse(await get('/ready')).version, manifest.version);
    const where = ['--server', formatEndpoint(running.dns), '--json'];
    const asked = await sidestub('query', 'git.example.com', ...where);
    t.equal(JSON.parse(asked.stdout).sidestub, manifest.version);
    t.equal((await running.stop()).code, 0);
    t.equal(running.log.at(-1)?.['version'], manifest.version, 'the last line too');
  });
});
