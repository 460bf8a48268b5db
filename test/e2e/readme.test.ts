import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { measure, stories } from '../bench/stories.ts';
import { LIBCS, setupLab } from '../support/lab-story.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/performance.md'), 'utf8');

/** The cells of a row of the page's table: story, libc, directly, sidestub, dnsmasq, unbound. */
function cells(title: string, libc: string): string[] {
  const line = page.split('\n').find((row) => row.startsWith(`| ${title} | ${libc} |`));
  return (line ?? '').split('|').map((cell) => cell.trim());
}

function queriesIn(cell: string | undefined): number {
  return Number(/, (\d+) q/.exec(cell ?? '')?.[1]);
}

test('the query counts of the table of lookups are those that are seen', async (t) => {
  const lab = await setupLab(t);
  if (lab === undefined) return;
  const counted = stories.filter((story) => story.timed !== true);
  t.ok(counted.length > 0);
  for (const story of counted) {
    for (const libc of LIBCS) {
      const [, , , , sidestub] = cells(story.title, libc);
      const seen = await measure(lab, story, libc, 'sidestub');
      t.equal(queriesIn(sidestub), seen.queries, `${story.title}, ${libc}`);
      t.ok(seen.resolved === !sidestub?.startsWith('fails'), `${story.title}, ${libc}: outcome`);
    }
  }
});
