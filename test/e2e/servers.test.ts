// Two nameservers, the second outside the cluster: the first one's answer, always (U1).
import { test } from 'tap';
import { CLUSTER_DNS, PUBLIC_DNS } from '../support/lab-network.ts';
import { LIBCS, questions, resolvesTo, setupLab, withDaemon } from '../support/lab-story.ts';

const stub = { through: 'stub' } as const;

test('with a public second server, and a first that is slow by 60 ms', async (t) => {
  const lab = await setupLab(t);
  if (lab === undefined) return;
  await lab.setFaults({ delay: 60 });
  const nameservers = [CLUSTER_DNS, PUBLIC_DNS];

  for (const libc of LIBCS) {
    await t.test(`${libc}: names of the cluster resolve, cold and warm`, async (t) => {
      await withDaemon(lab, { nameservers }, async () => {
        const expected: readonly [string, readonly string[]][] = [
          ['kubernetes.default', ['10.96.0.1']],
          ['nginx', ['10.244.9.10', '10.244.9.11']],
          ['registry.tools', ['203.0.113.9']],
          ['git.example.com', ['192.0.2.1', '2001:db8::1']],
        ];
        for (let runs = 0; runs < 3; runs++) {
          for (const [name, addresses] of expected) {
            resolvesTo(t, await lab.lookup(libc, name, stub), addresses);
          }
        }
        const outside = questions(await lab.askedPublic());
        t.strictSame(
          outside.filter((question) => question.includes('cluster.local.')),
          [],
          'no name of the cluster leaves it',
        );
      });
    });
  }
});
