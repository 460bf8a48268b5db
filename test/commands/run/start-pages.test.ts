import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'tap';
import {
  loadUnmap,
  unchangedFiles,
  unmapStartPages,
} from '../../../src/commands/run/start-pages.ts';
import { startSidestub } from '../../observe/running-sidestub.ts';

/** A mapping as smaps has it. */
function mapping(head: string, counts: Readonly<Record<string, number>> = {}): string {
  const all = { Size: 64, Rss: 32, Anonymous: 0, Swap: 0, ...counts };
  const lines = Object.entries(all).map(([name, kb]) => `${name}:    ${kb} kB\n`);
  return `${head}\n${lines.join('')}THPeligible:    0\nVmFlags: rd mr mw me \n`;
}

test('mapped files that cannot have changed are found', (t) => {
  const at = '00400000-00410000';
  const file = '00000000 fe:00 5366308    /usr/bin/node';
  const found = (...mappings: string[]) => unchangedFiles(mappings.join(''));
  const span = { at: 0x400000, octets: 0x10000 };
  t.same(found(mapping(`${at} r--p ${file}`)), [span], 'constants');
  t.same(
    found(
      mapping(`${at} r-xp ${file}`),
      mapping('7f7400000000-7f7400001000 r-xp 0 fe:00 7 /a b (deleted)'),
    ),
    [span, { at: 0x7f7400000000, octets: 0x1000 }],
    'code',
  );
  for (const [why, head] of [
    ['is written to', `${at} rw-p ${file}`],
    ['is shared', `${at} r--s ${file}`],
    ['is not readable', `${at} ---p ${file}`],
    ['is not a file', `${at} r--p 00000000 00:00 0    [vvar]`],
    ['is anonymous', `${at} r-xp 00000000 00:00 0 `],
  ] as const) {
    t.same(found(mapping(head), mapping(`${at} rw-p ${file}`)), [], why);
  }
  const relocated = `${at} r--p ${file}`;
  t.same(found(mapping(relocated, { Anonymous: 4 })), [], 'the linker has written to it');
  t.same(found(mapping(relocated, { Swap: 4 })), [], 'and that was swapped out');
  for (const name of ['Anonymous', 'Swap']) {
    const untold = mapping(relocated).replace(new RegExp(`^${name}:.*\n`, 'm'), '');
    t.same(found(untold), [], `${name} is not told`);
  }
  t.same(found(''), []);
  t.end();
});

const unmap = loadUnmap();
const skip = unmap === undefined ? 'no koffi here' : rssFile('self') === 0 && 'no RssFile here';

test('this process goes on without most of its program, between pauses that may end it', {
  skip,
}, async (t) => {
  if (unmap === undefined) return;
  const spans: number[] = [];
  const before = rssFile('self');
  let pauses = 0;
  const stop = new Error('stop');
  const some = unmapStartPages(unmap, async () => {
    if (++pauses === 3) throw stop;
  });
  await t.rejects(some, stop);
  pauses = 0;
  await unmapStartPages(
    (span) => {
      spans.push(span.octets);
      unmap(span);
    },
    async () => void pauses++,
  );
  t.ok(rssFile('self') < before / 2, `${rssFile('self')} of ${before} KiB`);
  t.ok(spans.length > 3);
  t.equal(pauses, spans.length, 'one before each');
});

test('a daemon gives most of its program back once it is ready, and works', {
  skip,
}, async (t) => {
  const sidestub = await startSidestub(t);
  await sidestub.event('ready');
  const before = rssFile(sidestub.pid);
  for (let i = 0; i < 200 && rssFile(sidestub.pid) > 0.7 * before; i++) await wait(50);
  t.ok(rssFile(sidestub.pid) <= 0.7 * before, `${rssFile(sidestub.pid)} of ${before} KiB`);
  t.ok((await sidestub.lookup('git.example.com')).addresses.length > 0);
  t.match(await sidestub.stop(), { code: 0, stderr: '' });
});

/** How much of mapped files is resident, in KiB. */
function rssFile(pid: number | 'self'): number {
  return Number(
    /^RssFile:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0,
  );
}
