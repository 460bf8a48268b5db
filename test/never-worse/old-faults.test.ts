import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { OLD_FAULTS } from './old-faults.ts';

const ROOT = join(import.meta.dirname, '../..');

test('each old fault can be put back: what it changes stands in the sources exactly once', (t) => {
  for (const { name, edits } of OLD_FAULTS) {
    for (const { file, old } of edits) {
      const text = readFileSync(join(ROOT, file), 'utf8');
      t.equal(text.split(old).length - 1, 1, `${name}: ${file}: ${old}`);
    }
  }
  t.end();
});
