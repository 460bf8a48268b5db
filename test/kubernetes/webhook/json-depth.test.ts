import fc from 'fast-check';
import { test } from 'tap';
import { isNestedDeeper } from '../../../src/kubernetes/webhook/json-depth.ts';

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test('the depth of JSON is what a parser would find, whatever stands in its strings', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(6), (value, max) => {
        return isNestedDeeper(JSON.stringify(value), max) === depthOf(value) > max;
      }),
    ),
  );
  t.equal(isNestedDeeper('{"a":"[[[[\\"[[","b":[[1]]}', 3), false);
  t.equal(isNestedDeeper('{"a":"[[[[\\"[[","b":[[1]]}', 2), true);
  t.equal(isNestedDeeper('['.repeat(201), 200), true);
  t.end();
});
