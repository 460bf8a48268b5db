// .gitlab-ci.yml, as far as it can be held against this repository.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '../..');
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

interface Job {
  readonly stage: string;
  readonly script: readonly string[];
  readonly rules?: readonly { readonly if: string }[];
}

const { stages, variables, default: _, ...jobs } = parse(read('.gitlab-ci.yml'));
const all = Object.entries<Job>(jobs);

test('every job of the pipeline runs in a stage that is there, and calls what is there', (t) => {
  const { scripts } = JSON.parse(read('package.json'));
  for (const [name, { stage, script }] of all) {
    t.ok(stages.includes(stage), name);
    for (const line of script) {
      const called = /npm run (\S+)/.exec(line)?.[1];
      if (called !== undefined) t.ok(scripts[called], `${name}: ${line}`);
      if (line.startsWith('.')) t.ok(existsSync(join(ROOT, line)), `${name}: ${line}`);
    }
  }
  for (const [name, command] of Object.entries<string>(scripts)) {
    const file = /^node (\S+\.ts)/.exec(command)?.[1];
    if (file !== undefined) t.ok(existsSync(join(ROOT, file)), `npm run ${name}: ${file}`);
  }
  t.end();
});

test('the pipeline releases a tag of a version alone, and every variable of its own is documented', (t) => {
  const releasing = all.filter(([, { script }]) =>
    script.some((line) => /push-release/.test(line)),
  );
  t.strictSame(
    releasing.map(([, { rules }]) => rules),
    [[{ if: '$CI_COMMIT_TAG =~ /^v\\d/' }]],
  );
  t.match(releasing[0]?.[1].script.join('\n'), 'npm run release -- --tag "$CI_COMMIT_TAG"');
  const page = read('docs/release.md');
  const ours = read('.gitlab-ci.yml').matchAll(/\b(CI_IMAGE|END_TO_END_TAG|COSIGN_[A-Z_]+)\b/g);
  for (const [name = ''] of [...ours, ...Object.keys(variables).map((each) => [each])])
    t.ok(page.includes(`\`${name}\``), name);
  t.end();
});
