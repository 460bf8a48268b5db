import type { Check } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import { CORPORATE } from '../corporate-dns.ts';

const NAMESPACE = 'inject';

export const inject: Check = {
  name: 'inject',
  shows:
    '`sidestub inject` in a pipe to kubectl, for a Pod, Job, CronJob, Deployment, StatefulSet and DaemonSet',
  run: async (cluster, findings) => {
    await cluster.namespace(NAMESPACE);
    const file = 'test/cluster/manifests/workloads.yaml';
    const line = `node dist/cli.js inject -f ${file} | kubectl -n ${NAMESPACE} apply -f -`;
    await cluster.documented('npm run build >/dev/null 2>&1');
    await cluster.documented(line);
    await cluster.kubectl(`-n ${NAMESPACE} create job often-now --from=cronjob/often`);
    for (const job of ['once', 'often-now']) {
      await cluster.kubectl(
        `-n ${NAMESPACE} wait --for=condition=complete job/${job} --timeout=60s`,
      );
      const found = await cluster.kubectl(`-n ${NAMESPACE} logs job/${job} -c main`);
      findings.holds(
        found.startsWith(CORPORATE),
        `${job === 'once' ? 'Job' : 'CronJob'}`,
        found.trim(),
      );
    }
    for (const [kind, app] of [
      ['Pod', 'bare'],
      ['Deployment', 'web'],
      ['StatefulSet', 'store'],
      ['DaemonSet', 'each'],
    ] as const) {
      const pod = await readyPod(cluster, app);
      const { stdout } = await cluster.exec(NAMESPACE, pod, 'getent', 'hosts', 'git.corp.example');
      const conf = await cluster.exec(NAMESPACE, pod, 'cat', '/etc/resolv.conf');
      findings.holds(
        stdout.startsWith(CORPORATE) && conf.stdout.includes('nameserver 127.0.0.1'),
        kind,
        stdout.trim(),
      );
    }
    const again = await cluster.documented(
      `node dist/cli.js inject -f ${file} | kubectl -n ${NAMESPACE} diff -f -`,
      { mayFail: true },
    );
    findings.equals(again, '', 'injected and applied again: no difference');
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

async function readyPod(cluster: Cluster, app: string): Promise<string> {
  const name = await cluster.until(`a pod of ${app}`, async () => {
    const [pod] = await cluster.pods(NAMESPACE, `app=${app}`);
    return pod?.metadata.name;
  });
  await cluster.podReady(NAMESPACE, name);
  return name;
}
