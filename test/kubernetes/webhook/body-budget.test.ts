import { test } from 'tap';
import { BodyBudget } from '../../../src/kubernetes/webhook/body-budget.ts';

test('past the bound of all bodies the oldest gives way, and what has ended counts no more (S1)', (t) => {
  const budget = new BodyBudget(100);
  const cut: string[] = [];
  const begin = (name: string) => budget.begin(() => cut.push(name));
  const [first, second, third] = [begin('first'), begin('second'), begin('third')];
  first.take(40);
  second.take(40);
  third.take(20);
  t.strictSame(cut, []);
  third.take(1);
  t.strictSame(cut, ['first']);
  first.take(1_000);
  first.end();
  t.strictSame(cut, ['first'], 'who has given way holds nothing');
  second.end();
  third.take(79);
  t.strictSame(cut, ['first']);
  third.take(1);
  t.strictSame(cut, ['first', 'third'], 'alone, it gives way to nobody but the bound');
  t.end();
});
