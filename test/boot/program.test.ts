import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import type { CodeCache } from '../../src/boot/code-cache.ts';
import { compileFile, Program } from '../../src/boot/program.ts';

const require = createRequire(import.meta.url);
const TEXTS = {
  'main.js': `
    exports.name = __filename;
    exports.folder = __dirname;
    exports.circle = require('./circle.js');
    exports.again = require('./circle.js') === exports.circle;
    exports.path = require('node:path');`,
  'circle.js': `exports.seen = Object.keys(require('./main.js'));`,
  'whole.js': `module.exports = () => 'what it exports is a function';`,
  'throws.js': `\nthrow new Error('no');`,
};

test('files require each other, and what Node has', (t) => {
  const folder = t.testdir(TEXTS);
  const program = new Program({ folder, cache: undefined, require });
  t.match(program.load('main.js'), {
    name: join(folder, 'main.js'),
    folder,
    circle: { seen: ['name', 'folder'] },
    again: true,
    path: require('node:path'),
  });
  const whole = program.load('whole.js') as () => string;
  t.equal(whole(), 'what it exports is a function');
  t.throws(() => program.load('none.js'), { code: 'ENOENT' });
  t.end();
});

/** The stack of what a file throws while it is loaded. */
function stackOf(program: Program): string | undefined {
  try {
    program.load('throws.js');
  } catch (error) {
    if (error instanceof Error) return error.stack;
  }
  return undefined;
}

test('an error tells the file and the line', (t) => {
  const folder = t.testdir(TEXTS);
  const program = new Program({ folder, cache: undefined, require });
  t.match(stackOf(program), `${join(folder, 'throws.js')}:2`);
  t.end();
});

test('a text may have any characters', (t) => {
  const text = `exports.text = 'Grüße, 名前 🜁';`;
  const folder = t.testdir({ 'umlauts.js': text, 'latin.js': `exports.text = 'é';` });
  const program = new Program({ folder, cache: undefined, require });
  t.same(program.load('umlauts.js'), { text: 'Grüße, 名前 🜁' });
  t.same(program.load('latin.js'), { text: 'é' });
  t.end();
});

/** The bytecode of a file, under the name that the build gives it. */
function bytecodeOf(folder: string, file: string): Buffer<ArrayBuffer> {
  const script = compileFile({ path: join(folder, file), filename: file });
  return Buffer.from(new Uint8Array(script.createCachedData()).buffer);
}

test('the bytecode of all files, or it is no precompiled program', (t) => {
  const made = mkdtempSync(join(tmpdir(), 'sidestub-program-'));
  t.teardown(() => rmSync(made, { recursive: true }));
  for (const [file, text] of Object.entries(TEXTS)) writeFileSync(join(made, file), text);
  const whole: CodeCache['read'] = (file) => bytecodeOf(made, file);
  const cases: readonly [what: string, read: CodeCache['read'], is: boolean][] = [
    ['of all', whole, true],
    ['not of all', (file) => (file === 'circle.js' ? undefined : whole(file)), false],
    ['of another file', (file) => whole(file === 'circle.js' ? 'main.js' : file), false],
    ['what is none', () => Buffer.from(new ArrayBuffer(100)), false],
  ];
  for (const [what, read, is] of cases) {
    // V8 does not read the bytecode of a text that it has compiled in this process; that of another length it has not.
    const texts = Object.entries(TEXTS).map(([file, text]) => [
      file,
      is ? text : `${text}//${what}`,
    ]);
    const folder = t.testdir(Object.fromEntries(texts));
    const program = new Program({ folder, cache: { read } as CodeCache, require });
    t.match(program.load('main.js'), { again: true }, `it runs, ${what}`);
    t.equal(program.isPrecompiled, is, what);
  }
  const none = new Program({ folder: made, cache: undefined, require });
  t.match(none.load('main.js'), { again: true });
  t.equal(none.isPrecompiled, false, 'none');
  t.end();
});

test('an error in a precompiled file tells its whole path', (t) => {
  const folder = t.testdir(TEXTS);
  const cache = { read: (file: string) => bytecodeOf(folder, file) } as CodeCache;
  const program = new Program({ folder, cache, require });
  t.match(stackOf(program), `${join(folder, 'throws.js')}:2`);
  t.end();
});
