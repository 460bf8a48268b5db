import type { Check } from '../check.ts';
import { injectedPod } from '../injected.ts';

const NAMESPACE = 'nodelocal';
const ADDRESS = '169.254.25.10';
const NAMES = ['kubernetes.default', 'nginx.ci', 'db.other', 'git.corp.example', 'git.example.com'];

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

export const nodeLocal: Check = {
  name: 'nodelocal',
  shows:
    "CoreDNS with NodeLocal DNSCache's Corefile in between, at a link-local address and over TCP",
  run: async (cluster, findings) => {
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
    for (const image of ['alpine:3.22', 'debian:12']) {
      const libc = image.startsWith('alpine') ? 'musl' : 'glibc';
      const spec = { name: libc, namespace: NAMESPACE, image, command: ['gai', ...NAMES] };
      await cluster.api.post(
        `/api/v1/namespaces/${NAMESPACE}/pods`,
        injectedPod(spec, { upstreams: [ADDRESS] }),
      );
      await cluster.podEnded(NAMESPACE, libc);
      const seen = (await cluster.logs(NAMESPACE, libc)).trim();
      findings.holds(
        !seen.includes('ERR') && seen.split('\n').length === NAMES.length,
        libc,
        seen.replaceAll('\n', '; '),
      );
    }
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
    await cluster.run(['ip', 'address', 'del', `${ADDRESS}/32`, 'dev', 'node0'], { mayFail: true });
  },
};
