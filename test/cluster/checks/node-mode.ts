import type { Check, Findings } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import { CORPORATE } from '../corporate-dns.ts';
import { inject } from '../inject-command.ts';

export const nodeMode: Check = {
  name: 'node-mode',
  shows:
    'inject --mode node: each sort of name on musl and glibc, and what a rollout of the daemon costs',
  run: async (cluster, findings) => {
    await cluster.documented('kubectl apply -k k8s/node/service-local');
    await cluster.kubectl('-n sidestub rollout status daemonset/sidestub-node --timeout=60s');
    const address = await cluster.documented(
      'kubectl -n sidestub get service sidestub-node -o jsonpath={.spec.clusterIP}',
    );
    for (const image of ['alpine:3.22', 'debian:12']) {
      const name = image.replace(/:.*/, '');
      await startPod(cluster, name, image, address);
      await lookups(cluster, findings, name);
    }
    for (const name of ['alpine', 'debian']) await rollout(cluster, findings, name);
    await away(cluster, findings);
    await cluster.kubectl('-n ci delete pod alpine debian --now');
    await cluster.documented('kubectl delete -k k8s/node/service-local --wait=false');
  },
};

async function startPod(cluster: Cluster, name: string, image: string, address: string) {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'ci' },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image, command: ['sleep', '100000'] }],
    },
  };
  const words = ['--mode', 'node', '--node-dns', address];
  await cluster.kubectl('apply -f -', { input: await inject(cluster, pod, words) });
  await cluster.podReady('ci', name);
}

async function lookups(cluster: Cluster, findings: Findings, pod: string): Promise<void> {
  const resolv = await cluster.exec('ci', pod, 'cat', '/etc/resolv.conf');
  findings.equals(resolv.stdout.match(/^nameserver/gm)?.length, 1, `${pod}: one nameserver`);
  findings.holds(
    /search ci\.svc\.cluster\.local svc\.cluster\.local cluster\.local/.test(resolv.stdout),
    `${pod}: the search list of its namespace`,
  );
  const api = (
    await cluster.kubectl('get service kubernetes -o jsonpath={.spec.clusterIP}')
  ).trim();
  for (const [name, found] of [
    ['git.corp.example', CORPORATE],
    ['www.example.com', '192.0.2.12'],
    ['kubernetes.default', api],
    ['kubernetes.default.svc.cluster.local', api],
    ['nginx', '10.'],
    ['db.other', '10.'],
    ['headless', '10.'],
    ['alias-in', '10.'],
  ] as const) {
    const { stdout, stderr } = await cluster.exec('ci', pod, 'getent', 'hosts', name);
    findings.holds(
      stdout.startsWith(found),
      `${pod}: ${name} is found`,
      `${stdout}${stderr}`.split('\n')[0],
    );
  }
  const missing = await cluster.exec('ci', pod, 'getent', 'hosts', 'missing.example.com');
  findings.equals(missing.stdout, '', `${pod}: what is not there is not found`);
}

/** A lookup each 20 ms while the daemon is replaced: none may fail, or wait for a client's timer (2.5 s and 5 s). */
async function rollout(cluster: Cluster, findings: Findings, pod: string): Promise<void> {
  const dripping = cluster.exec(
    'ci',
    pod,
    'drip',
    '20',
    '30',
    'git.corp.example',
    'nginx',
    'n%d.example.net',
  );
  await cluster.kubectl('-n sidestub rollout restart daemonset/sidestub-node');
  await cluster.kubectl('-n sidestub rollout status daemonset/sidestub-node --timeout=60s');
  const { stdout } = await dripping;
  const tally = stdout.trim().split('\n').at(-1) ?? '';
  const most = Number(/max ([\d.]+)/.exec(tally)?.[1] ?? Number.NaN);
  findings.holds(
    most <= 500 && / 0 failed,/.test(tally),
    `${pod}: a rollout of the daemon fails no lookup, and none takes 500 ms`,
    tally,
  );
  for (const line of stdout.trim().split('\n').slice(0, -1).slice(0, 5)) findings.note(line);
}

/** Without a daemon there is no other nameserver: that is what the page says. */
async function away(cluster: Cluster, findings: Findings): Promise<void> {
  const patch = '{"spec":{"template":{"spec":{"nodeSelector":{"none":"such"}}}}}';
  await cluster.run([
    'kubectl',
    '-n',
    'sidestub',
    'patch',
    'daemonset',
    'sidestub-node',
    '-p',
    patch,
  ]);
  await cluster.until('no daemon', async () => (await cluster.pods('sidestub')).length === 0);
  const before = performance.now();
  const { code } = await cluster.exec('ci', 'alpine', 'getent', 'hosts', 'git.corp.example');
  const seconds = ((performance.now() - before) / 1_000).toFixed(1);
  findings.holds(code !== 0, 'without a daemon on the node no name is found', `after ${seconds} s`);
}
