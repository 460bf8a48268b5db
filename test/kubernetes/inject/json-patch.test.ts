import { test } from 'tap';
import { add, applyPatch, pointerTokens } from '../../../src/kubernetes/inject/json-patch.ts';

test('pointers escape what means something in them (RFC 6901 §3)', (t) => {
  const { path } = add(['a/b', 'c~d', '~1', 0, ''], 1);
  t.equal(path, '/a~1b/c~0d/~01/0/');
  t.strictSame(pointerTokens(path), ['a/b', 'c~d', '~1', '0', '']);
  t.end();
});

test('a patch makes a new document and leaves the old one', (t) => {
  const before = { list: [1, 2], map: {} };
  const after = applyPatch(before, [
    add(['list', 0], 0),
    add(['list', '-'], 3),
    add(['map', 'x'], []),
    add(['map', 'x', '-'], 'y'),
  ]);
  t.strictSame(after, { list: [0, 1, 2, 3], map: { x: ['y'] } });
  t.strictSame(before, { list: [1, 2], map: {} });
  t.end();
});

test('a patch for another document is an error that names the path', (t) => {
  t.throws(() => applyPatch({}, [add(['spec', 'volumes', '-'], 1)]), {
    message: /spec\/volumes\/-/,
  });
  t.throws(() => applyPatch({ a: 1 }, [add(['a', 'b'], 1)]), { message: /\/a\/b/ });
  t.end();
});
