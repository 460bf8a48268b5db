import { spawn } from 'node:child_process';
import type { Check } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import { injectedPod } from '../injected.ts';
import { nodeEnvironment } from '../node.ts';

const NAMESPACE = 'page';

export const statusPage: Check = {
  name: 'page',
  shows:
    'the status page: `kubectl port-forward` reaches it, a neighbour pod does not and is given metrics alone',
  run: async (cluster, findings) => {
    await cluster.namespace(NAMESPACE);
    const pod = injectedPod({ name: 'job', namespace: NAMESPACE });
    await cluster.api.post(`/api/v1/namespaces/${NAMESPACE}/pods`, pod);
    await cluster.createPod({ name: 'neighbour', namespace: NAMESPACE });
    const { status } = await cluster.podReady(NAMESPACE, 'job');
    await cluster.podReady(NAMESPACE, 'neighbour');
    const page = await forwarded(cluster);
    findings.holds(/<html/i.test(page), 'port-forward shows the page', `${page.length} characters`);
    const ask = async (path: string) => {
      const url = `http://${status.podIP}:9553${path}`;
      return await cluster.exec(NAMESPACE, 'neighbour', 'wget', '-q', '-O', '-', url);
    };
    const seen = await ask('/');
    findings.holds(
      !/<html/i.test(seen.stdout),
      'a neighbour pod is not shown it',
      seen.stdout.split('\n')[0] || seen.stderr.trim(),
    );
    const metrics = await ask('/metrics');
    findings.holds(metrics.stdout.includes('sidestub_build_info'), 'but /metrics');
    findings.equals((await ask('/ready')).code, 0, 'and /ready');
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

/** The README's own: `kubectl port-forward pod/POD 9553`, and then the page. */
async function forwarded(cluster: Cluster): Promise<string> {
  const words = ['-n', NAMESPACE, 'port-forward', 'pod/job', '9553'];
  const child = spawn('kubectl', words, {
    env: nodeEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    return await cluster.until('port-forward', async () => {
      const response = await fetch('http://127.0.0.1:9553/', { headers: { accept: 'text/html' } });
      return response.text();
    });
  } finally {
    child.kill();
  }
}
