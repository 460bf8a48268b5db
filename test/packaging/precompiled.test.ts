// What `npm run build` makes, started as users start it: from bytecode, wherever that fits.
import { isAscii } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'tap';
import { CODE_CACHE } from '../../src/boot/code-cache.ts';
import { scratch, startSidestub } from '../observe/running-sidestub.ts';
import { productEnv } from '../support/product-env.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** What the image starts Node with. */
const IMAGE_FLAGS = ['--max-semi-space-size=1', '--no-parallel-scavenge', '--v8-pool-size=1'];
const VERSION = /^sidestub \d/;

/** Through env(1): tap hands its loader to every child, and neither the bundler nor the program is to have it. */
function node(words: readonly string[]): string {
  return execFileSync('env', ['-u', 'NODE_OPTIONS', process.execPath, ...words], {
    cwd: ROOT,
    encoding: 'utf8',
    env: productEnv(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** As package.json's script does, into a folder. */
function build(folder: string): string {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const [bundle = '', bytecode = ''] = scripts.build.split(' && ');
  const dist = join(folder, 'dist');
  const [, ...flags] = bundle.split(' ');
  node([join(ROOT, 'node_modules/rolldown/bin/cli.mjs'), ...flags, '--dir', dist]);
  node([...bytecode.split(' ').slice(1, -1), dist]);
  surround(dist);
  return dist;
}

/** What the program finds beside itself. */
function surround(dist: string): void {
  for (const name of ['package.json', 'node_modules']) {
    symlinkSync(join(ROOT, name), join(dist, '..', name));
  }
}

/** Starts the program of a folder as its entry does, and says at the end whether all of it came from bytecode. */
function tellingCli(dist: string): string {
  const file = join(dist, '../telling.mts');
  const boot = (name: string): string => JSON.stringify(join(ROOT, 'src/boot', name));
  const text = `import { createRequire } from 'node:module';
    import { CodeCache } from ${boot('code-cache.ts')};
    import { Program } from ${boot('program.ts')};
    const folder = ${JSON.stringify(dist)};
    const require = createRequire(import.meta.url);
    const program = new Program({ folder, cache: CodeCache.open(folder), require });
    process.on('exit', () => {
      const { isPrecompiled } = program;
      process.stdout.write(JSON.stringify({ isPrecompiled }) + '\\n');
    });
    program.load('main.js');\n`;
  writeFileSync(file, text);
  return file;
}

test('the program that was built', async (t) => {
  const folder = scratch(t);
  const dist = build(join(folder, 'one'));
  const cli = tellingCli(dist);
  const bare = join(folder, 'bare/dist');
  cpSync(dist, bare, { recursive: true, filter: (path) => !path.endsWith(CODE_CACHE) });
  surround(bare);

  await t.test('runs from bytecode, with the flags of the image and without', async (t) => {
    t.match(node([cli, '--version']), '"isPrecompiled":true');
    t.match(node([...IMAGE_FLAGS, cli, '--version']), '"isPrecompiled":true');
    const flags = IMAGE_FLAGS.map((flag) => JSON.stringify(flag)).join(', ');
    const dockerfile = readFileSync(join(ROOT, 'docker/Dockerfile'), 'utf8');
    t.match(dockerfile, `"/usr/bin/node", ${flags}, "/app/dist/cli.js"`);
  });

  await t.test('takes one octet of memory for each character of its text', (t) => {
    const files = readdirSync(dist).filter((file) => file.endsWith('.js'));
    t.ok(files.length > 2);
    for (const file of files) t.ok(isAscii(readFileSync(join(dist, file))), file);
    t.end();
  });

  await t.test('runs all the same where V8 has other flags, or there is no bytecode', async (t) => {
    for (const words of [['--no-flush-bytecode', cli], [tellingCli(bare)]]) {
      const told = node([...words, '--version']);
      t.match(told, VERSION);
      t.match(told, '"isPrecompiled":false');
    }
    t.match(node([join(bare, 'cli.js'), '--version']), VERSION);
  });

  await t.test('its entry takes the bytecode', async (t) => {
    const file = join(folder, 'entry.cjs');
    const text = `const { readdirSync, readlinkSync } = require('node:fs');
      process.on('exit', () => {
        for (const fd of readdirSync('/proc/self/fd')) {
          try { console.log(readlinkSync('/proc/self/fd/' + fd)); } catch {}
        }
      });
      require(${JSON.stringify(join(dist, 'cli.js'))});`;
    writeFileSync(file, text);
    t.match(node([file, '--version']), join(dist, CODE_CACHE));
  });

  await t.test('the same octets, wherever they are made', async (t) => {
    const other = build(join(folder, 'a-folder-with-a-longer-name'));
    const [first, second] = [dist, other].map((each) => readFileSync(join(each, CODE_CACHE)));
    t.ok(first?.equals(second ?? Buffer.of()));
  });

  await t.test('a daemon has all that it loads as bytecode', async (t) => {
    // What a rehearsal loads comes after `heap-growing-percent` is set, and is compiled.
    const daemon = await startSidestub(t, { cli, settings: { rehearsal: false } });
    await daemon.lookup('git.example.com');
    t.equal((await fetch(`${daemon.url}/metrics`)).status, 200);
    t.match(await daemon.stop(), { code: 0 });
    t.match(daemon.log.at(-1), { isPrecompiled: true });
  });
});
