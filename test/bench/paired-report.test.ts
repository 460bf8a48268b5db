import { test } from 'tap';
import type { LoadResult } from './load.ts';
import type { Course, Situation } from './paired.ts';
import { fillTables, medianRatio, tableText } from './paired-report.ts';

test('a ratio is the middle one of the rounds: what a round suffers, both suffer', async (t) => {
  t.equal(medianRatio([100, 50, 102], [80, 40, 85]), 1.25);
});

test('a table has the medians, the ratios that goals name, and a dash where nobody was measured', async (t) => {
  const udp: Situation = { name: 'UDP', load: { names: 1, window: 1 } };
  const tcp: Situation = { ...udp, name: 'TCP', without: ['dnsmasq'] };
  const course = (
    situation: Situation,
    contestant: Course['contestant'],
    perSecond: readonly number[],
  ): Course => ({
    situation,
    contestant,
    results: perSecond.map((value) => ({ perSecond: value }) as LoadResult),
  });
  const columns = [udp, tcp].map((situation) => ({
    situation,
    digits: 1,
    of: ({ perSecond }: LoadResult) => perSecond,
  }));
  const courses = [
    course(udp, 'sidestub', [30, 10, 20]),
    course(udp, 'dnsmasq', [10, 10, 10]),
    course(tcp, 'sidestub', [5, 6, 7]),
  ];
  const [table] = fillTables([{ heading: 'Queries', columns }], courses, ['sidestub', 'dnsmasq']);
  t.equal(
    table && tableText(table),
    [
      'Queries:',
      '',
      '| | UDP | TCP |',
      '|---|--:|--:|',
      '| sidestub | 20.0 | 6.0 |',
      '| dnsmasq | 10.0 | – |',
      '| **sidestub / dnsmasq** | 2.00 | – |',
    ].join('\n'),
  );
});
