import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiObject } from '../api.ts';
import type { Check } from '../check.ts';
import { injectedPod } from '../injected.ts';

const NAMESPACE = 'scraped';

/**
 * What the operator makes of k8s/monitoring/podmonitor.yaml: every pod's port of that name, one job. Debian's Prometheus is
 * built without discovery in Kubernetes: the addresses come by a file, as the API has them.
 */
const CONFIG = `global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: sidestub
    file_sd_configs: [{files: [pods.json]}]
`;

export const prometheus: Check = {
  name: 'prometheus',
  shows: 'a real Prometheus scrapes the sidecars in their pods',
  run: async (cluster, findings) => {
    await cluster.namespace(NAMESPACE);
    const names = ['one', 'two'];
    for (const name of names) {
      await cluster.api.post(
        `/api/v1/namespaces/${NAMESPACE}/pods`,
        injectedPod({ name, namespace: NAMESPACE }),
      );
    }
    for (const name of names) await cluster.podReady(NAMESPACE, name);
    await cluster.exec(NAMESPACE, 'one', 'getent', 'hosts', 'git.corp.example');
    const folder = mkdtempSync(join(tmpdir(), 'sidestub-prometheus-'));
    writeFileSync(join(folder, 'prometheus.yml'), CONFIG);
    const targets = (await cluster.pods(NAMESPACE)).map(targetOf);
    writeFileSync(join(folder, 'pods.json'), JSON.stringify(targets));
    const server = spawn(
      'prometheus',
      [
        `--config.file=${folder}/prometheus.yml`,
        `--storage.tsdb.path=${folder}/data`,
        '--web.listen-address=127.0.0.1:9090',
      ],
      { stdio: 'ignore' },
    );
    try {
      const query = encodeURIComponent('sidestub_queries_total > 0');
      const found = await cluster.until('a scrape of the pod that has asked', async () => {
        const response = await fetch(`http://127.0.0.1:9090/api/v1/query?query=${query}`);
        const { data } = (await response.json()) as {
          data: { result: { metric: { pod: string } }[] };
        };
        return data.result.length > 0 ? data.result.map(({ metric }) => metric.pod) : undefined;
      });
      findings.equals([...new Set(found)], ['one'], 'what a pod has asked is in Prometheus');
      const up = await fetch(
        `http://127.0.0.1:9090/api/v1/query?query=${encodeURIComponent('up == 1')}`,
      );
      const { data } = (await up.json()) as { data: { result: { metric: { pod: string } }[] } };
      const pods = data.result.map(({ metric }) => metric.pod).sort();
      findings.holds(
        names.every((name) => pods.includes(name)),
        'all sidecars are up',
        pods.join(' '),
      );
    } finally {
      server.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    }
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

/** By the name of the port, as the PodMonitor selects. */
function targetOf({ metadata, spec, status }: ApiObject): object {
  const containers: { ports?: { name: string; containerPort: number }[] }[] = spec.initContainers;
  const port = containers
    .flatMap(({ ports = [] }) => ports)
    .find(({ name }) => name === 'dns-metrics');
  return { targets: [`${status.podIP}:${port?.containerPort}`], labels: { pod: metadata.name } };
}
