import type { Check, Findings } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import { CORPORATE } from '../corporate-dns.ts';

export const sidecar: Check = {
  name: 'sidecar',
  shows:
    'k8s/sidecar and k8s/sidecar/none, applied as they are: the job looks its name up and completes',
  run: async (cluster, findings) => {
    for (const folder of ['k8s/sidecar', 'k8s/sidecar/none']) {
      await applied(cluster, findings, folder);
    }
  },
};

async function applied(cluster: Cluster, findings: Findings, folder: string): Promise<void> {
  await cluster.documented(`kubectl apply -k ${folder}`);
  const phase = await cluster.podEnded('default', 'lookup');
  findings.equals(phase, 'Succeeded', `${folder}: the pod succeeds`);
  if (phase !== 'Succeeded') findings.note(await cluster.logs('default', 'lookup', 'sidestub'));
  const found = await cluster.logs('default', 'lookup');
  findings.holds(found.startsWith(CORPORATE), `${folder}: it finds git.corp.example`, found.trim());
  await cluster.kubectl('wait --for=condition=complete job/lookup --timeout=60s');
  findings.holds(true, `${folder}: the job completes, its sidecar does not keep it`);
  const diff = await cluster.documented(`kubectl diff -k ${folder}`, { mayFail: true });
  findings.equals(diff, '', `${folder}: kubectl diff after apply is empty`);
  await cluster.documented(`kubectl delete -k ${folder} --wait --now`);
}
