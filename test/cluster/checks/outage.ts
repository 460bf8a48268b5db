import { setTimeout as wait } from 'node:timers/promises';
import type { Check, Findings } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import { readDrip, shown } from '../drip.ts';
import { injectedPod } from '../injected.ts';
import { first } from '../priority.ts';
import { Prober } from '../prober.ts';

const NAMESPACE = 'outage';
const AWAY_MS = 10_000;
const SECONDS = 30;
/** A name of each sort that a job has looked up before. */
const WARM = ['git.example.com', 'nginx.ci', 'git.corp.example', 'kubernetes.default'];
const LIBCS = { musl: 'alpine:3.22', glibc: 'debian:12' } as const;
/**
 * How long after CoreDNS is back the last lookup may end. musl asks again by its own timer only, once it has been told
 * SERVFAIL often enough: after 2.5 s, as it does directly (M1, M4).
 */
const LATEST_MS = { musl: 3_500, glibc: 1_000 } as const;

export const outage: Check = {
  name: 'outage',
  shows: 'CoreDNS at 0 replicas for 10 s: cached names are answered, others soon after it is back',
  run: async (cluster, findings) => {
    await cluster.namespace(NAMESPACE);
    const warmUp = `getent hosts ${WARM.join(' ')} >/dev/null; echo begins;`;
    const drips = {
      cached: `${warmUp} exec drip 20 ${SECONDS} ${WARM.join(' ')}`,
      others: `${warmUp} exec drip 50 ${SECONDS} n%d.example.net`,
    };
    const names = Object.keys(LIBCS).flatMap((libc) =>
      Object.keys(drips).map((drip) => `${drip}-${libc}`),
    );
    let back = 0;
    await first(async () => {
      for (const [libc, image] of Object.entries(LIBCS)) {
        for (const [drip, line] of Object.entries(drips)) {
          const command = ['sh', '-c', line];
          const spec = { name: `${drip}-${libc}`, namespace: NAMESPACE, image, command };
          await cluster.api.post(`/api/v1/namespaces/${NAMESPACE}/pods`, injectedPod(spec));
        }
      }
      for (const name of names) await cluster.podReady(NAMESPACE, name);
      back = await takeAway(cluster, findings);
      for (const name of names) await cluster.podEnded(NAMESPACE, name, 90);
    });
    for (const libc of ['musl', 'glibc'] as const) {
      await cached(cluster, findings, `cached-${libc}`);
      await others(cluster, findings, libc, back);
    }
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

/** @returns When CoreDNS answered again, at its service's address: seen from the node, without sidestub. */
async function takeAway(cluster: Cluster, findings: Findings): Promise<number> {
  const prober = new Prober('10.96.0.10');
  try {
    await wait(3_000);
    await cluster.kubectl('-n kube-system scale deploy/coredns --replicas=0');
    await wait(AWAY_MS);
    await cluster.kubectl('-n kube-system scale deploy/coredns --replicas=2');
    await cluster.kubectl('-n kube-system rollout status deploy/coredns --timeout=60s');
    await cluster.until('CoreDNS answers', async () => Date.now() - prober.lastReply < 200);
  } finally {
    prober.stop();
  }
  const { from, to } = prober.longest;
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
  libc: keyof typeof LIBCS,
  back: number,
): Promise<void> {
  const pod = `others-${libc}`;
  const { [libc]: latest } = LATEST_MS;
  const seen = readDrip(await cluster.logs(NAMESPACE, pod));
  const stamped = await cluster.kubectl(`-n ${NAMESPACE} logs ${pod} -c main --timestamps`);
  const begun = Date.parse(/^(\S+) begins$/m.exec(stamped)?.[1] ?? '');
  const ends = seen.events.map(({ at, ms }) => begun + at * 1_000 + ms - back);
  // As glibc and musl say it.
  const denials = seen.events.filter(({ result }) =>
    /not known|No address|not resolve|no usable|Unknown error/.test(result),
  );
  findings.holds(
    denials.length === 0,
    `${pod}: never denied, though they exist`,
    denials.map(({ at, name, result }) => `at ${at} s ${name} ${result}`).join('; '),
  );
  const late = Math.max(0, ...ends);
  findings.holds(
    late <= latest,
    `${pod}: found at most ${latest / 1_000} s after it is back`,
    `the last that failed or was slow ended ${Math.round(late)} ms after; ${shown(seen)}`,
  );
}
