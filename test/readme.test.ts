import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { loadSettings } from '../src/config/load.ts';
import { yamlLayer } from '../src/config/yaml-file.ts';
import { productEnv } from './support/product-env.ts';

const ROOT = join(import.meta.dirname, '..');
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** The code blocks of one language, in their order. */
function blocks(language: string): string[] {
  return [...readme.matchAll(/```(\w+)\n([\s\S]*?)```/g)]
    .filter(([, name]) => name === language)
    .map(([, , text = '']) => text);
}

const lines = blocks('sh').flatMap((block) => block.trim().split('\n'));

test('every npm script that the README names exists', (t) => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const named = lines.flatMap((line) => {
    const match = /^npm (?:run )?(\S+)/.exec(line);
    return match?.[1] === undefined || match[1] === 'ci' ? [] : [match[1]];
  });
  t.ok(named.length >= 3, `scripts named: ${named}`);
  for (const name of named) t.ok(scripts[name], name);
  t.end();
});

test('the configuration in the README loads, and its comments are true of it', (t) => {
  const [yaml = ''] = blocks('yaml');
  const { settings } = loadSettings({
    flags: { config: 'sidestub.yaml' },
    env: {},
    yamlLayer,
    readFile: (path) => (path === 'sidestub.yaml' ? yaml : 'search job.svc.cluster.local\n'),
    machine: [],
  });
  t.equal(settings.upstreams[0]?.[0]?.name, 'udp://10.96.0.10:53');
  t.same(settings.search.pin, ['git.example.com.']);
  t.same(settings.families.order, { kind: 'auto' });
  t.same(settings.status.address, { address: '127.0.0.1', port: 9553 });
  t.end();
});

test('the sidestub commands of the README that need no server run', (t) => {
  const commands = lines.filter((line) => line.startsWith('npx sidestub config'));
  t.ok(commands.length >= 2);
  const env = productEnv();
  for (const line of commands) {
    const [, , ...argv] = line.split(' ');
    const cli = join(ROOT, 'src/cli.ts');
    const ran = spawnSync(process.execPath, [cli, ...argv], { env, encoding: 'utf8' });
    t.equal(ran.status, 0, `${line}\n${ran.stderr}`);
  }
  t.end();
});

test('the rows of the README are rows of docs/performance.md', (t) => {
  const page = readFileSync(join(ROOT, 'docs/performance.md'), 'utf8').split('\n');
  const rows = [...readme.matchAll(/^\| [^|]+ \| (?:musl|glibc) \|.*\|$/gm)].map(([row]) => row);
  t.ok(rows.length >= 6, `${rows.length} rows`);
  for (const row of rows)
    t.ok(
      page.some((line) => line.startsWith(row)),
      row,
    );
  t.end();
});

test('the README lists every command, and no other', (t) => {
  const listed = [...readme.matchAll(/^\| `sidestub (\w+)/gm)].map(([, name]) => name).sort();
  const cli = readFileSync(join(ROOT, 'src/cli.ts'), 'utf8');
  const known = [...cli.matchAll(/import\('\.\/commands\/(\w+)\.ts'\)/g)].map(([, name]) => name);
  t.same(listed, known.sort());
  t.end();
});

test('every file that the README links to is there', (t) => {
  const links = [...readme.matchAll(/\]\(([^)#]+)\)/g)].map(([, path = '']) => path);
  t.ok(links.length > 0);
  for (const path of links) t.ok(readFileSync(join(ROOT, path)).length > 0, path);
  t.end();
});
