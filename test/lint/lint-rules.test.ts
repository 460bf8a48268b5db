// The rules of lint/ are Biome plugins. One that does not parse or meets a node it does not know only leaves a notice,
// so each is held against a fixture: the lines that end in `// caught`, and no others.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';

const ROOT = join(import.meta.dirname, '../..');
const BIOME = join(ROOT, 'node_modules/.bin/biome');

const configuration = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8'));
const plugins: readonly string[] = configuration.plugins.map((plugin: string | { path: string }) =>
  typeof plugin === 'string' ? plugin : plugin.path,
);

/** The lines of a fixture that one rule alone objects to. */
function caught(t: Test, plugin: string, fixture: string): number[] {
  const folder = t.testdir();
  const alone = { plugins: [join(ROOT, plugin)], linter: { rules: { preset: 'none' } } };
  writeFileSync(join(folder, 'biome.json'), JSON.stringify({ root: true, ...alone }));
  writeFileSync(join(folder, 'fixture.ts'), fixture);
  const words = ['lint', '--reporter=github', '--max-diagnostics=none', 'fixture.ts'];
  const { stdout, stderr } = spawnSync(BIOME, words, { cwd: folder, encoding: 'utf8' });
  t.notMatch(stdout + stderr, /errored|::notice/, 'the rule itself is understood');
  const lines = stdout.matchAll(/^::error title=plugin,\S*?,line=(\d+),/gm);
  return [...new Set([...lines].map(([, line]) => Number(line)))].sort((a, b) => a - b);
}

for (const plugin of plugins) {
  const name = plugin.replace(/^.*\/|\.grit$/g, '');
  test(`${name} catches what its fixture marks, and nothing else`, async (t) => {
    const fixture = readFileSync(join(import.meta.dirname, `${name}.fixture`), 'utf8');
    const marked = fixture
      .split('\n')
      .flatMap((line, index) => (line.endsWith('// caught') ? [index + 1] : []));
    t.ok(marked.length > 2, `${marked.length} lines are marked`);
    t.strictSame(caught(t, plugin, fixture), marked);
  });
}

test('every rule of lint/ is in force (`npm run check` holds the code against them)', async (t) => {
  const files = readdirSync(join(ROOT, 'lint')).map((file) => `./lint/${file}`);
  t.strictSame([...plugins].sort(), files.sort());
});
