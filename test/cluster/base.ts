import { Cluster } from './cluster.ts';
import { archives } from './images.ts';

/** Loads the images, and starts the cluster's DNS and the services that the checks look up. */
export async function loadImages(): Promise<void> {
  const cluster = new Cluster();
  const socket = '/run/containerd.sock';
  for (const archive of archives()) {
    await cluster.run([
      'ctr',
      '-a',
      socket,
      '-n',
      'k8s.io',
      'images',
      'import',
      '--local',
      archive,
    ]);
  }
  cluster.api.close();
}

export async function startServices(): Promise<void> {
  const cluster = new Cluster();
  await cluster.applyFile('coredns.yaml');
  await cluster.applyFile('services.yaml');
  await cluster.applyFile('kept-params.yaml');
  await cluster.kubectl('-n kube-system rollout status deploy/coredns --timeout=90s');
  await cluster.kubectl('-n ci rollout status deploy/web --timeout=60s');
  cluster.api.close();
}
