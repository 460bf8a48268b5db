import type { Cluster } from '../../cluster/cluster.ts';

/** Makes what the pods look up and `npm run cluster` has not: two of each sort. */
export async function makeServices(cluster: Cluster): Promise<void> {
  const service = (name: string, namespace: string, spec: object) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec,
  });
  const ports = [{ port: 80 }];
  await cluster.apply(
    ...['ci', 'other'].flatMap((namespace) =>
      ['bench-a', 'bench-b'].map((name) => service(name, namespace, { ports })),
    ),
    service('headless-b', 'ci', { clusterIP: 'None', selector: { app: 'web' }, ports }),
    service('alias-b', 'ci', { type: 'ExternalName', externalName: 'www.example.com' }),
  );
}
