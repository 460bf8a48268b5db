import type { Check, Findings } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import { injectedPod } from '../injected.ts';

const NAMESPACE = 'families';

export const families: Check = {
  name: 'families',
  shows: 'dual-stack services and a pod with IPv6 alone, musl and glibc',
  run: async (cluster, findings) => {
    await cluster.namespace(NAMESPACE);
    const dual = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'both', namespace: NAMESPACE },
    };
    await cluster.apply({
      ...dual,
      spec: {
        ipFamilyPolicy: 'RequireDualStack',
        ports: [{ port: 80 }],
        selector: { app: 'nobody' },
      },
    });
    const dns = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'dns6', namespace: 'kube-system' },
    };
    const ports = [
      { name: 'dns', port: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, protocol: 'TCP' },
    ];
    await cluster.apply({
      ...dns,
      spec: {
        ipFamilies: ['IPv6'],
        ipFamilyPolicy: 'SingleStack',
        clusterIP: 'fd00:10:96::a',
        selector: { 'k8s-app': 'kube-dns' },
        ports,
      },
    });
    await Promise.all(
      ['alpine:3.22', 'debian:12'].flatMap((image) => [
        bothFamilies(cluster, findings, image),
        sixAlone(cluster, findings, image),
      ]),
    );
    await cluster.kubectl('-n kube-system delete service dns6');
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;

const libcOf = (image: string): string => (image.startsWith('alpine') ? 'musl' : 'glibc');

async function bothFamilies(cluster: Cluster, findings: Findings, image: string): Promise<void> {
  const libc = libcOf(image);
  const name = `both-${libc}`;
  const spec = { name, namespace: NAMESPACE, image, command: ['gai', 'both'] };
  await cluster.api.post(PODS, injectedPod(spec));
  await cluster.podEnded(NAMESPACE, name);
  const seen = (await cluster.logs(NAMESPACE, name)).trim();
  findings.holds(
    /10\.96\./.test(seen) && /fd00:10:96:/.test(seen),
    `${libc}: both addresses of a dual-stack service`,
    seen,
  );
}

async function sixAlone(cluster: Cluster, findings: Findings, image: string): Promise<void> {
  const libc = libcOf(image);
  const name = `six-${libc}`;
  await cluster.api.post(PODS, withoutIpv4(name, image));
  const phase = await cluster.podEnded(NAMESPACE, name);
  const six = (await cluster.logs(NAMESPACE, name)).trim();
  findings.holds(
    phase === 'Succeeded' && !/ERR/.test(six) && six !== '',
    `${libc}: a pod with IPv6 alone`,
    six.replaceAll('\n', '; '),
  );
}

/** The CNI plugins give each pod both families here: an init container takes the IPv4 address away, before the sidecar. */
function withoutIpv4(name: string, image: string): object {
  const spec = { name, namespace: NAMESPACE, image, command: ['gai', 'git.corp.example', 'both'] };
  const pod = injectedPod(spec, { upstreams: ['fd00:10:96::a'] }) as {
    spec: { initContainers: object[] };
  };
  pod.spec.initContainers.unshift({
    name: 'no-ipv4',
    image: 'busybox:1.37',
    command: ['ip', '-4', 'address', 'flush', 'dev', 'eth0'],
    securityContext: { capabilities: { add: ['NET_ADMIN'] } },
  });
  return pod;
}
