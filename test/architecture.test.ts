import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'tap';

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');

const read = (path: string): string => readFileSync(path, 'utf8');

/** Every TypeScript file below a folder. */
function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => join(folder, path))
    .sort();
}

/** The folder, or the file at the root of src, that a path belongs to: `wire`, `clock`. */
function moduleOf(path: string): string {
  const [first = ''] = relative(SRC, path).split('/');
  return first.replace(/\.ts$/, '');
}

/** The files of src that a text imports: statically, for its types only, or when it runs. */
function importedFiles(path: string, text: string): string[] {
  const specifiers = text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*'(\.[^']+)'/g);
  return [...specifiers].map(([, specifier = '']) => resolve(dirname(path), specifier));
}

const architecture = read(join(ROOT, 'ARCHITECTURE.md'));

/** The order that ARCHITECTURE.md states, so that what it says and what the code does cannot differ. */
function statedOrder(): string[] {
  const [, section = ''] = architecture.split('## Who may import whom');
  const [order = ''] = section.match(/(?:^ {4}.*\n)+/m) ?? [];
  return order.trim().split(/\s+< |, /);
}

/** What stands outside the order may import these and itself; whoever comes late in the order may import it. */
const APART: Readonly<Record<string, readonly string[]>> = {
  kubernetes: ['observe', 'input-error'],
};
const MAY_IMPORT_APART: ReadonlySet<string> = new Set(['commands']);

/** Why `from` may not import `to`; `undefined` where it may. */
function objection(order: readonly string[], from: string, to: string): string | undefined {
  if (from === to) return undefined;
  const allowed = APART[from];
  if (allowed !== undefined) {
    return allowed.includes(to)
      ? undefined
      : `${from} imports only ${allowed.join(', ') || 'itself'}`;
  }
  if (to in APART) return MAY_IMPORT_APART.has(from) ? undefined : `${to} stands apart`;
  return order.indexOf(to) < order.indexOf(from) ? undefined : `${to} comes after ${from}`;
}

test('the stated order names every folder and file at the root of src, and nothing else', async (t) => {
  const stated = [...statedOrder(), ...Object.keys(APART)].sort();
  const there = [...new Set(sources(SRC).map(moduleOf))].sort();
  t.same(stated, there);
  t.match(architecture, /`kubernetes` stands apart: it imports only `observe` and `input-error`/);
});

test('imports point one way, as ARCHITECTURE.md says', async (t) => {
  const order = statedOrder();
  let imports = 0;
  const objections: string[] = [];
  for (const path of sources(SRC)) {
    for (const imported of importedFiles(path, read(path))) {
      imports++;
      const why = imported.startsWith(SRC)
        ? objection(order, moduleOf(path), moduleOf(imported))
        : 'src imports nothing outside itself';
      if (why !== undefined) {
        objections.push(`${relative(ROOT, path)} imports ${relative(ROOT, imported)}: ${why}`);
      }
    }
  }
  t.same(objections, []);
  t.ok(imports > 300, `${imports} imports were read`);
});

/** The first circle among the files of src, by what each imports; `undefined` where there is none. */
function circle(imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const cleared = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (cleared.has(file)) return undefined;
    for (const next of imports.get(file) ?? []) {
      const found = visit(next, [...path, file]);
      if (found !== undefined) return found;
    }
    cleared.add(file);
    return undefined;
  };
  for (const file of imports.keys()) {
    const found = visit(file, []);
    if (found !== undefined) return found;
  }
  return undefined;
}

test('no files import each other in a circle, for types either', async (t) => {
  const imports = new Map(sources(SRC).map((path) => [path, importedFiles(path, read(path))]));
  t.same(
    circle(imports)?.map((path) => relative(SRC, path)),
    undefined,
  );
  t.same(circle(new Map(Object.entries({ a: ['b'], b: ['c'], c: ['b'] }))), ['b', 'c', 'b']);
});

test('the check objects to what points the wrong way', async (t) => {
  const order = statedOrder();
  for (const [from, to] of [
    ['wire', 'clock'],
    ['cli', 'commands'],
    ['daemon', 'assemble'],
    ['kubernetes', 'observe'],
    ['commands', 'kubernetes'],
  ] as const) {
    t.equal(objection(order, from, to), undefined, `${from} may import ${to}`);
  }
  for (const [from, to] of [
    ['wire', 'resolve'],
    ['resolve', 'assemble'],
    ['commands', 'cli'],
    ['kubernetes', 'wire'],
    ['kubernetes', 'clock'],
    ['resolve', 'kubernetes'],
  ] as const) {
    t.ok(objection(order, from, to), `${from} may not import ${to}`);
  }
  const text = `import { a } from './a.ts';\nconst b = await import('../b.ts');\nimport './c.ts';`;
  t.equal(importedFiles(join(SRC, 'wire/name.ts'), text).length, 3);
});

test('every file of src that ARCHITECTURE.md names is there', async (t) => {
  const [, path = ''] = architecture.split('## The path of a packet');
  const named = [...path.matchAll(/\b((?:[a-z-]+\/)+[a-z-]+\.ts)\b/g)].map(([, name = '']) => name);
  const missing = named.filter(
    (name) =>
      !sources(SRC).includes(join(name.startsWith('src/') ? ROOT : SRC, name)) &&
      !name.startsWith('test/'),
  );
  t.same(missing, []);
  t.ok(named.length > 10, `${named.length} files are named`);
});

test('no file passes on what another exports (style: no barrels)', async (t) => {
  const barrels = sources(SRC).filter((path) => /^export\b[^;=()]*\bfrom\s*'/m.test(read(path)));
  t.same(barrels, []);
  t.same(
    sources(SRC).filter((path) => path.endsWith('/index.ts')),
    [],
  );
});

test('files are called after what they hold (style: no utils, helpers, manager, types)', async (t) => {
  const vague = /(?:^|[/-])(?:types?|utils?|common|helpers?|managers?|misc)(?:-[a-z]+)*(?:\.ts|\/)/;
  t.match('resolve/types.ts', vague);
  const names = [...sources(SRC), ...sources(join(ROOT, 'test'))].map((path) =>
    relative(ROOT, path),
  );
  t.same(
    names.filter((name) => vague.test(name)),
    [],
  );
});

/** What looks like a number of docs/rules.md: L1 … S4, M1 …, G1 …. */
const RULE = /\b[LNFCUSMG]\d{1,2}\b/g;

test('every rule that code or a test cites is in docs/rules.md', async (t) => {
  const rules = new Set(
    [...read(join(ROOT, 'docs/rules.md')).matchAll(/^(?:###|-) ([LNFCUSMG]\d{1,2}) /gm)].map(
      ([, rule = '']) => rule,
    ),
  );
  t.ok(rules.size > 40, `${rules.size} rules`);
  const unknown: string[] = [];
  let cited = 0;
  for (const path of [...sources(SRC), ...sources(join(ROOT, 'test'))]) {
    for (const [rule] of read(path).matchAll(RULE)) {
      cited++;
      if (!rules.has(rule)) unknown.push(`${relative(ROOT, path)}: ${rule}`);
    }
  }
  t.same(unknown, []);
  t.ok(cited > 500, `${cited} citations were read`);
});
