// The rows of docs/failures.md in their short form: `npm run bench -- failures` measures them in full.
// SIGHUP under load and SIGTERM with 200 in flight have their own tests, in test/commands/run/reload.test.ts.
import { test } from 'tap';
import { failureRows } from '../bench/failures/failure-rows.ts';
import { figureText, type Row, shortfall } from '../bench/failures/row.ts';
import { LAB_TOOLS, required } from '../support/lab-requirements.ts';

/** Rows that spend their time waiting run side by side: by the beginnings of their names. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  'datagrams get lost': ['loss-'],
  'pairs in either order': ['auto-'],
  'real libcs walk through loss': ['walk-'],
  'an upstream has too much to do': ['overload'],
  'servers die and come back': ['equal-', 'ordered', 'outage'],
  'the node forgets its connections': ['restart'],
  'a backend is taken away': ['backend'],
  'backends are replaced': ['rolling-'],
  'backends go before the rules change': ['abrupt-'],
  'DNS over TLS': ['dot-'],
  'everything at once': ['soak'],
};
/** On a machine that others use too the best of so many runs counts. */
const RUNS = 5;

for (const [title, beginnings] of Object.entries(GROUPS)) {
  test(title, async (t) => {
    const rows = failureRows.filter(({ name }) => beginnings.some((each) => name.startsWith(each)));
    if (!required(t, rows.some(({ inLab }) => inLab) ? LAB_TOOLS : ['openssl'])) return;
    const misses = await Promise.all(rows.map(missesOf));
    for (const [i, row] of rows.entries()) {
      t.strictSame(misses[i]?.missed, [], `${row.name}: ${misses[i]?.measured}`);
    }
  });
}

test('every row is run somewhere', async (t) => {
  const elsewhere = ['reload', 'stop'];
  const beginnings = [...Object.values(GROUPS).flat(), ...elsewhere];
  const left = failureRows.filter(({ name }) => !beginnings.some((each) => name.startsWith(each)));
  t.strictSame(left, []);
});

async function missesOf(row: Row): Promise<{ missed: string[]; measured: string }> {
  for (let runs = 1; ; runs++) {
    const figures = await row.measure('sidestub', 'short');
    const missed = figures.flatMap((figure) => shortfall(figure, 'short') ?? []);
    const measured = figures.map(figureText).join(', ');
    if (missed.length === 0 || runs === RUNS) return { missed, measured };
  }
}
