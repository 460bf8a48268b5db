import type { Check } from '../check.ts';

const RUNNER = '--as=system:serviceaccount:gitlab-runner:gitlab-runner';

/** What the Kubernetes executor does to a job's pod. */
const RIGHTS = [
  'create pods',
  'create pods/exec',
  'create pods/attach',
  'get pods/log',
  'create secrets',
  'create services',
];

export const gitlab: Check = {
  name: 'gitlab',
  shows: "the quick start's namespaces and role: what the runner may do to the pods of its jobs",
  run: async (cluster, findings) => {
    await cluster.documented('kubectl apply -f k8s/gitlab/namespaces.yaml');
    for (const right of RIGHTS) {
      const asked = `kubectl auth can-i ${right} -n gitlab-jobs ${RUNNER}`;
      findings.equals((await cluster.documented(asked, { mayFail: true })).trim(), 'yes', right);
    }
    const elsewhere = `kubectl auth can-i create pods -n default ${RUNNER}`;
    findings.equals(
      (await cluster.documented(elsewhere, { mayFail: true })).trim(),
      'no',
      'and nothing outside of their namespace',
    );
    const diff = await cluster.documented('kubectl diff -f k8s/gitlab/namespaces.yaml', {
      mayFail: true,
    });
    findings.equals(diff, '', 'kubectl diff after apply is empty');
    await cluster.documented('kubectl delete -f k8s/gitlab/namespaces.yaml --wait=false');
  },
};
