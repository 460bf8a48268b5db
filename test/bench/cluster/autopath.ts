import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Cluster } from '../../cluster/cluster.ts';
import { HERE } from '../../cluster/places.ts';

/** The service of a CoreDNS that answers a pod's first step with the end of its walk. */
export const AUTOPATH = '10.96.0.12';
/** Of its Deployment and its Service, and the label `k8s-app` of its pods. */
export const AUTOPATH_NAME = 'coredns-autopath';

/** Starts a second CoreDNS as the first, with `autopath`; it has to know each pod, so that it watches them. */
export async function startAutopath(cluster: Cluster): Promise<void> {
  const text = readFileSync(join(HERE, 'manifests/coredns.yaml'), 'utf8');
  const [config, deployment, service] = parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter(({ kind }) => ['ConfigMap', 'Deployment', 'Service'].includes(kind));
  const corefile: string = config.data.Corefile.replace('pods insecure', 'pods verified').replace(
    'kubernetes cluster.local',
    'autopath @kubernetes\n    kubernetes cluster.local',
  );
  const labels = { 'k8s-app': AUTOPATH_NAME };
  const metadata = { name: AUTOPATH_NAME, namespace: 'kube-system', labels };
  const { template } = deployment.spec;
  const volumes = [{ name: 'config', configMap: { name: AUTOPATH_NAME } }];
  await cluster.apply(
    { ...config, metadata, data: { Corefile: corefile } },
    {
      ...deployment,
      metadata,
      spec: {
        ...deployment.spec,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { ...template.spec, volumes } },
      },
    },
    { ...service, metadata, spec: { ...service.spec, clusterIP: AUTOPATH, selector: labels } },
  );
  await cluster.kubectl(`-n kube-system rollout status deploy/${AUTOPATH_NAME} --timeout=90s`);
}
