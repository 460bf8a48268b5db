// The documentation reads well on its own, and what it says can be done.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'tap';
import { parse } from 'yaml';
import type { Command, CommandTable } from '../../src/commands/command.ts';
import { runCommandLine } from '../../src/commands/command-line.ts';
import { loadSettings } from '../../src/config/load.ts';
import { SETTING_KEYS } from '../../src/config/schema.ts';
import { yamlLayer } from '../../src/config/yaml-file.ts';
import { InputError } from '../../src/input-error.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { rules } from '../e2e/monitoring.ts';
import { configurationDoc } from './configuration-doc.ts';
import { codeBlocks, docPages, linkedPages, links, wideLines } from './pages.ts';

const pages = docPages();
const blocks = pages.flatMap(codeBlocks);

test('every link leads somewhere', (t) => {
  const all = pages.flatMap(links);
  t.ok(all.length > 30, `${all.length} links`);
  const broken = all.filter((link) => link.broken !== undefined);
  t.strictSame(
    broken.map(({ where, target, broken: why }) => `${where}: ${target}: ${why}`),
    [],
  );
  t.end();
});

test('every page can be reached from docs/index.md', (t) => {
  const reached = new Set(['docs/index.md']);
  for (const path of reached) {
    const page = pages.find((each) => each.path === path);
    // A folder stands for the pages in it; docs itself would stand for all that this test looks for.
    const below = pages.filter((each) => path !== 'docs' && each.path.startsWith(`${path}/`));
    for (const next of [
      ...(page === undefined ? [] : linkedPages(page)),
      ...below.map((p) => p.path),
    ]) {
      reached.add(next);
    }
  }
  const lost = pages.filter(({ path }) => path.startsWith('docs/') && !reached.has(path));
  t.strictSame(
    lost.map(({ path }) => path),
    [],
    'add them to docs/index.md',
  );
  t.end();
});

