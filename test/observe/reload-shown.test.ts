// Who reloads a daemon sees on its page what is in effect then, and finds the query log where it is turned over.
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { replaceFile } from '../support/replace-file.ts';
import { scratch, startSidestub } from './running-sidestub.ts';

test('after a reload the page has the settings in effect, and the query log its new file', async (t) => {
  const folder = scratch(t);
  const queries = join(folder, 'queries.jsonl');
  const sidestub = await startSidestub(t, { folder, settings: { queryLog: { to: queries } } });
  const setting = async (key: string): Promise<string | undefined> => {
    const page = await (await fetch(sidestub.url)).text();
    const pattern = new RegExp(`<code>${key}</code></dt>\\s*<dd><code>(.*?)</code>`);
    return pattern.exec(page)?.[1];
  };
  t.equal(await setting('search.mode'), 'prove');
  t.equal(await setting('tcp.idle'), '10s');
  await sidestub.lookup('git.example.com');
  renameSync(queries, `${queries}.1`);
  const file = join(folder, 'sidestub.yaml');
  const settings = JSON.parse(readFileSync(file, 'utf8'));
  settings.search.mode = 'off';
  settings.tcp = { idle: '20s' };
  replaceFile(file, JSON.stringify(settings));
  sidestub.reload();
  await sidestub.event('reloaded');
  t.equal(await setting('search.mode'), 'off', 'what a reload changes');
  t.equal(await setting('tcp.idle'), '10s', 'what only a restart changes is still the old one');
  t.match(await sidestub.event('restart_needed'), { settings: ['tcp'] });
  await sidestub.lookup('packages.example.com');
  await sidestub.stop();
  t.match(readFileSync(`${queries}.1`, 'utf8'), /git\.example\.com/);
  t.match(readFileSync(queries, 'utf8'), /packages\.example\.com/);
});
