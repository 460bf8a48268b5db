import { test } from 'tap';
import { Deadlines } from '../../src/deadlines.ts';
import { HeldQuestions } from '../../src/resolve/held-questions.ts';
import { HandClock } from '../support/hand-clock.ts';

const SPAN = 4_500;
const anyone = () => true;

/** Questions that are held, by name, and what has become of them. */
function scene() {
  const clock = new HandClock();
  const deadlines = new Deadlines(clock, SPAN);
  const questions = new HeldQuestions();
  const gone: string[] = [];
  const over: string[] = [];
  const hold = (name: string, client?: string, go?: () => void): void => {
    const holding = {
      client,
      go: () => {
        gone.push(name);
        go?.();
      },
      onTimeOver: () => void over.push(name),
    };
    questions.hold(holding, deadlines);
  };
  return { clock, questions, gone, over, hold };
}

test('S1: questions are let go in the order they came, of one client after the other', (t) => {
  const { questions, gone, hold } = scene();
  for (const name of ['a1', 'a2', 'a3', 'b1', 'b2']) hold(name, name.slice(0, 1));
  questions.release(2, anyone);
  t.strictSame(gone, ['a1', 'b1']);
  questions.release(1, (client) => client !== 'a');
  t.strictSame(gone, ['a1', 'b1', 'b2'], 'not of a client that may ask no more');
  questions.release(5, anyone);
  t.strictSame(gone, ['a1', 'b1', 'b2', 'a2', 'a3']);
  t.end();
});

test('U2: a question is over when it was held for the whole span, and a question that was let go never is', async (t) => {
  const { clock, questions, gone, over, hold } = scene();
  hold('first');
  await clock.advance(1_000);
  hold('second');
  questions.release(1, anyone);
  await clock.advance(SPAN - 1);
  t.strictSame([gone, over], [['first'], []]);
  await clock.advance(1);
  t.strictSame([gone, over], [['first'], ['second']]);
  questions.release(5, anyone);
  t.strictSame(gone, ['first'], 'what is over is not let go');
});

test('a question that was let go leaves no timer', (t) => {
  const { clock, questions, hold } = scene();
  hold('only', 'a');
  questions.release(1, anyone);
  t.equal(clock.timers, 0);
  t.end();
});

test('S1: a question that ends at once when it is let go lets no others go', (t) => {
  const { questions, gone, hold } = scene();
  const again = () => questions.release(1, anyone);
  for (const name of ['a', 'b', 'c']) hold(name, name, again);
  questions.release(1, anyone);
  t.strictSame(gone, ['a']);
  questions.release(1, anyone);
  t.strictSame(gone, ['a', 'b'], 'and later releases do');
  t.end();
});
