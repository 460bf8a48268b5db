import { test } from 'tap';
import { DOH_FAULTS } from '../doh-upstream.ts';
import { askOverDoh, startDohWorld } from '../stories/doh.ts';

test('a DoH server that spoils half of its responses: three requests a question, the first good one counts, nothing freezes', async (t) => {
  for (const method of ['post', 'get'] as const) {
    const parts = await startDohWorld(t, method);
    for (const fault of DOH_FAULTS) {
      for (const early of [false, true]) {
        const what = `${method}, ${fault}${early ? ', before the body has come' : ''}`;
        const told = await askOverDoh(t, parts, { fault, early, seconds: 0.4 });
        t.match(told, { wrong: 0, denied: 0, health: 'well' }, what);
        t.ok(told.answered > 0, 'some are answered');
        t.ok(told.most <= 3, 'RFC 9520 §3.1');
        // Each name costs its A, and AAAA beside it.
        t.ok(told.requests <= 6 * told.questions, `${told.requests} of ${told.questions}`);
        t.ok(told.slowest < 4_500 + 500, `${told.slowest} ms`);
      }
    }
  }
});
