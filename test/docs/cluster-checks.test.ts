import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { byName, usual } from '../cluster/checks.ts';

const page = readFileSync(new URL('../../docs/kubernetes.md', import.meta.url), 'utf8');

test('each check on the node has a row in the list of what was tested', (t) => {
  const [, table = ''] = /^\| Check \| .*\n\| --- .*\n((?:\|.*\n)+)/m.exec(page) ?? [];
  const rows = [...table.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name);
  const names = [...usual, ...byName].map(({ name }) => name);
  t.strictSame(rows.toSorted(), names.toSorted());
  t.end();
});
