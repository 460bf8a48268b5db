import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';

const ROOT = join(import.meta.dirname, '../..');

/** What each script of package.json is told that it does not know, and what it has to say. */
const WRONG: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['bench', ['rtt', '--nonsense'], /--nonsense/],
  ['bench', ['rtt', 'nonsense'], /unknown: nonsense; there are directly, /],
  ['bench', ['hits', 'nonsense'], /unknown: nonsense; there are .*sidestub/],
  ['bench', ['nonsense'], /usage: /],
  ['cluster', ['nonsense'], /usage: /],
  ['hostile', ['nonsense'], /unknown: nonsense; there are queries, /],
  ['image', ['--nonsense'], /--nonsense/],
  ['meshes', ['nonsense'], /unknown: nonsense; there are istio, .*kyverno/],
  ['mutate', ['nonsense'], /no such file or folder: src\/nonsense/],
  ['never-worse', ['--nonsense'], /--nonsense/],
  ['release', ['--nonsense'], /--nonsense/],
  ['rules-bite', ['nonsense'], /unknown: nonsense; there are L1, /],
];

test('a script that is told what it does not know says so in a line, does nothing and fails', async (t) => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const [name, args, says] of WRONG) {
    const [, script] = /^node (\S+)$/.exec(scripts[name]) ?? [];
    t.type(script, 'string', name);
    const { status, stdout, stderr } = spawnSync(process.execPath, [script ?? '', ...args], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    t.equal(status, 64, `${name} ${args}`);
    t.match(stderr, says);
    t.notMatch(stderr, /^ +at /m, 'no stack');
    t.equal(stdout, '');
  }
});
