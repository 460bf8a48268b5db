import { isIP } from 'node:net';
import {
  isDomainName,
  isUpstreamGroup,
  type Listen,
  MODES,
  type Mode,
} from '../../kubernetes/inject/annotations.ts';
import type { ClusterDns } from '../../kubernetes/inject/cluster-dns.ts';
import {
  type ClusterVersion,
  parseClusterVersion,
} from '../../kubernetes/inject/cluster-version.ts';
import type { InjectionOptions } from '../../kubernetes/inject/inject-pod.ts';
import {
  isQuantity,
  RESOURCE_NAMES,
  type ResourceChoices,
  resourcesFor,
} from '../../kubernetes/inject/resources.ts';
import { type CommandOptions, type Flags, textFlag, UsageError } from '../command.ts';

/** The flags with which `inject` and `webhook` choose what is injected. */
export const injectionFlags: CommandOptions = {
  image: { type: 'string', hint: 'IMAGE', meaning: 'the image of the sidecar (sidestub:VERSION)' },
  mode: {
    type: 'string',
    hint: 'overlay|none|node',
    meaning:
      "mount a resolv.conf over the pod's (overlay), or set dnsPolicy: None, with a sidecar or (node) none",
  },
  listen: {
    type: 'string',
    hint: 'loopback|pod',
    meaning: "pod: at the pod's address too, for what dockerd starts in it",
  },
  pin: {
    type: 'string',
    multiple: true,
    hint: 'NAME',
    meaning: 'a name that is looked up only as it is, never with a suffix (N6)',
  },
  ready: {
    type: 'string',
    multiple: true,
    hint: 'NAME',
    meaning: 'a name that has to resolve before other containers start',
  },
  upstream: {
    type: 'string',
    multiple: true,
    hint: 'ADDR[,ADDR]',
    meaning: "servers to ask instead of those of the pod's resolv.conf (U1)",
  },
  'cluster-dns': {
    type: 'string',
    hint: 'ADDR[,ADDR]',
    meaning: "the cluster's nameservers, for mode none",
  },
  'cluster-domain': {
    type: 'string',
    hint: 'ZONE',
    meaning: 'the cluster zone, for mode none (cluster.local)',
  },
  'cluster-search': {
    type: 'string',
    multiple: true,
    hint: 'DOMAIN',
    meaning: "a search domain of the nodes, behind the cluster's, for modes none and node",
  },
  'node-dns': {
    type: 'string',
    hint: 'ADDR',
    meaning: 'where pods reach the daemon of their node, for mode node (k8s/node)',
  },
  'cpu-request': { type: 'string', hint: 'QUANTITY', meaning: 'of the sidecar, or none (10m)' },
  'cpu-limit': { type: 'string', hint: 'QUANTITY', meaning: 'of the sidecar, or none (none)' },
  'memory-request': { type: 'string', hint: 'QUANTITY', meaning: 'of the sidecar, or none (64Mi)' },
  'memory-limit': { type: 'string', hint: 'QUANTITY', meaning: 'of the sidecar, or none (96Mi)' },
  qos: {
    type: 'string',
    hint: 'keep|burstable',
    meaning: 'keep: a Guaranteed pod stays Guaranteed, and a BestEffort one BestEffort',
  },
  'pull-policy': {
    type: 'string',
    hint: 'POLICY',
    meaning: "of the sidecar's image: Always, IfNotPresent or Never",
  },
  'pull-secret': {
    type: 'string',
    multiple: true,
    hint: 'NAME',
    meaning: "a Secret for the sidecar's image, beside those of the pod",
  },
  'run-as-user': {
    type: 'string',
    hint: 'UID|none',
    meaning:
      'the user of the sidecar; none where the cluster assigns one, as OpenShift does (65532)',
  },
  'cluster-version': {
    type: 'string',
    hint: 'VERSION',
    meaning: 'refuse clusters without native sidecars, before 1.29',
  },
};

/**
 * What the flags say.
 *
 * @param version - Of this package; the default image has the same version.
 * @throws {UsageError} For a value that makes no sense.
 */
