// A cluster DNS that fails the conformance test (N2): slower in queries, never wrong, and it is said.
import { test } from 'tap';
import {
  bestOf,
  LIBCS,
  resolvesTo,
  roundTrips,
  setupLab,
  storyWorld,
  TIMED_RTT,
  withDaemon,
  within,
} from '../support/lab-story.ts';

const stub = { through: 'stub' } as const;

test('in front of kube-dns', async (t) => {
  const lab = await setupLab(t, storyWorld({ flavour: 'kube-dns' }));
  if (lab === undefined) return;
  await lab.setFaults({ delay: TIMED_RTT });

  for (const libc of LIBCS) {
    await t.test(`${libc}: a cold walk takes two round trips without cuts`, async (t) => {
      const taken = await bestOf(roundTrips(2.8), () =>
        withDaemon(lab, {}, async () => {
          const lookup = await lab.lookup(libc, 'git.example.com', stub);
          resolvesTo(t, lookup, ['192.0.2.1', '2001:db8::1']);
          return lookup.ms;
        }),
      );
      within(t, taken, roundTrips(2.8), 'cold');
    });

    await t.test(`${libc}: services resolve as ever`, async (t) => {
      await withDaemon(lab, {}, async () => {
        for (const [name, address] of [
          ['kubernetes.default', '10.96.0.1'],
          ['web-0.nginx', '10.244.9.10'],
        ] as const) {
          resolvesTo(t, await lab.lookup(libc, name, stub), [address]);
        }
      });
    });
  }

  await t.test('a metric and the log say so', async (t) => {
    await withDaemon(lab, {}, async (daemon) => {
      await lab.lookups('musl', ['git.example.com', 'registry.example.com'], stub);
      const metrics = await daemon.metrics();
      t.match(metrics, /^sidestub_zone_conformance\{.*state="nonconforming".*\} 1$/m);
      t.match(metrics, /^sidestub_search_expansions_total\{fate="cut"\} 0$/m, 'no cuts');
      const event = daemon.log.find(({ event: name }) => name === 'conformance');
      t.match(event, { level: 'warn', verdict: 'nonconforming', zone: 'cluster.local.' });
    });
  });
});
