import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { test } from 'tap';
import { UsageError } from '../../src/commands/command.ts';
import { runCommandLine } from '../../src/commands/command-line.ts';
import { findPinnedNode, runWith } from '../../src/commands/pinned-node.ts';
import { productEnv } from '../support/product-env.ts';
import { type Captured, run } from './captured.ts';

const CLI = join(import.meta.dirname, '..', '..', 'src', 'cli.ts');

/** Runs the executable itself, as this Node or as one that `prelude` makes it seem. */
async function execute(words: readonly string[], prelude?: string): Promise<Captured> {
  const imports = prelude === undefined ? [] : ['--import', `data:text/javascript,${prelude}`];
  // tap loads itself into every Node below it.
  const env = productEnv();
  const child = spawn(process.execPath, [...imports, CLI, ...words], { env });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code, stdout, stderr };
}

/** Makes Node say that it is old, which it cannot be and still run a test. */
const OLD =
  "Object.defineProperty(process,'versions',{value:{...process.versions,node:'18.20.0'}});";

test('the executable knows every command of this release', async (t) => {
  const { code, stdout } = await execute(['--help']);
  t.equal(code, 0);
  for (const name of ['run', 'query', 'health', 'config', 'demo']) {
    t.match(stdout, new RegExp(`^ {2}${name} +\\S`, 'm'), name);
  }
});

test('an old Node hands over to the one beside it', async (t) => {
  const manifest = await readFile(join(CLI, '..', '..', 'package.json'), 'utf8');
  const { code, stdout } = await execute(['--version'], OLD);
  t.equal(stdout, `sidestub ${JSON.parse(manifest).version}\n`);
  t.equal(code, 0);
  const failed = await execute(['--nonsense'], OLD);
  t.equal(failed.code, 64, 'with its exit code');
});

test('an old Node with none beside it says which one it wants, exit 78', async (t) => {
  const alone = `${OLD}Object.defineProperty(process,'arch',{value:'none'});`;
  const { code, stdout, stderr } = await execute(['--version'], alone);
  t.equal(code, 78);
  t.equal(stdout, '');
  t.match(stderr, /^sidestub: needs Node >= 24: this is 18\.20\.0, and none is installed/);
});

