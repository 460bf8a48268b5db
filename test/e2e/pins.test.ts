// A namespace that is named like a TLD takes the names under that TLD over (kubernetes#60534); a pin takes them back (N6).
import { test } from 'tap';
import { LIBCS, RTT, resolvesTo, setupLab, storyWorld, withDaemon } from '../support/lab-story.ts';

const stub = { through: 'stub' } as const;
const OWN = ['192.0.2.20', '2001:db8::20'];
const HIJACKED = ['10.96.6.6'];

test('where a namespace com has a service gitlab', async (t) => {
  const world = storyWorld({ namespaces: { com: { gitlab: { addresses: HIJACKED } } } });
  const lab = await setupLab(t, world);
  if (lab === undefined) return;
  await lab.setFaults({ delay: RTT });

  for (const libc of LIBCS) {
    await t.test(
      `${libc}: gitlab.com is that service, directly and through sidestub`,
      async (t) => {
        resolvesTo(t, await lab.lookup(libc, 'gitlab.com', { through: 'direct' }), HIJACKED);
        await withDaemon(lab, {}, async () => {
          resolvesTo(t, await lab.lookup(libc, 'gitlab.com', stub), HIJACKED);
        });
      },
    );

    await t.test(`${libc}: pinned, it has its own addresses`, async (t) => {
      const settings = { search: { pin: ['gitlab.com'] } };
      await withDaemon(lab, { settings }, async () => {
        resolvesTo(t, await lab.lookup(libc, 'gitlab.com', stub), OWN);
        resolvesTo(t, await lab.lookup(libc, 'git.example.com', stub), [
          '192.0.2.1',
          '2001:db8::1',
        ]);
      });
    });
  }
});
