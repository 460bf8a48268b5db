import { test } from 'tap';
import { pipeline, type Stage } from '../../src/resolve/stage.ts';
import { answer, answering, promised, query } from './queries.ts';

test('stages are met in the order in which they stand, and what answers comes last', async (t) => {
  const met: string[] = [];
  const named =
    (name: string): Stage =>
    (next) =>
    (asking, asker) => {
      met.push(name);
      next(asking, asker);
    };
  const said = answer();
  const last = answering(async () => {
    met.push('last');
    return said;
  });
  const resolve = promised(pipeline([named('first'), named('second')], last));
  t.equal(await resolve(query('a.')), said);
  t.same(met, ['first', 'second', 'last']);
});
