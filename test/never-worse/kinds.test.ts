import fc from 'fast-check';
import { test } from 'tap';
import { type Draw, draws, SOUND, SOUND_DRAW } from './draw.ts';
import { kindsOf } from './kinds.ts';

test('a draw is counted once for each of its kinds, and what is usual is none', async (t) => {
  const odd: Draw = {
    ...SOUND_DRAW,
    servers: [
      { ...SOUND, tcp: 'refused', says: { rcode: 'NODATA', family: 'A', names: 'all' } },
      { ...SOUND, tcp: 'refused', edns: 'NOTIMP', away: { from: 0, to: 100 } },
    ],
    routes: 'IPv4',
    nodeDaemon: true,
  };
  t.strictSame(
    [...kindsOf([odd, SOUND_DRAW])].toSorted(),
    [
      ['name both', 2],
      ['list plain', 2],
      ['two servers', 1],
      ['routes IPv4 alone', 1],
      ['node daemon', 1],
      ['TCP refused', 1],
      ['says NODATA', 1],
      ['EDNS NOTIMP', 1],
      ['away', 1],
    ].toSorted(),
  );
});

test('the most frequent kind comes first', async (t) => {
  const counts = [...kindsOf(fc.sample(draws, { seed: 1, numRuns: 100 })).values()];
  t.ok(counts.length > 20, `${counts.length} kinds in a hundred draws`);
  t.strictSame(
    counts,
    counts.toSorted((one, other) => other - one),
  );
});
