import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { explanationOf, lineOf, SURVIVORS } from './survivors.ts';
import { testsOf } from './tests-of.ts';

// Whether each entry still matches its file is checked by `npm run mutate`: an edit of a source file should not have to
// edit the list too.
test('an explanation belongs to the line that has its code', async (t) => {
  const found = SURVIVORS.find((each) => lineOf(each) > 0);
  if (found === undefined) throw new Error('no survivor matches its file');
  const line = lineOf(found);
  t.equal(explanationOf(found.file, line, found.becomes ?? 'anything'), found.why);
  t.equal(explanationOf(found.file, line + 1, found.becomes ?? 'anything'), undefined);
  t.equal(lineOf({ file: 'src/clock.ts', code: 'no such code', why: '' }), 0);
});

test("a mutant meets its file's own tests first, and always some", async (t) => {
  t.equal(testsOf('src/wire/name.ts')[0], 'test/wire/name.test.ts');
  t.ok(testsOf('src/resolve/prefetch.ts').includes('test/scenario/prefetch.test.ts'));
  t.notOk(
    testsOf('src/wire/name.ts').includes('test/wire/corpus.test.ts'),
    'skipped without corpus',
  );
  const ofReplies = testsOf('src/listen/replies.ts');
  t.ok(ofReplies.includes('test/listen/udp.test.ts'), 'seen in what imports it');
  t.notOk(ofReplies.includes('test/listen/admit.test.ts'));
  for (const source of ['src/wire/message-writer.ts', 'src/upstream/socket-error.ts']) {
    const tests = testsOf(source);
    t.ok(
      tests.length > 0 &&
        tests.every((path) => existsSync(join(import.meta.dirname, '../..', path))),
    );
  }
});
