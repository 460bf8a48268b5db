import type { Check } from '../check.ts';

/** What can be applied without operators of others, and needs the namespace. */
const FOLDERS = ['k8s/injector/policy', 'k8s/node/service-local', 'k8s/injector/certs/self-signed'];
const ALONE = ['k8s/node/link-local'];

export const kustomizations: Check = {
  name: 'kustomizations',
  shows:
    'kubectl diff after apply is empty for each kustomization, and deleting one leaves the others alone',
  run: async (cluster, findings) => {
    await cluster.documented('kubectl apply -k k8s/namespace');
    await cluster.documented('k8s/injector/certs/self-signed/make-certificates');
    for (const folder of [...FOLDERS, ...ALONE])
      await cluster.documented(`kubectl apply -k ${folder}`);
    for (const folder of ['k8s/namespace', ...FOLDERS, ...ALONE]) {
      const diff = await cluster.documented(`kubectl diff -k ${folder}`, { mayFail: true });
      findings.equals(diff, '', `${folder}: kubectl diff after apply is empty`);
    }
    await cluster.kubectl('-n kube-system rollout status ds/sidestub-link-local --timeout=60s');
    findings.holds(true, 'k8s/node/link-local: the daemon is ready at 169.254.20.10');
    for (const [index, folder] of FOLDERS.entries()) {
      await cluster.documented(`kubectl delete -k ${folder} --wait=false`);
      for (const other of ['k8s/namespace', ...FOLDERS.slice(index + 1)]) {
        const diff = await cluster.documented(`kubectl diff -k ${other}`, { mayFail: true });
        findings.equals(diff, '', `${folder} deleted: ${other} is as it was`);
      }
    }
    for (const folder of ALONE)
      await cluster.documented(`kubectl delete -k ${folder} --wait=false`);
  },
};
