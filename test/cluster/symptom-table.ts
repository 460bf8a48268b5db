import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './places.ts';

/** The first column of the quick start's table of symptoms, a row each. */
export function symptomRows(): readonly string[] {
  const page = readFileSync(join(REPOSITORY, 'docs/quickstart-gitlab.md'), 'utf8');
  const [, table = ''] =
    /^\| You see \| What it is \|\n\| --- \| --- \|\n((?:\|.*\n)+)/m.exec(page) ?? [];
  return table
    .trim()
    .split('\n')
    .map((row) => row.split(' | ')[0]?.slice(2) ?? '');
}
