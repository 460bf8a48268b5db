// Names that may be several things resolve to what they resolve to without sidestub (N3, N4), cold and warm.
import { test } from 'tap';
import { LIBCS, RTT, resolvesTo, setupLab, storyWorld, withDaemon } from '../support/lab-story.ts';

const stub = { through: 'stub' } as const;

const ambiguous: readonly [string, string, readonly string[]][] = [
  ['api.dev', 'a service in the namespace dev', ['10.96.7.7']],
  ['web-0.nginx', 'an endpoint', ['10.244.9.10']],
  ['nginx', 'a headless service', ['10.244.9.10', '10.244.9.11']],
  ['kubernetes.default', 'a service in another namespace', ['10.96.0.1']],
  ['registry.tools', 'a corporate name under a public TLD', ['203.0.113.9']],
  ['git.example.com', 'a public name', ['192.0.2.1', '2001:db8::1']],
];

test('a name means what it means directly', async (t) => {
  const world = storyWorld({ namespaces: { dev: { api: { addresses: ['10.96.7.7'] } } } });
  const lab = await setupLab(t, world);
  if (lab === undefined) return;
  await lab.setFaults({ delay: RTT });

  for (const libc of LIBCS) {
    for (const [name, what, addresses] of ambiguous) {
      await t.test(`${libc}: ${name}: ${what}`, async (t) => {
        const direct = await lab.lookup(libc, name, { through: 'direct' });
        resolvesTo(t, direct, addresses);
        await withDaemon(lab, {}, async () => {
          const [cold, warm] = await lab.lookups(libc, [name, name], stub);
          t.strictSame(cold?.addresses.toSorted(), direct.addresses.toSorted(), 'cold');
          t.strictSame(warm?.addresses.toSorted(), direct.addresses.toSorted(), 'warm');
        });
      });
    }

    await t.test(`${libc}: and after other names were looked up`, async (t) => {
      await withDaemon(lab, {}, async () => {
        const names = ambiguous.map(([name]) => name);
        const lookups = await lab.lookups(libc, [...names, ...names.toReversed()], stub);
        const expected = new Map(ambiguous.map(([name, , addresses]) => [name, addresses]));
        for (const lookup of lookups) resolvesTo(t, lookup, expected.get(lookup.name) ?? []);
      });
    });
  }
});
