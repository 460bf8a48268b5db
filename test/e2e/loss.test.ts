// Datagrams that never arrive: the race in conntrack (F1, F2), loss (U2), a cluster that is not there yet.
import { test } from 'tap';
import type { Asked } from '../../src/demo/cluster.ts';
import type { World } from '../../src/demo/cluster-world.ts';
import { RrType } from '../../src/wire/codes.ts';
import {
  bestOf,
  exercised,
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
const GIT = ['192.0.2.1', '2001:db8::1'];

test('through sidestub', async (t) => {
  const lab = await setupLab(t, storyWorld({ namespaces: { many: services(16) } }));
  if (lab === undefined) return;

  for (const libc of LIBCS) {
    for (const order of ['serial', 'auto']) {
      await t.test(`${libc}: where every pair races, none of ours does (${order})`, async (t) => {
        await lab.setFaults({ delay: TIMED_RTT, raceRatio: 1 });
        const limit = 100 + roundTrips(2.8);
        const taken = await bestOf(limit, () =>
          withDaemon(lab, { settings: { families: { order } } }, async () => {
            const before = lab.conntrack();
            const names = [
              'git.example.com',
              'registry.example.com',
              'mirror.example.net',
              'nginx',
            ];
            const lookups = await lab.lookups(libc, names, stub);
            for (const lookup of lookups) t.equal(lookup.error, '', lookup.name);
            const asked = await lab.asked();
            t.ok(
              asked.some(({ qtype }) => qtype === RrType.AAAA),
              'both families were asked',
            );
            t.strictSame(sharedPorts(asked), [], 'each question in flight has a port of its own');
            t.strictSame(lab.conntrack(), before, 'no insert_failed, no clash_resolve, no drop');
            return Math.max(...lookups.map(({ ms }) => ms));
          }),
        );
        within(t, taken, limit, 'the slowest of four');
      });
    }

    await t.test(
      `${libc}: behind a middlebox that drops close repeats of a name, pairs go one after the other, and none is lost`,
      async (t) => {
        await lab.setFaults({ delay: 10 });
        await withDaemon(lab, { settings: { families: { order: 'auto' } } }, async (daemon) => {
          const serial = async () =>
            /^sidestub_upstream_serial\{.*\} 1$/m.test(await daemon.metrics());
          t.notOk(await serial(), 'staggered at first');
          // Only now: the daemon's own pairs at its start would show it the middlebox.
          await lab.setFaults({ delay: 10, dropsRepeats: true });
          const names = Object.keys(services(16)).map((name) => `${name}.many`);
          const lookups = await lab.lookups(libc, names, stub);
          const missed = (await lab.asked()).filter(({ dropped }) => dropped === 'repeat');
          t.ok(missed.length >= 2, `${missed.length} were dropped`);
          for (const { name, error, ms } of lookups) {
            t.equal(error, '', name);
            // One that is lost takes libc 2.5 s (musl) or 5 s (glibc).
            t.ok(ms < 1_000, `${name}: ${ms} ms`);
          }
          t.ok(await serial(), 'serial within 16 pairs');
        });
      },
    );

    await t.test(`${libc}: four lost datagrams cost less than a second`, async (t) => {
      await lab.setFaults({ delay: TIMED_RTT });
      const taken = await bestOf(1_000, () =>
        withDaemon(lab, {}, async () => {
          lab.loseNext(4);
          const lookup = await lab.lookup(libc, 'git.example.com', stub);
          t.equal(lab.lost(), 4);
          lab.loseNext(0);
          resolvesTo(t, lookup, GIT);
          return lookup.ms;
        }),
      );
      within(t, taken, 1_000, 'cold');
    });

    await t.test(`${libc}: ready only once cluster DNS answers, then as ever`, async (t) => {
      const taken = await bestOf(roundTrips(2.8), async () => {
        await lab.setFaults({ delay: TIMED_RTT, silentFor: 3_000 });
        await lab.forget();
        const daemon = await lab.startDaemon();
        try {
          await daemon.untilListening();
          t.equal(await daemon.isReady(), false, 'not ready while cluster DNS is silent');
          await daemon.untilReady();
          const answered = (await lab.asked()).filter((each) => each.dropped === undefined);
          t.ok(answered.length > 0, 'ready after an answer');
          await daemon.untilVerdict();
          await exercised(lab);
          const lookup = await lab.lookup(libc, 'git.example.com', stub);
          resolvesTo(t, lookup, GIT);
          return lookup.ms;
        } finally {
          await daemon.kill();
        }
      });
      within(t, taken, roundTrips(2.8), 'cold');
    });
  }
});

function services(count: number): World['namespaces'][string] {
  const address = (n: number) => ({ addresses: [`10.96.1.${n}`] });
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`pair${n}`, address(n)]));
}

/** Pairs of questions over UDP that were in flight from one port at one time. */
function sharedPorts(asked: readonly Asked[]): string[] {
  const datagrams = asked.filter(({ transport }) => transport === 'udp');
  return datagrams.flatMap((one, index) =>
    datagrams
      .slice(index + 1)
      .filter(({ at, peer }) => peer.port === one.peer.port && at < (one.answeredAt ?? at + 1))
      .map((other) => `${one.peer.port}: ${one.qname} ${one.qtype}, ${other.qname} ${other.qtype}`),
  );
}
