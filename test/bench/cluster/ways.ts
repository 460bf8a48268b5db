import { type PodSpec, podObject } from '../../cluster/cluster.ts';
import { injectedPod } from '../../cluster/injected.ts';
import { ADDRESS as NODE_LOCAL } from '../../cluster/node-local-dns.ts';
import { AUTOPATH } from './autopath.ts';

/** The ways in which a pod's lookups reach the cluster's DNS. */
export const WAYS = [
  'directly',
  'ndots2',
  'autopath',
  'nodelocal',
  'sidecar',
  'daemon',
  'both',
] as const;
export type Way = (typeof WAYS)[number];

/** Those that a rollout and an outage are watched through. */
export const WATCHED: readonly Way[] = ['directly', 'sidecar', 'daemon', 'both'];

export const TITLES: Readonly<Record<Way, string>> = {
  directly: 'directly',
  ndots2: '`ndots:2`',
  autopath: 'autopath',
  nodelocal: 'NodeLocal',
  sidecar: 'sidecar',
  daemon: 'node daemon',
  both: 'sidecar + daemon',
};

export const LIBCS = { musl: 'alpine:3.22', glibc: 'debian:12' } as const;
export type Libc = keyof typeof LIBCS;
export const LIBC_NAMES: readonly Libc[] = ['musl', 'glibc'];

/** The namespace that has the services. */
export const NAMESPACE = 'ci';
const CLUSTER_DNS = '10.96.0.10';
const SEARCHES = ['ci.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'corp.example'];

/** A pod whose lookups go one way. @param daemon - The address of the node daemon's service. */
export function podOf(way: Way, libc: Libc, daemon: string, spec: PodSpec): object {
  const own = { ...spec, namespace: NAMESPACE, image: LIBCS[libc] };
  const options = [{ name: 'ndots', value: '5' }];
  const asking = (address: string) => ({
    dnsPolicy: 'None',
    dnsConfig: { nameservers: [address], searches: SEARCHES, options },
  });
  switch (way) {
    case 'directly':
      return podObject(own);
    case 'ndots2':
      return podObject({
        ...own,
        spec: { dnsConfig: { options: [{ name: 'ndots', value: '2' }] } },
      });
    case 'autopath':
      return podObject({ ...own, spec: asking(AUTOPATH) });
    case 'nodelocal':
      return podObject({ ...own, spec: asking(NODE_LOCAL) });
    case 'daemon':
      return podObject({ ...own, spec: asking(daemon) });
    case 'sidecar':
      return injectedPod(own);
    case 'both':
      return injectedPod(own, { upstreams: [daemon, CLUSTER_DNS] });
  }
}
