// Without sidestub: what libc and cluster DNS do to each other. These facts are why it exists, and they prove that the
// lab is faithful: a lab in which they do not hold proves nothing about sidestub either.
import { test } from 'tap';
import {
  LIBCS,
  RTT,
  resolvesTo,
  roundTrips,
  setupLab,
  TIMED_RTT,
  within,
} from '../support/lab-story.ts';

const direct = { through: 'direct' } as const;

test('directly', async (t) => {
  const lab = await setupLab(t);
  if (lab === undefined) return;

  for (const libc of LIBCS) {
    await t.test(`${libc}: a cold walk takes five round trips and ten queries`, async (t) => {
      await lab.setFaults({ delay: RTT });
      await lab.forget();
      const lookup = await lab.lookup(libc, 'git.example.com', direct);
      resolvesTo(t, lookup, ['192.0.2.1', '2001:db8::1']);
      t.ok(lookup.ms >= 5 * RTT, `five round trips: ${lookup.ms} ms`);
      const asked = await lab.asked();
      t.equal(asked.length, 10);
      const ports = new Set(asked.map(({ peer }) => peer.port));
      t.equal(ports.size, 5, 'A and AAAA leave one socket (M3, G1)');
    });

    await t.test(`${libc}: a pair that races costs seconds`, async (t) => {
      await lab.setFaults({ delay: RTT, raceRatio: 1 });
      const lookup = await lab.lookup(libc, 'git.example.com.', direct);
      resolvesTo(t, lookup, ['192.0.2.1', '2001:db8::1']);
      const stall = libc === 'musl' ? 2_500 : 5_000;
      t.ok(lookup.ms >= stall, `the resend comes after ${stall} ms: ${lookup.ms} ms`);
    });
  }

  await t.test('NXDOMAIN for AAAA denies the name to musl, not to glibc (M5)', async (t) => {
    await lab.setFaults({ delay: RTT, aaaa: 'nxdomain' });
    const [musl, glibc] = await Promise.all([
      lab.lookup('musl', 'git.example.com', direct),
      lab.lookup('glibc', 'git.example.com', direct),
    ]);
    t.not(musl.rc, 0, musl.error);
    resolvesTo(t, glibc, ['192.0.2.1']);
  });

  await t.test(
    'NODATA under a suffix ends the search of musl, not of glibc (M6, G5)',
    async (t) => {
      await lab.setFaults({ missing: [{ suffix: 'corp.example.', a: 'nodata', aaaa: 'nodata' }] });
      const [musl, glibc] = await Promise.all([
        lab.lookup('musl', 'git.example.com', direct),
        lab.lookup('glibc', 'git.example.com', direct),
      ]);
      t.not(musl.rc, 0, musl.error);
      resolvesTo(t, glibc, ['192.0.2.1', '2001:db8::1']);
    },
  );

  await t.test('four lost datagrams fail a lookup of musl after 5 s (M1)', async (t) => {
    await lab.setFaults({});
    await lab.forget();
    lab.loseNext(4);
    const lookup = await lab.lookup('musl', 'git.example.com.', direct);
    lab.loseNext(0);
    t.not(lookup.rc, 0, lookup.error);
    t.ok(lookup.ms >= 5_000, `${lookup.ms} ms`);
    t.equal((await lab.asked()).length, 0, 'no DNS pod was asked');
  });

  await t.test('a public second server wins with its NXDOMAIN in musl, not in glibc', async (t) => {
    await lab.setFaults({ delay: 60 });
    const both = { through: 'both-servers' } as const;
    t.not((await lab.lookup('musl', 'kubernetes.default', both)).rc, 0, 'musl asks both at once');
    resolvesTo(t, await lab.lookup('glibc', 'kubernetes.default', both), ['10.96.0.1']);
  });

  await t.test('a short name in the cluster takes one round trip', async (t) => {
    await lab.setFaults({ delay: TIMED_RTT });
    let best = Number.POSITIVE_INFINITY;
    for (let runs = 0; runs < 3; runs++) {
      best = Math.min(best, (await lab.lookup('musl', 'nginx', direct)).ms);
    }
    within(t, best, roundTrips(1.8), 'nginx');
  });
});
