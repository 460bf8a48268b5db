import type { Cluster } from './cluster.ts';

/** Where the node's own cache answers. */
export const ADDRESS = '169.254.25.10';
/** The namespace that has it. */
const NAMESPACE = 'nodelocal';

/** NodeLocal DNSCache's Corefile, of Kubernetes' addon, with its `__PILLAR__` words filled in; without `bind`, which this CoreDNS was built without. */
const COREFILE = `cluster.local:53 {
  errors
  cache {
    success 9984 30
    denial 9984 5
  }
  reload
  loop
  forward . 10.96.0.10 {
    force_tcp
  }
}
.:53 {
  errors
  cache 30
  reload
  loop
  forward . 10.96.0.10 {
    force_tcp
  }
}
`;

/** Starts CoreDNS as NodeLocal DNSCache does: at a link-local address of the node, over TCP to the cluster's. */
export async function startNodeLocal(cluster: Cluster): Promise<string> {
  await cluster.namespace(NAMESPACE);
  await cluster.run(['ip', 'address', 'add', `${ADDRESS}/32`, 'dev', 'node0'], { mayFail: true });
  const metadata = { name: 'node-local-dns', namespace: NAMESPACE };
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata,
    data: { Corefile: COREFILE },
  });
  await cluster.createPod({
    ...metadata,
    spec: {
      hostNetwork: true,
      dnsPolicy: 'Default',
      containers: [
        {
          name: 'main',
          image: 'docker.io/library/coredns:1',
          imagePullPolicy: 'IfNotPresent',
          args: ['-conf', '/etc/coredns/Corefile'],
          volumeMounts: [{ name: 'config', mountPath: '/etc/coredns' }],
        },
      ],
      volumes: [{ name: 'config', configMap: { name: metadata.name } }],
    },
  });
  await cluster.podReady(NAMESPACE, metadata.name);
  return NAMESPACE;
}

export async function stopNodeLocal(cluster: Cluster): Promise<void> {
  await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  await cluster.run(['ip', 'address', 'del', `${ADDRESS}/32`, 'dev', 'node0'], { mayFail: true });
}