test('a page has one title, and says in its first lines what it is for', (t) => {
  for (const { path, text } of pages) {
    if (!path.startsWith('docs/')) continue;
    const prose = text.replace(/^```[\s\S]*?^```$/gm, '');
    t.match(text, /^# \S.*\n\n\S/, path);
    if (path !== 'docs/rules.md') t.equal(prose.match(/^# /gm)?.length, 1, path);
  }
  t.end();
});

test('a line of text has at most 120 columns', (t) => {
  // Lines of the changelog are not wrapped anew once they are released.
  const wrapped = pages.filter(({ path }) => path !== 'CHANGELOG.md');
  t.strictSame(wrapped.flatMap(wideLines), []);
  t.end();
});

test('docs/configuration.md has the reference that the table of settings makes', (t) => {
  const { found, expected } = configurationDoc();
  t.equal(found, expected, 'run: npx node test/docs/configuration-doc.ts');
  t.end();
});

test('docs/configuration.md tells of every setting, and of none that is not there', (t) => {
  const { found } = configurationDoc();
  const told = Array.from(found.matchAll(/^### (\S+)$/gm), ([, key]) => key);
  t.strictSame(told, [...SETTING_KEYS]);
  t.end();
});

test('every sidestub command line in a block is one that the program understands', async (t) => {
  const asked: string[] = [];
  for (const { language, text, where } of blocks) {
    if (language !== 'sh') continue;
    for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
      const match = /(?:^|[|&;] *)(?:[A-Z_]+=\S+ )*(?:npx )?sidestub (.+?)(?: +[|>#].*)?$/.exec(
        line.trim(),
      );
      if (match === null) continue;
      const { code, stderr } = await understand(wordsOf(match[1] ?? ''), asked);
      t.equal(code, 0, `${where}: ${line}\n${stderr}`);
    }
  }
  t.ok(asked.length >= 5, `${asked.length} command lines`);
});

test('every configuration in a block loads', (t) => {
  const sections = new Set(SETTING_KEYS.map((key) => key.split('.')[0]));
  let loaded = 0;
  for (const { language, text, where } of blocks) {
    if (language !== 'yaml') continue;
    // A manifest, or a part of one, which then says whose it is.
    if (/^\s*-?\s*apiVersion:/m.test(text) || /^# of /.test(text)) continue;
    const keys = Object.keys(parse(text) as object);
    t.strictSame(
      keys.filter((key) => !sections.has(key)),
      [],
      `${where}: not a setting`,
    );
    t.strictSame(problemsOf(text), [], where);
    loaded++;
  }
  t.ok(loaded >= 4, `${loaded} configurations`);
  t.end();
});

test('metrics and rules that a page names are there', (t) => {
  const declared = createMetrics().registry.metrics.flatMap(({ name }) => [
    name,
    `${name}_bucket`,
    `${name}_sum`,
    `${name}_count`,
  ]);
  const recorded = rules().flatMap(({ record }) => (record === undefined ? [] : [record]));
  const known = new Set([...declared, ...recorded]);
  for (const { path, text } of pages) {
    const named = text.match(/\b(?:job:)?sidestub_[a-z_:0-9]+\b/g) ?? [];
    t.strictSame(
      named.filter((name) => !known.has(name)),
      [],
      path,
    );
  }
  t.end();
});

test('the messages of ours that people search for are what the program says', (t) => {
  const page = pages.find(({ path }) => path === 'docs/troubleshooting.md')?.text ?? '';
  for (const [told, file, said] of [
    ['listen udp 127.0.0.1:53: not permitted', 'src/listen/listen-error.ts', ': not permitted'],
    [
      'already in use by another process',
      'src/listen/listen-error.ts',
      'already in use by another process',
    ],
    ['is sidestub itself', 'src/daemon/daemon.ts', 'an upstream is sidestub itself'],
    ['needs Node >= 24', 'src/cli.ts', 'needs Node >= '],
    [
      'no interface has this address',
      'src/listen/listen-error.ts',
      'no interface has this address',
    ],
    ['names no nameserver', 'src/config/checks.ts', 'names no nameserver'],
    [
      'denied within the last five minutes',
      'src/resolve/stale-answers.ts',
      'denied within the last five',
    ],
    ['no upstream answered in time', 'src/resolve/servfail.ts', 'no upstream answered in time'],
    [
      'upstream refused the connection',
      'src/resolve/servfail.ts',
      'upstream refused the connection',
    ],
    ['upstream cannot be reached', 'src/resolve/servfail.ts', 'upstream cannot be reached'],
    [
      'upstream is not who it should be',
      'src/resolve/servfail.ts',
      'upstream is not who it should',
    ],
    ['too many questions in flight', 'src/resolve/servfail.ts', 'too many questions in flight'],
  ] as const) {
    t.ok(page.includes(told), told);
    const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    t.ok(source.includes(said), `${file}: ${said}`);
  }
  t.end();
});

test('every event of the log is told of, and none that is not there', (t) => {
  const page = pages.find(({ path }) => path === 'docs/operating.md')?.text ?? '';
  const [, table = ''] = page.split('## The log');
  const told = Array.from(
    (table.split('\n### ')[0] ?? '').matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm),
    ([, names = '']) => Array.from(names.matchAll(/\w+/g), ([name]) => name),
  ).flat();
  const folders = ['daemon', 'observe', 'commands/run'];
  const sources = [
    '../../src/commands/run.ts',
    ...folders.flatMap((folder) => {
      const url = new URL(`../../src/${folder}/`, import.meta.url);
      return readdirSync(url).map((name) => `../../src/${folder}/${name}`);
    }),
  ].map((path) => readFileSync(new URL(path, import.meta.url), 'utf8'));
  const call =
    /\blog(?:\.(?:debug|info|warn|error)|\[[^\]]*\])\(\s*(?:[^()?]*\? )?'(\w+)'(?: : '(\w+)')?/g;
  const said = sources.flatMap((text) => [...text.matchAll(call)].flatMap(([, ...names]) => names));
  const events = new Set(said.filter((name) => name !== undefined));
  t.ok(events.size > 12, [...events].join());
  t.strictSame(told.toSorted(), [...events, 'query'].toSorted(), 'the query log has its own');
  t.end();
});

test('the messages of others that people search for are what the libcs say', (t) => {
  const page = pages.find(({ path }) => path === 'docs/troubleshooting.md')?.text ?? '';
  for (const [libc, messages] of [
    [
      '/lib/x86_64-linux-gnu/libc.so.6',
      [
        'Temporary failure in name resolution',
        'Name or service not known',
        'No address associated with hostname',
      ],
    ],
    ['/lib/x86_64-linux-musl/libc.so', ['Try again', 'Name does not resolve']],
  ] as const) {
    const octets = existsSync(libc) ? readFileSync(libc, 'latin1') : undefined;
    for (const message of messages) {
      t.ok(page.includes(`\`${message}\``), message);
      if (octets === undefined) t.pass(message, { skip: `no ${libc} here` });
      else t.ok(octets.includes(message), `${libc}: ${message}`);
    }
  }
  t.end();
});

/** The words of a simple command line: quotes group, nothing else is special. */
function wordsOf(line: string): string[] {
  return Array.from(
    line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g),
    ([, a, b, c]) => a ?? b ?? c ?? '',
  );
}

/** Runs a command line as the program does, but for the command's own work. */
async function understand(words: readonly string[], asked: string[]) {
  const cli = readFileSync(new URL('../../src/cli.ts', import.meta.url), 'utf8');
  const names = Array.from(
    cli.matchAll(/import\('\.\/commands\/(\w+)\.ts'\)/g),
    ([, name]) => name ?? '',
  );
  const table: CommandTable = Object.fromEntries(
    names.map((name) => [
      name,
      async () => {
        // biome-ignore lint/plugin: the names are those that cli.ts lists
        const { command } = (await import(`../../src/commands/${name}.ts`)) as { command: Command };
        const main = () => Promise.resolve(0);
        return { command: { ...command, main } };
      },
    ]),
  );
  let stderr = '';
  asked.push(words.join(' '));
  const code = await runCommandLine(words, table, {
    env: {},
    version: '0.0.0',
    stdout: { write: () => undefined },
    stderr: {
      write: (text) => {
        stderr += text;
      },
    },
  });
  return { code, stderr };
}

function problemsOf(text: string): string[] {
  const files = new Map([
    ['sidestub.yaml', text],
    [
      '/etc/resolv.conf',
      'search job.svc.cluster.local svc.cluster.local cluster.local\nnameserver 192.0.2.1\n',
    ],
  ]);
  try {
    loadSettings({
      flags: { config: 'sidestub.yaml' },
      env: {},
      readFile: (path) => files.get(path) ?? '',
      yamlLayer,
      machine: ['127.0.0.1'],
    });
    return [];
  } catch (error) {
    if (error instanceof InputError)
      return error.problems.map(({ place, reason }) => `${place}: ${reason}`);
    throw error;
  }
}
