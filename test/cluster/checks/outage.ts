import { setTimeout as wait } from 'node:timers/promises';
import type { Check } from '../check.ts';
import { readDrip, shown } from '../drip.ts';
import { injectedPod } from '../injected.ts';
import { first } from '../priority.ts';

const NAMESPACE = 'outage';
const AWAY_MS = 10_000;
const SECONDS = 30;

export const outage: Check = {
  name: 'outage',
  shows: 'CoreDNS at 0 replicas for 10 s: cached names are answered, others soon after it is back',
  run: async (cluster, findings) => {
    await cluster.namespace(NAMESPACE);
    const warm = ['git.example.com', 'nginx.ci'];
    const warmUp = `getent hosts ${warm.join(' ')} >/dev/null; echo begins;`;
    const pods = {
      cached: `${warmUp} exec drip 20 ${SECONDS} ${warm.join(' ')}`,
      others: `${warmUp} exec drip 50 ${SECONDS} n%d.example.net`,
    };
    let back = 0;
    await first(async () => {
      for (const [name, line] of Object.entries(pods)) {
        const pod = injectedPod({
          name,
          namespace: NAMESPACE,
          image: 'debian:12',
          command: ['sh', '-c', line],
        });
        await cluster.api.post(`/api/v1/namespaces/${NAMESPACE}/pods`, pod);
      }
      for (const name of Object.keys(pods)) await cluster.podReady(NAMESPACE, name);
      await wait(3_000);
      await cluster.kubectl('-n kube-system scale deploy/coredns --replicas=0');
      await wait(AWAY_MS);
      await cluster.kubectl('-n kube-system scale deploy/coredns --replicas=2');
      await cluster.until('CoreDNS is back', async () => {
        const endpoints =
          '-n kube-system get endpoints kube-dns -o jsonpath={.subsets[*].addresses[*].ip}';
        return (await cluster.kubectl(endpoints)).trim() !== '';
      });
      back = Date.now();
      for (const name of Object.keys(pods)) await cluster.podEnded(NAMESPACE, name, 90);
    });
    const cached = readDrip(await cluster.logs(NAMESPACE, 'cached'));
    findings.holds(
      cached.failed + cached.slow + cached.lost === 0,
      'a cached name, each 20 ms: answered throughout',
      shown(cached),
    );
    const text = await cluster.logs(NAMESPACE, 'others');
    const others = readDrip(text);
    const stamped = await cluster.kubectl(`-n ${NAMESPACE} logs others -c main --timestamps`);
    const begun = Date.parse(/^(\S+) begins$/m.exec(stamped)?.[1] ?? '');
    const ends = others.events.map(({ at, ms }) => begun + at * 1_000 + ms - back);
    const denials = others.events.filter(({ result }) => /not known|No address/.test(result));
    findings.equals(denials.length, 0, 'others: never denied, though they exist');
    const late = Math.max(0, ...ends);
    findings.holds(
      late <= 1_000,
      'others: found at most 1 s after it is back',
      `the last that failed or was slow ended ${Math.round(late)} ms after; ${shown(others)}`,
    );
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};
