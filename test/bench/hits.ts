import { chosen, paired, readPairedOptions, type Situation } from './paired.ts';
import { reportPaired } from './paired-report.ts';

/** Queries that are out at once: enough for full batches, too few for a full socket buffer. */
const WINDOW = 200;
/** What sidestub and Knot Resolver take of one connection before they wait for answers to leave. */
const PIPELINE = 100;
const SLOW = 10_000;

const plain = { window: WINDOW, names: 1_000 };

/** At full speed; figures are those of throughput and of CPU time. */
const FAST: readonly Situation[] = [
  { name: '1,000 names', load: plain },
  { name: '10,000 names', load: { ...plain, names: 10_000 } },
  { name: 'EDNS', load: { ...plain, edns: true } },
  { name: '20 % denied', load: { ...plain, denied: 20 } },
  { name: 'IPv6', load: plain, address: '::1' },
  {
    name: 'TCP',
    load: { ...plain, window: PIPELINE, tcp: true },
    // dnsmasq closes a connection after 100 queries, the echo knows datagrams only.
    without: ['dnsmasq', 'echo'],
  },
];
const PACED: Situation = { name: '10 k/s', load: { ...plain, rate: SLOW } };

/**
 * Cached hits: throughput and CPU time with 1,000 and 10,000 names, with EDNS, with a fifth of names that cuts deny, over
 * IPv6 and over one TCP connection, and CPU time at 10,000 queries/s.
 *
 * @param args - As `readPairedOptions`.
 */
export async function run(args: string[]): Promise<void> {
  const options = readPairedOptions(args);
  const situations = chosen([...FAST, PACED], options);
  const courses = await paired(options, situations);
  const throughput = situations
    .filter((situation) => situation !== PACED)
    .map((situation) => ({
      situation,
      digits: 1,
      of: ({ perSecond }: { perSecond: number }) => perSecond / 1_000,
    }));
  const time = situations.map((situation) => ({
    situation,
    digits: 2,
    of: ({ cpu }: { cpu: number }) => cpu,
  }));
  const tables = [
    { heading: 'Thousand queries a second', columns: throughput },
    { heading: 'CPU time of a query, microseconds', columns: time },
  ];
  reportPaired({ name: 'hits', tables, courses }, options);
}
