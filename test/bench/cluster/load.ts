import { setTimeout as wait } from 'node:timers/promises';
import type { Cluster } from '../../cluster/cluster.ts';
import { beginning, DENIAL, takeDnsAway } from '../../cluster/dns-outage.ts';
import { type Drip, readDrip } from '../../cluster/drip.ts';
import type { DripCell, OtherCell, Parts } from './measured.ts';
import { LIBC_NAMES, type Libc, NAMESPACE, podOf, WATCHED, type Way } from './ways.ts';

const ROLLOUT_SECONDS = 60;
const OUTAGE_SECONDS = 30;
const WARM = [
  'git.example.com',
  'nginx',
  'bench-a.other',
  'git.corp.example',
  'kubernetes.default',
];
const MIXED = ['git.example.com', 'n%d.example.net', 'nginx', 'bench-a.other', 'git.corp.example'];

interface Dripping {
  readonly name: string;
  readonly way: Way;
  readonly libc: Libc;
}

/** Two rolling restarts of CoreDNS while pods look names up by each way. */
export async function measureRollouts(
  cluster: Cluster,
  daemon: string,
  say: (line: string) => void,
): Promise<Parts['rollouts']> {
  const pods = await start(cluster, daemon, 'roll', ['drip', '50', `${ROLLOUT_SECONDS}`, ...MIXED]);
  for (let restart = 0; restart < 2; restart++) {
    await wait(5_000);
    await cluster.kubectl('-n kube-system rollout restart deploy/coredns');
    await cluster.kubectl('-n kube-system rollout status deploy/coredns --timeout=60s');
    say(`rollouts: ${restart + 1} of 2`);
  }
  const cells = await Promise.all(pods.map(async (pod) => cellOf(pod, await ended(cluster, pod))));
  return { cells };
}

/** CoreDNS at no replicas for 10 s: once for each way, since all pods at once would wait for a core and not for DNS. */
export async function measureOutage(
  cluster: Cluster,
  daemon: string,
  say: (line: string) => void,
): Promise<Parts['outage']> {
  let awaySeconds = 0;
  const cached: DripCell[] = [];
  const others: OtherCell[] = [];
  for (const way of WATCHED) {
    const own = await measureOutageOf(cluster, daemon, way);
    awaySeconds = Math.max(awaySeconds, own.awaySeconds);
    cached.push(...own.cached);
    others.push(...own.others);
    say(`outage: ${way}: ${own.awaySeconds} s`);
  }
  return { awaySeconds, cached, others };
}

async function measureOutageOf(
  cluster: Cluster,
  daemon: string,
  way: Way,
): Promise<Parts['outage']> {
  const warmUp = `getent hosts ${WARM.join(' ')} >/dev/null; echo begins;`;
  const shell = (line: string) => ['sh', '-c', `${warmUp} exec drip ${line}`];
  const cachedLine = shell(`40 ${OUTAGE_SECONDS} ${WARM.join(' ')}`);
  const cachedPods = await start(cluster, daemon, 'cached', cachedLine, [way]);
  const otherLine = shell(`100 ${OUTAGE_SECONDS} n%d.example.net`);
  const otherPods = await start(cluster, daemon, 'others', otherLine, [way]);
  const away = await takeDnsAway(cluster);
  const cached = await Promise.all(
    cachedPods.map(async (pod) => cellOf(pod, await ended(cluster, pod))),
  );
  const others = await Promise.all(
    otherPods.map(async (pod) => {
      const seen = await ended(cluster, pod);
      const begun = await beginning(cluster, NAMESPACE, pod.name);
      const ends = seen.events.map(({ at, ms }) => begun + at * 1_000 + ms - away.to);
      const denied = seen.events.filter(({ result }) => DENIAL.test(result)).length;
      return { ...cellOf(pod, seen), late: Math.max(0, ...ends), denied };
    }),
  );
  return { awaySeconds: (away.to - away.from) / 1_000, cached, others };
}

/** One pod of each of these ways and each libc; resolves when all of them run. */
async function start(
  cluster: Cluster,
  daemon: string,
  what: string,
  command: readonly string[],
  ways = WATCHED,
): Promise<Dripping[]> {
  const pods = ways.flatMap((way) =>
    LIBC_NAMES.map((libc) => ({ name: `${what}-${way}-${libc}`, way, libc })),
  );
  const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
  for (const { name, way, libc } of pods) {
    await cluster.api.post(path, podOf(way, libc, daemon, { name, command }));
  }
  for (const { name } of pods) await cluster.podReady(NAMESPACE, name);
  return pods;
}

async function ended(cluster: Cluster, { name }: Dripping): Promise<Drip> {
  await cluster.podEnded(NAMESPACE, name, 120);
  return readDrip(await cluster.logs(NAMESPACE, name));
}

function cellOf({ way, libc }: Dripping, { lookups, failed, slow, max }: Drip): DripCell {
  return { way, libc, lookups, failed, slow, max };
}