export function injectionOptions(flags: Flags, version: string): InjectionOptions {
  const mode = wordOf<Mode>(flags, 'mode', MODES) ?? 'overlay';
  const listen = wordOf<Listen>(flags, 'listen', ['loopback', 'pod']) ?? 'loopback';
  if (mode !== 'overlay' && listen === 'pod') {
    throw new UsageError("--listen pod needs --mode overlay: only it can name the pod's address");
  }
  return {
    image: checked(flags, 'image', /^[^\s]+$/, 'an image') ?? `sidestub:${version}`,
    pullPolicy: wordOf(flags, 'pull-policy', ['Always', 'IfNotPresent', 'Never']),
    pullSecrets: wordsOf(flags, 'pull-secret', isDomainName, 'the name of a Secret'),
    runAsUser: userOf(flags),
    resources: resourcesOf(flags),
    nodeDns: nodeDnsOf(flags),
    mode,
    listen,
    pins: wordsOf(flags, 'pin', isDomainName, 'a domain name'),
    readyNames: wordsOf(flags, 'ready', isDomainName, 'a domain name'),
    upstreams: wordsOf(flags, 'upstream', isUpstreamGroup, 'server addresses'),
    namespace: textFlag(flags, 'namespace'),
    clusterDns: clusterDnsOf(flags),
    clusterVersion: clusterVersionOf(flags),
    restorable: false,
  };
}

function wordOf<Word extends string>(
  flags: Flags,
  name: string,
  allowed: readonly Word[],
): Word | undefined {
  const value = textFlag(flags, name);
  if (value === undefined) return undefined;
  const word = allowed.find((candidate) => candidate === value);
  if (word === undefined)
    throw new UsageError(`--${name} is not ${allowed.join(' or ')}: ${value}`);
  return word;
}

function wordsOf(
  flags: Flags,
  name: string,
  accepts: (word: string) => boolean,
  expected: string,
): string[] {
  const value = flags[name];
  const words = (Array.isArray(value) ? value : []).map(String);
  const wrong = words.find((word) => !accepts(word));
  if (wrong !== undefined) throw new UsageError(`--${name} is not ${expected}: ${wrong}`);
  return words;
}

function checked(flags: Flags, name: string, pattern: RegExp, expected: string) {
  const value = textFlag(flags, name);
  if (value !== undefined && !pattern.test(value)) {
    throw new UsageError(`--${name} is not ${expected}: ${value}`);
  }
  return value;
}

/** A uid that is not root's: the sidecar is `runAsNonRoot`. */
function userOf(flags: Flags): number | 'none' | undefined {
  const user = checked(flags, 'run-as-user', /^(?:none|[1-9]\d{0,9})$/, 'a uid above 0, or none');
  return user === undefined || user === 'none' ? user : Number(user);
}

function resourcesOf(flags: Flags): ResourceChoices {
  const qos = wordOf(flags, 'qos', ['keep', 'burstable'] as const);
  const quantities = Object.entries(RESOURCE_NAMES).flatMap(([name, choice]) => {
    const value = textFlag(flags, name);
    if (value === undefined) return [];
    if (!isQuantity(value)) throw new UsageError(`--${name} is not a quantity or none: ${value}`);
    return [[choice, value]];
  });
  const choices: ResourceChoices = {
    ...Object.fromEntries(quantities),
    ...(qos === undefined ? {} : { qos }),
  };
  try {
    resourcesFor(choices, 'Burstable');
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  return choices;
}

function nodeDnsOf(flags: Flags): string | undefined {
  const address = textFlag(flags, 'node-dns');
  if (address !== undefined && isIP(address) === 0) {
    throw new UsageError(`--node-dns is not an address: ${address}`);
  }
  return address;
}

/** What is known of the cluster's DNS without `--cluster-dns`: enough for mode `node`. */
export function clusterZoneOf(flags: Flags): ClusterDns {
  const zone = textFlag(flags, 'cluster-domain') ?? 'cluster.local';
  if (!isDomainName(zone)) throw new UsageError(`--cluster-domain is not a domain name: ${zone}`);
  const hostSearches = wordsOf(flags, 'cluster-search', isDomainName, 'a domain name');
  return { nameservers: [], zone, hostSearches };
}

function clusterDnsOf(flags: Flags): ClusterDns | undefined {
  const cluster = clusterZoneOf(flags);
  const nameservers = textFlag(flags, 'cluster-dns')?.split(',');
  if (nameservers === undefined) return undefined;
  // Kubelet writes addresses alone: a port or a scheme has no place in a pod's dnsConfig.
  const wrong = nameservers.find((address) => isIP(address) === 0);
  if (wrong !== undefined) throw new UsageError(`--cluster-dns is not an address: ${wrong}`);
  return { ...cluster, nameservers };
}

function clusterVersionOf(flags: Flags): ClusterVersion | undefined {
  const text = textFlag(flags, 'cluster-version');
  if (text === undefined) return undefined;
  const version = parseClusterVersion(text);
  if (version === undefined) throw new UsageError(`--cluster-version is not like 1.33: ${text}`);
  return version;
}
