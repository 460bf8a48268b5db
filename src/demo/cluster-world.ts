import type { ResolverFacts } from '../walk/walk.ts';
import type { Seconds } from '../wire/record.ts';

/** Everything that exists, as plain data: a test hands it to another process as JSON. */
export interface World {
  /** The cluster zone Z, canonical; absent for a server that knows no cluster. */
  readonly zone?: string;
  /** kube-dns denies `svc.Z` and `NS.svc.Z`, though names exist below: it fails the conformance test (N2). */
  readonly flavour: 'coredns' | 'kube-dns';
  /** Of every record in Z, and the MINIMUM of its SOA. */
  readonly ttl: Seconds;
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, Service>>>>;
  /** Names outside Z, canonical. Names above them exist too, without records. */
  readonly hosts: Readonly<Record<string, Host>>;
  /** Zones outside Z whose SOA negative answers carry; else that of the TLD, or of the root. Canonical. */
  readonly zones: readonly string[];
}

/** A service of the cluster: with `addresses` a ClusterIP, without headless, with `externalName` an alias. */
export interface Service {
  /** ClusterIPs, IPv4 and IPv6. */
  readonly addresses?: readonly string[];
  /** Addresses of the ready endpoints by their host name; a headless service with none does not exist. */
  readonly endpoints?: Readonly<Record<string, string>>;
  readonly ports?: readonly ServicePort[];
  /** Canonical. */
  readonly externalName?: string;
}

/** Makes `_name._protocol` below its service. */
export interface ServicePort {
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

/** Records of one name outside the cluster. With `cname` the others are ignored. */
export interface Host {
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  /** Canonical. */
  readonly cname?: string;
  readonly txt?: readonly string[];
  /** Default 300. */
  readonly ttl?: Seconds;
}

/** Where `kubernetes.default` lives, as in a cluster that kubeadm made. */
const API_SERVER = '10.96.0.1';

/**
 * A world with a cluster zone `cluster.local.` that has `default` and `kubernetes.default`, and what `more` says.
 *
 * @param more - Replaces whole fields, but `namespaces`, which it adds to.
 */
export function worldOf(more: Partial<World> = {}): World {
  return {
    zone: 'cluster.local.',
    flavour: 'coredns',
    ttl: 5,
    hosts: {},
    zones: [],
    ...more,
    namespaces: withDefaults(more.namespaces),
  };
}

function withDefaults(namespaces: World['namespaces'] = {}): World['namespaces'] {
  const { default: own, ...others } = namespaces;
  return {
    'kube-system': { 'kube-dns': { addresses: ['10.96.0.10'] } },
    ...others,
    default: { kubernetes: { addresses: [API_SERVER] }, ...own },
  };
}

/** The cluster, the company's zone and the few names of the internet that the stories need. */
export const DEMO_WORLD = worldOf({
  namespaces: { job: { nginx: { addresses: ['10.96.44.7'] } } },
  hosts: {
    // Without AAAA, like most companies' Git hosts: several stories are about the answer to AAAA.
    'git.example.com.': { a: ['198.51.100.7'] },
    'packages.example.com.': { a: ['198.51.100.8'] },
    'wiki.corp.example.': { a: ['203.0.113.5'] },
  },
  zones: ['example.com.', 'corp.example.'],
});

/** What kubelet writes into the resolv.conf of a pod in namespace `job`, followed by the company's suffix. */
export const POD_SEARCH: Pick<ResolverFacts, 'search' | 'ndots'> = {
  search: ['job.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.', 'corp.example.'],
  ndots: 5,
};
