import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'tap';

const ROOT = join(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');
const architecture = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');
const rules = readFileSync(join(ROOT, 'docs/rules.md'), 'utf8');

/** Each layer's modules, lowest first, as ARCHITECTURE.md draws them. */
const layers = (/^ {4}(clock.*<.*)$/m.exec(architecture)?.[1] ?? '')
  .split('<')
  .map((layer) => layer.split(',').map((name) => name.trim()));

/** Layers beside the others: what they may import, as ARCHITECTURE.md says. */
const aside = new Map([
  ['inject', []],
  ['webhook', ['inject', 'observe', 'wire', 'clock', 'endpoint']],
]);

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => join(folder, path));
}

/** `wire` for src/wire/name.ts, `clock` for src/clock.ts. */
function moduleOf(path: string): string {
  const [first = ''] = relative(SRC, path).split('/');
  return first.replace(/\.ts$/, '');
}

function importsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, target = '']) =>
    join(dirname(path), target),
  );
}

function levelOf(module: string): number {
  return layers.findIndex((layer) => layer.includes(module));
}

test('ARCHITECTURE.md draws every module of src/, and no other', (t) => {
  const drawn = [...layers.flat(), ...aside.keys()].sort();
  const there = [...new Set(sources(SRC).map(moduleOf))].sort();
  t.same(drawn, there);
  t.end();
});

test('imports point one way', (t) => {
  const wrong = sources(SRC).flatMap((path) => {
    const from = moduleOf(path);
    return importsOf(path)
      .map(moduleOf)
      .filter((to) => to !== from && !mayImport(from, to))
      .map((to) => `${relative(ROOT, path)} imports ${to}`);
  });
  t.same(wrong, []);
  t.end();
});

function mayImport(from: string, to: string): boolean {
  const allowed: readonly string[] | undefined = aside.get(from);
  if (allowed !== undefined) return allowed.includes(to);
  if (aside.has(to)) return from === 'commands';
  return levelOf(to) < levelOf(from);
}

test('no file is called for what it is not about', (t) => {
  const vague = sources(SRC)
    .map((path) => relative(SRC, path))
    .filter((path) =>
      /(^|\/)(types|utils?|common|helpers?|manager|index|misc)(\/|\.ts$)/.test(path),
    );
  t.same(vague, []);
  t.end();
});

test('every rule that code or a test cites is in docs/rules.md', (t) => {
  const known = new Set([...rules.matchAll(/^- ([A-Z]\d+)\b/gm)].map(([, rule]) => rule));
  t.ok(known.size > 30, `${known.size} rules`);
  const cited = [...sources(SRC), ...sources(join(ROOT, 'test'))].flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(/(?<![\w'"`.])([LNFCUSMG]\d{1,2})(?=[:,)\s]|\.\s)/g)]
      .map(([, rule = '']) => rule)
      .filter((rule) => !known.has(rule))
      .map((rule) => `${relative(ROOT, path)}: ${rule}`),
  );
  t.same([...new Set(cited)], []);
  t.end();
});
