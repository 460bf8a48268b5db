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
      const asked = await cluster.until('a scrape of the pod that has asked', async () => {
        const pods = await podsOf('sidestub_queries_total > 0');
        return pods.length > 0 ? pods : undefined;
      });
      findings.equals(asked, ['one'], 'what a pod has asked is in Prometheus');
      // The other pod may be scraped up to an interval later.
      const up = await cluster.until('a scrape of each sidecar', async () => {
        const pods = await podsOf('up == 1');
        return pods.length >= names.length ? pods : undefined;
      });
      findings.equals(up, names, 'all sidecars are up');
    } finally {
      server.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    }
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

/** The pods of which Prometheus has a sample that matches, each once. */
async function podsOf(expr: string): Promise<readonly string[]> {
  const response = await fetch(
    `http://127.0.0.1:9090/api/v1/query?query=${encodeURIComponent(expr)}`,
  );
  const { data } = (await response.json()) as {
    data: { result: { metric: { pod: string } }[] };
  };
  return [...new Set(data.result.map(({ metric }) => metric.pod))].sort();
}

/** By the name of the port, as the PodMonitor selects. */
function targetOf({ metadata, spec, status }: ApiObject): object {
  const containers: { ports?: { name: string; containerPort: number }[] }[] = spec.initContainers;
  const port = containers
    .flatMap(({ ports = [] }) => ports)
    .find(({ name }) => name === 'dns-metrics');
  return { targets: [`${status.podIP}:${port?.containerPort}`], labels: { pod: metadata.name } };
}
