// A family that is broken never breaks the other (F3 to F5), and a suffix that says NODATA never ends the walk (N7).
import { type Test, test } from 'tap';
import type { Milliseconds } from '../../src/clock.ts';
import type { Lab } from '../support/lab.ts';
import type { Libc } from '../support/lab-client.ts';
import type { LabFaults } from '../support/lab-faults.ts';
import {
  bestOf,
  LIBCS,
  RTT,
  resolvesTo,
  setupLab,
  withDaemon,
  within,
} from '../support/lab-story.ts';

const stub = { through: 'stub' } as const;
/** No lookup takes longer: what a person takes for "at once", and a fifth of what libc waits. */
const ONE_SECOND = 1_000;

const broken: readonly [string, LabFaults][] = [
  ['AAAA is NXDOMAIN', { aaaa: 'nxdomain' }],
  ['AAAA is SERVFAIL', { aaaa: 'servfail' }],
  ['AAAA is never answered', { aaaa: 'silent' }],
];

test('through sidestub', async (t) => {
  const lab = await setupLab(t);
  if (lab === undefined) return;

  for (const [story, faults] of broken) {
    for (const libc of LIBCS) {
      await t.test(`${libc}: ${story}: A resolves, in under a second`, async (t) => {
        const taken = await bestOf(ONE_SECOND, async () => {
          await lab.setFaults({ delay: RTT });
          return withDaemon(lab, {}, async () => {
            await lab.setFaults({ delay: RTT, ...faults });
            return slowest(t, lab, libc);
          });
        });
        within(t, taken, ONE_SECOND, 'the slowest of three');
      });

      // The conformance test asks for an AAAA too: there may never be a verdict (N2).
      await t.test(`${libc}: ${story}, from the start and in the cluster: the same`, async (t) => {
        await lab.setFaults({ delay: RTT, ...faults });
        const taken = await bestOf(ONE_SECOND, async () => {
          const daemon = await lab.startDaemon();
          try {
            await daemon.untilReady();
            return await slowest(t, lab, libc);
          } finally {
            await daemon.kill();
          }
        });
        within(t, taken, ONE_SECOND, 'the slowest of three');
      });
    }
  }

  const suffix = 'corp.example.';
  const odd: readonly [string, LabFaults][] = [
    ['A is NODATA, AAAA NXDOMAIN', { missing: [{ suffix, a: 'nodata' }] }],
    ['A and AAAA are NODATA', { missing: [{ suffix, a: 'nodata', aaaa: 'nodata' }] }],
  ];
  for (const [story, faults] of odd) {
    for (const libc of LIBCS) {
      const title = `${libc}: under the corporate suffix ${story}: the walk goes on`;
      await t.test(title, async (t) => {
        await lab.setFaults({ delay: RTT, ...faults });
        await withDaemon(lab, {}, async () => {
          const lookup = await lab.lookup(libc, 'git.example.com', stub);
          resolvesTo(t, lookup, ['192.0.2.1', '2001:db8::1']);
        });
      });
    }
  }
});

/** Looks names with an A record up, each of which must resolve, and gives the longest time. */
async function slowest(t: Test, lab: Lab, libc: Libc): Promise<Milliseconds> {
  const names = ['git.example.com', 'registry.example.com', 'only4.example.com'];
  const lookups = await lab.lookups(libc, names, stub);
  const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.4'];
  lookups.forEach((lookup, index) => {
    resolvesTo(t, lookup, [addresses[index] ?? '']);
  });
  return Math.max(...lookups.map(({ ms }) => ms));
}
