import { test } from 'tap';
import { formatProblem, InputError } from '../src/input-error.ts';

test('every problem has one line, whatever its value holds', (t) => {
  const odd = { place: 'a\nb', reason: 'not a name: \u001b[31m\u007f\u0085é' };
  t.equal(formatProblem(odd), 'a\\x0ab: not a name: \\x1b[31m\\x7f\\x85é');
  const error = new InputError([odd, { place: 'c', reason: 'd' }]);
  t.equal(error.message.split('\n').length, 2);
  t.equal(error.problems.length, 2);
  t.end();
});
