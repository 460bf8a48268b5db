import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { explanationOf, lineOf, SURVIVORS } from './survivors.ts';
import { testsOf } from './tests-of.ts';

test('what is said of a survivor is said of a line that is there', async (t) => {
  for (const each of SURVIVORS) {
    const line = lineOf(each);
    t.ok(line > 0, `${each.file}: ${each.code}`);
    t.equal(explanationOf(each.file, line, each.becomes ?? 'anything'), each.why);
    t.equal(explanationOf(each.file, line + 1, each.becomes ?? 'anything'), undefined);
  }
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
