// The walk through the search list (N3, N4): what a job's first lookups cost.
import { type Test, test } from 'tap';
import type { Milliseconds } from '../../src/clock.ts';
import type { Lab } from '../support/lab.ts';
import type { Libc } from '../support/lab-client.ts';
import {
  bestOf,
  LIBCS,
  questions,
  resolvesTo,
  roundTrips,
  setupLab,
  TIMED_RTT,
  withDaemon,
  withFreshDaemon,
  within,
} from '../support/lab-story.ts';

const stub = { through: 'stub' } as const;
const GIT = ['192.0.2.1', '2001:db8::1'];

/** What V8 takes to compile the path of a query, measured 4 to 8 ms here: a process pays it once. */
const FIRST_RUN: Milliseconds = 10;

test('through sidestub', async (t) => {
  const lab = await setupLab(t);
  if (lab === undefined) return;
  await lab.setFaults({ delay: TIMED_RTT });

  for (const libc of LIBCS) {
    await t.test(`${libc}: a cold walk takes two round trips and seven queries`, async (t) => {
      const taken = await bestOf(roundTrips(2.8), () =>
        withDaemon(lab, {}, async () => {
          const lookup = await lab.lookup(libc, 'git.example.com', stub);
          resolvesTo(t, lookup, GIT);
          const asked = questions(await lab.asked());
          t.ok(asked.length <= 7, `queries: ${asked.length}`, { asked });
          return lookup.ms;
        }),
      );
      within(t, taken, roundTrips(2.8), 'cold');
    });

    await t.test(
      `${libc}: so does the first lookup of all, but for code that runs first`,
      async (t) => {
        const limit = roundTrips(2.8) + FIRST_RUN;
        const taken = await bestOf(limit, () =>
          withFreshDaemon(lab, {}, async () => {
            const lookup = await lab.lookup(libc, 'git.example.com', stub);
            resolvesTo(t, lookup, GIT);
            const asked = questions(await lab.asked());
            t.ok(asked.length <= 7, `queries: ${asked.length}`, { asked });
            return lookup.ms;
          }),
        );
        within(t, taken, limit, 'first');
      },
    );

    await t.test(`${libc}: the next name under that TLD takes three queries`, async (t) => {
      const taken = await bestOf(roundTrips(2.8), () =>
        withDaemon(lab, {}, async (daemon) => {
          await lab.lookup(libc, 'git.example.com', stub);
          await lab.forget();
          const lookup = await lab.lookup(libc, 'registry.example.com', stub);
          resolvesTo(t, lookup, ['192.0.2.2', '2001:db8::2']);
          t.match(await daemon.metrics(), /^sidestub_search_expansions_total\{fate="cut"\} [1-9]/m);
          const asked = questions(await lab.asked());
          t.ok(asked.length <= 3, `queries: ${asked.length}`, { asked });
          return lookup.ms;
        }),
      );
      within(t, taken, roundTrips(2.8), 'next');
    });

    await t.test(`${libc}: the same again takes no query and under 2 ms`, async (t) => {
      const taken = await bestOf(2, () => warmLookup(t, lab, libc));
      within(t, taken, 2, 'warm');
    });

    await t.test(`${libc}: a TLD that may be a namespace waits once for its proof`, async (t) => {
      let next = Number.POSITIVE_INFINITY;
      const first = await bestOf(roundTrips(3.8), () =>
        withDaemon(lab, {}, async () => {
          // `dev` is a namespace in many clusters, though not in this one.
          const [europe, us] = await lab.lookups(
            libc,
            ['europe-docker.pkg.dev', 'us-docker.pkg.dev'],
            stub,
          );
          if (europe === undefined || us === undefined) throw new Error('two names were asked for');
          resolvesTo(t, europe, ['192.0.2.30', '2001:db8::30']);
          resolvesTo(t, us, ['192.0.2.31', '2001:db8::31']);
          next = Math.min(next, us.ms);
          return europe.ms;
        }),
      );
      within(t, first, roundTrips(3.8), 'first');
      within(t, next, roundTrips(2.8), 'next');
    });

    await t.test(`${libc}: a name that exists nowhere fails as fast as the walk`, async (t) => {
      const taken = await bestOf(roundTrips(2.8), () =>
        withDaemon(lab, {}, async () => {
          const lookup = await lab.lookup(libc, 'nowhere.example.com', stub);
          t.not(lookup.rc, 0, lookup.error);
          t.strictSame(lookup.addresses, []);
          return lookup.ms;
        }),
      );
      within(t, taken, roundTrips(2.8), 'nowhere');
    });
  }
});

async function warmLookup(t: Test, lab: Lab, libc: Libc): Promise<number> {
  return withDaemon(lab, {}, async () => {
    const name = 'git.example.com';
    await lab.lookup(libc, name, stub);
    await lab.forget();
    // The first of a process also reads its files.
    const [, ...warm] = await lab.lookups(libc, Array(21).fill(name), stub);
    for (const lookup of warm) resolvesTo(t, lookup, GIT);
    t.strictSame(questions(await lab.asked()), []);
    return Math.min(...warm.map(({ ms }) => ms));
  });
}
