import type { DnsConfig, DnsOption, Pod } from './pod.ts';

/** The DNS settings that kubelet gives every pod with `ClusterFirst`, apart from the pod's namespace. */
export interface ClusterDns {
  readonly nameservers: readonly string[];
  /** The cluster zone, such as `cluster.local`. */
  readonly zone: string;
  /** The node's search domains, which follow the zone's. */
  readonly hostSearches: readonly string[];
}

/** The address of sidestub when it is the pod's only nameserver. */
export const LOOPBACK = '127.0.0.1';

/** Kubelet's option for `ClusterFirst`. */
const CLUSTER_OPTIONS: readonly DnsOption[] = [{ name: 'ndots', value: '5' }];

/**
 * Reads the cluster's DNS from the resolv.conf of a pod with `ClusterFirst`: a webhook's own.
 *
 * @throws {Error} If it is not from such a pod: it has no search domain `NAMESPACE.svc.ZONE`, or it names the loopback,
 * as in a pod that was injected itself.
 */
export function clusterDnsFrom(resolvConf: string): ClusterDns {
  const lines = resolvConf.split('\n').map((line) => line.trim().split(/\s+/));
  const nameservers = lines.flatMap(([keyword, address]) =>
    keyword === 'nameserver' && address !== undefined ? [address] : [],
  );
  const searches = lines.findLast(([keyword]) => keyword === 'search')?.slice(1) ?? [];
  const zone = searches.map((search) => /^[^.]+\.svc\.(.+)$/.exec(search)?.[1]).find(Boolean);
  if (zone === undefined) throw new Error('resolv.conf has no search domain NAMESPACE.svc.ZONE');
  if (nameservers.length === 0) throw new Error('resolv.conf has no nameserver');
  const own = nameservers.find(isLoopback);
  if (own !== undefined) throw new Error(`resolv.conf has a loopback nameserver: ${own}`);
  const hostSearches = searches.filter((search) => search !== zone && !isBelowSvc(search, zone));
  return { nameservers, zone, hostSearches };
}

/**
 * The dnsConfig that means the same with `dnsPolicy: None` as the pod's own settings did, and the servers that sidestub
 * then asks.
 */
export interface ExplicitDns {
  readonly upstreams: readonly string[];
  readonly config: DnsConfig;
}

/** The pod's DNS, spelled out with sidestub as its nameserver; or why that cannot be known. */
export function explicitDns(
  pod: Pod,
  cluster: ClusterDns | undefined,
  namespace: string | undefined,
): ExplicitDns | string {
  const before = pod.dnsPolicy === 'None' ? none : clusterFirst(pod.dnsPolicy, cluster, namespace);
  if (typeof before === 'string') return before;
  const { nameservers = [], searches = [], options = [] } = pod.dnsConfig ?? {};
  const upstreams = [...new Set([...before.nameservers, ...nameservers])];
  if (upstreams.length === 0) {
    return pod.dnsPolicy === 'None'
      ? 'dnsPolicy None without nameservers'
      : 'the cluster DNS is not known: --cluster-dns';
  }
  const own = upstreams.find(isLoopback);
  if (own !== undefined) return `the pod has a nameserver of its own at ${own}`;
  return {
    upstreams,
    config: {
      nameservers: [LOOPBACK],
      searches: searchList([...before.searches, ...searches]),
      options: merged(before.options, options),
    },
  };
}

/** The pod's DNS with its node's daemon as the only nameserver; or the reason why that daemon cannot serve it. */
export function nodeDns(
  pod: Pod,
  cluster: ClusterDns | undefined,
  namespace: string | undefined,
  address: string | undefined,
): DnsConfig | string {
  if (address === undefined) return 'the address of the node daemon is not known: --node-dns';
  const { nameservers = [], searches = [], options = [] } = pod.dnsConfig ?? {};
  if (nameservers.length > 0) {
    return 'the pod has nameservers of its own, which the node daemon does not ask';
  }
  const before = clusterFirst(pod.dnsPolicy, cluster, namespace);
  if (typeof before === 'string') return before;
  return {
    nameservers: [address],
    searches: searchList([...before.searches, ...searches]),
    options: merged(before.options, options),
  };
}

/** Kubelet drops entries above the limit; with `dnsPolicy: None` the API server would refuse the pod. */
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARACTERS = 2_048;

function searchList(all: readonly string[]): string[] {
  const list = [...new Set(all)].slice(0, MAX_SEARCHES);
  while (list.join(' ').length > MAX_SEARCH_CHARACTERS) list.pop();
  return list;
}

/** Whether the pod's programs ask only the loopback address. */
export function asksLoopback({ dnsPolicy, dnsConfig }: Pod): boolean {
  const nameservers = dnsConfig?.nameservers ?? [];
  return dnsPolicy === 'None' && nameservers.length === 1 && nameservers.every(isLoopback);
}

const none: DnsConfig = { nameservers: [], searches: [], options: [] };

/** As kubelet composes it: `getPodDNSType` and `generateSearchesForDNSClusterFirst` in its dns.go. */
function clusterFirst(
  policy: string,
  cluster: ClusterDns | undefined,
  namespace: string | undefined,
): DnsConfig | string {
  // Without hostNetwork both mean the same, and pods with hostNetwork are not injected.
  if (policy !== 'ClusterFirst' && policy !== 'ClusterFirstWithHostNet') {
    return `dnsPolicy ${policy}: only the node knows its nameservers; mode overlay leaves them as they are`;
  }
  if (cluster === undefined) return 'the cluster DNS is not known: --cluster-dns';
  if (namespace === undefined) return 'the namespace is not known, and its search list needs it';
  const { nameservers, zone, hostSearches } = cluster;
  const searches = [`${namespace}.svc.${zone}`, `svc.${zone}`, zone, ...hostSearches];
  return { nameservers, searches, options: CLUSTER_OPTIONS };
}

/** The pod's options win over those of its policy, as in kubelet's `mergeDNSOptions`. */
function merged(some: readonly DnsOption[], more: readonly DnsOption[]): DnsOption[] {
  return [...new Map([...some, ...more].map((option) => [option.name, option])).values()];
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

function isBelowSvc(search: string, zone: string): boolean {
  return search === `svc.${zone}` || search.endsWith(`.svc.${zone}`);
}
