import { test } from 'tap';
import { pipeline, type Stage } from '../../src/resolve/stage.ts';
import { answer, query } from './queries.ts';

test('stages are met in the order in which they stand, and what answers comes last', async (t) => {
  const met: string[] = [];
  const named =
    (name: string): Stage =>
    (next) =>
    (asking) => {
      met.push(name);
      return next(asking);
    };
  const said = answer();
  const last = async () => {
    met.push('last');
    return said;
  };
  t.equal(await pipeline([named('first'), named('second')], last)(query('a.')), said);
  t.same(met, ['first', 'second', 'last']);
});
