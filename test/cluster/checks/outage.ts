import type { Check, Findings } from '../check.ts';
import { type Cluster, podObject } from '../cluster.ts';
import { beginning, DENIAL, takeDnsAway } from '../dns-outage.ts';
import { type Drip, readDrip, shown } from '../drip.ts';
import { injectedPod } from '../injected.ts';
import { first } from '../priority.ts';

const NAMESPACE = 'outage';
const SECONDS = 30;
/** A name of each sort that a job has looked up before. */
const WARM = ['git.example.com', 'nginx.ci', 'git.corp.example', 'kubernetes.default'];
const LIBCS = { musl: 'alpine:3.22', glibc: 'debian:12' } as const;
/** How long after CoreDNS is back the last lookup may end that failed, or was slow. */
const LATEST_MS = 1_000;

export const outage: Check = {
  name: 'outage',
  shows:
    'CoreDNS at 0 replicas for 10 s: cached names are answered; of others no more fail than directly',
  run: async (cluster, findings) => {
    await cluster.namespace(NAMESPACE);
    const warmUp = `getent hosts ${WARM.join(' ')} >/dev/null; echo begins;`;
    const newNames = `${warmUp} exec drip 50 ${SECONDS} n%d.example.net`;
    const drips = {
      cached: { line: `${warmUp} exec drip 20 ${SECONDS} ${WARM.join(' ')}`, pod: injectedPod },
      others: { line: newNames, pod: injectedPod },
      directly: { line: newNames, pod: podObject },
    };
    // One libc after the other: the pods of both, and CoreDNS as it starts, keep two cores busy for a second.
    for (const [libc, image] of Object.entries(LIBCS)) {
      let back = 0;
      await first(async () => {
        const names = Object.keys(drips).map((drip) => `${drip}-${libc}`);
        for (const [drip, { line, pod }] of Object.entries(drips)) {
          const command = ['sh', '-c', line];
          const spec = { name: `${drip}-${libc}`, namespace: NAMESPACE, image, command };
          await cluster.api.post(`/api/v1/namespaces/${NAMESPACE}/pods`, pod(spec));
        }
        for (const name of names) await cluster.podReady(NAMESPACE, name);
        back = await takeAway(cluster, findings);
        for (const name of names) await cluster.podEnded(NAMESPACE, name, 90);
      });
      await cached(cluster, findings, `cached-${libc}`);
      await others(cluster, findings, libc, back);
    }
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

/** @returns When CoreDNS answered again. */
async function takeAway(cluster: Cluster, findings: Findings): Promise<number> {
  const { from, to } = await takeDnsAway(cluster);
  findings.holds(to - from > 3_000, 'CoreDNS is away', `${((to - from) / 1_000).toFixed(1)} s`);
  return to;
}

async function cached(cluster: Cluster, findings: Findings, pod: string): Promise<void> {
  const seen = readDrip(await cluster.logs(NAMESPACE, pod));
  findings.holds(
    seen.failed + seen.slow + seen.lost === 0,
    `${pod}, each 20 ms: answered throughout`,
    shown(seen),
  );
  for (const { at, name, ms, result } of seen.events.slice(0, 5)) {
    findings.note(`at ${at} s ${name} ${ms} ms ${result}`);
  }
}

async function others(
  cluster: Cluster,
  findings: Findings,
  libc: string,
  back: number,
): Promise<void> {
  const pod = `others-${libc}`;
  const seen = readDrip(await cluster.logs(NAMESPACE, pod));
  const begun = await beginning(cluster, NAMESPACE, pod);
  const ends = seen.events.map(({ at, ms }) => begun + at * 1_000 + ms - back);
  const directly = readDrip(await cluster.logs(NAMESPACE, `directly-${libc}`));
  findings.holds(
    share(seen) <= share(directly),
    `${pod}: no more fail than directly`,
    `directly: ${shown(directly)}`,
  );
  const denials = seen.events.filter(({ result }) => DENIAL.test(result));
  findings.holds(
    denials.length === 0,
    `${pod}: never denied, though they exist`,
    denials.map(({ at, name, result }) => `at ${at} s ${name} ${result}`).join('; '),
  );
  const late = Math.max(0, ...ends);
  findings.holds(
    late <= LATEST_MS,
    `${pod}: found at most ${LATEST_MS / 1_000} s after it is back`,
    `the last that failed or was slow ended ${Math.round(late)} ms after; ${shown(seen)}`,
  );
}

function share({ failed, lost, lookups }: Drip): number {
  return (failed + lost) / lookups;
}