test('the executable parses on an old Node: it imports nothing before it knows the version', async (t) => {
  const source = (path: string) => readFile(join(CLI, '..', path), 'utf8');
  // Type imports leave no trace in what ships.
  const imported = (text: string) => [...text.matchAll(/^import (?!type )[^;]*'([^']*)';$/gm)];
  t.same(imported(await source('cli.ts')), []);
  // What is built starts with this, which asks for no newer Node and for nothing of ours but its own room.
  const entry = await source('boot/entry.ts');
  t.match(entry, /^#!\/usr\/bin\/env node\n/);
  for (const file of ['entry.ts', 'program.ts', 'code-cache.ts']) {
    for (const [, specifier] of imported(await source(`boot/${file}`))) {
      t.match(specifier, /^node:|^\.\/(program|code-cache)\.ts$/);
    }
  }
});

test('a pinned Node that is too old or incomplete is no help', (t) => {
  const name = `node-${process.platform}-${process.arch}`;
  const found = (version: string, content: object) => {
    const manifest = JSON.stringify({ name, version });
    const directory = t.testdir({
      node_modules: { [name]: { 'package.json': manifest, ...content } },
    });
    return findPinnedNode(24, pathToFileURL(join(directory, 'cli.js')).href);
  };
  const bin = { bin: { node: '' } };
  t.match(found('26.10.0', bin), { version: '26.10.0', path: /bin\/node$/ });
  t.equal(found('22.1.0', bin), undefined, 'it would only come back here');
  t.equal(found('26.10.0', {}), undefined);
  t.equal(found('', bin), undefined);
  t.end();
});

test('signals and exit codes pass through', async (t) => {
  const directory = t.testdir({
    node: '#!/bin/sh\ntrap "exit 7" USR2\necho ready > "$1"\nwhile :; do sleep 0.01; done\n',
    fails: '#!/bin/sh\nexit 3\n',
  });
  const node = join(directory, 'node');
  await chmod(node, 0o755);
  await chmod(join(directory, 'fails'), 0o755);
  const listeners = process.listenerCount('SIGHUP');
  const at = (path: string) => ({ path, version: '26.0.0' });
  t.equal(await runWith(at(join(directory, 'fails')), []), 3);
  await t.rejects(runWith(at(join(directory, 'none')), []), { code: 'ENOENT' });
  const running = runWith(at(node), [join(directory, 'ready')]);
  // The shell has set its trap when the file is there.
  for (let tries = 0; tries < 1_000; tries++) {
    const there = await readFile(join(directory, 'ready'), 'utf8').catch(() => '');
    if (there === 'ready\n') break;
  }
  process.emit('SIGUSR2', 'SIGUSR2');
  t.equal(await running, 7);
  t.equal(process.listenerCount('SIGHUP'), listeners, 'nothing is left behind');
});

test('a mistaken word is exit code 64, and says what was meant', async (t) => {
  const wrong: [string[], string][] = [
    [['confg'], 'unknown command: confg (did you mean config?)\nTry: sidestub --help'],
    [['constructor'], 'unknown command: constructor'],
    [['help', 'me'], 'unknown command: me'],
    [['--config', 'a', 'config'], 'flag before the command: --config'],
    [
      ['config', '--chekc'],
      'unknown flag: --chekc (did you mean --check?)\nTry: sidestub config --help',
    ],
    [['config', '-x'], 'unknown flag: -x'],
    [['config', '--constructor'], 'unknown flag: --constructor'],
    [['config', '--check=yes'], '--check takes no value: yes'],
    [['config', '--config'], '--config needs a value: --config FILE'],
    [['config', '--listen', '--check'], '--listen needs a value: --listen ADDR:PORT'],
    [['config', '--config', 'a', '--config', 'b'], '--config stands twice'],
    [['config', 'x'], 'unexpected argument: x'],
  ];
  for (const [words, reason] of wrong) {
    const { code, stdout, stderr } = await run(words);
    t.equal(code, 64, words.join(' '));
    t.equal(stdout, '');
    t.equal(stderr.slice(0, reason.length + 10), `sidestub: ${reason}`);
  }
  t.equal((await run([])).code, 64, 'no word at all');
});

test('every command explains itself with an example', async (t) => {
  for (const name of ['config', 'query', 'health']) {
    for (const words of [
      [name, '--help'],
      [name, '-h'],
      ['help', name],
    ]) {
      const { code, stdout } = await run(words);
      t.equal(code, 0, words.join(' '));
      t.match(stdout, new RegExp(`^sidestub ${name}`));
      t.match(stdout, / {2}--listen ADDR:PORT/, 'the flags of the configuration');
      t.equal(
        stdout.split('\n').find((line) => line.length > 100),
        undefined,
      );
    }
  }
  t.match(await run(['--version']), { code: 0, stdout: 'sidestub 1.2.3\n' });
});

test('what nobody expected is a bug, exit 70, and never rejects', async (t) => {
  let stderr = '';
  const failing = (error: unknown) => ({
    fail: async () => ({
      command: { summary: '', usage: '', options: {}, main: () => Promise.reject(error) },
    }),
  });
  const surroundings = {
    env: {},
    stdout: { write: () => undefined },
    stderr: { write: (text: string) => (stderr += text) },
    version: '1.2.3',
  };
  t.equal(await runCommandLine(['fail'], failing(new Error('boom')), surroundings), 70);
  t.match(stderr, /this is a bug: Error: boom\n +at /);
  t.equal(await runCommandLine(['fail'], failing(new UsageError('no')), surroundings), 64);
});
