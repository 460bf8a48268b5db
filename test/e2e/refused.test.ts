// Datagrams that the kernel of the client's own pod refuses to send: a full conntrack table, a firewall rule (U2, F5).
import { execFileSync } from 'node:child_process';
import { type Test, test } from 'tap';
import type { Lab } from '../support/lab.ts';
import type { Lookup } from '../support/lab-client.ts';
import { CLUSTER_DNS } from '../support/lab-network.ts';
import { LIBCS, setupLab, withDaemon } from '../support/lab-story.ts';

const NAMES = ['git.example.com', 'registry.example.com', 'gitlab.com', 'europe-docker.pkg.dev'];

/** Adds a rule to the pod's OUTPUT chain: what it drops, `send` is told of with EPERM. @returns Takes it away again. */
function refuse(lab: Lab, rule: string): () => void {
  const iptables = (action: '-A' | '-D') =>
    execFileSync(
      'ip',
      `netns exec ${lab.network.pod} iptables -w ${action} OUTPUT -d ${CLUSTER_DNS} ${rule} -j DROP`.split(
        ' ',
      ),
    );
  iptables('-A');
  return () => void iptables('-D');
}

/** Both families of each, or the lookup says why not. */
function failed(lookups: readonly Lookup[]): string[] {
  return lookups
    .filter(({ addresses }) => addresses.length !== 2)
    .map(({ name, error, addresses }) => `${name}: ${error} ${addresses}`);
}

/** Without a TTL, so that every lookup goes upstream. */
const UNCACHED = { delay: 1, ttl: 0 };

test('datagrams that the kernel refuses', async (t) => {
  const lab = await setupLab(t);
  if (lab === undefined) return;

  await t.test(
    'every second send is refused with EPERM: 210 of 210 lookups have both families',
    async (t) => {
      await lab.setFaults(UNCACHED);
      await withDaemon(lab, {}, async (daemon) => {
        const mend = refuse(lab, '-p udp --dport 53 -m statistic --mode nth --every 2 --packet 0');
        try {
          const rounds = Array.from({ length: 210 }, (_, i) => NAMES[i % NAMES.length] ?? '');
          const lookups = await lab.lookups('glibc', rounds, { through: 'stub' });
          t.equal(lookups.length, 210);
          t.strictSame(failed(lookups), []);
          await refusedAny(t, daemon.metrics);
        } finally {
          mend();
        }
      });
    },
  );

  for (const libc of LIBCS) {
    await t.test(`${libc}: UDP is refused for 5 s while TCP works: no lookup fails`, async (t) => {
      await lab.setFaults(UNCACHED);
      await withDaemon(lab, {}, async () => {
        const mend = refuse(lab, '-p udp --dport 53');
        try {
          const until = performance.now() + 5_000;
          const lookups: Lookup[] = [];
          while (performance.now() < until) {
            lookups.push(...(await lab.lookups(libc, NAMES, { through: 'stub' })));
          }
          t.ok(lookups.length >= NAMES.length, `${lookups.length} lookups`);
          t.strictSame(failed(lookups), []);
        } finally {
          mend();
        }
      });
    });
  }
});

/** The fault was there at all. */
async function refusedAny(t: Test, metrics: () => Promise<string>): Promise<void> {
  const [, resends = '0'] =
    /^sidestub_upstream_retransmissions_total (\d+)$/m.exec(await metrics()) ?? [];
  t.ok(Number(resends) > 50, `${resends} resends`);
}
