import { isIP } from 'node:net';
import {
  isDomainName,
  isUpstreamGroup,
  type Listen,
  type Mode,
} from '../../kubernetes/inject/annotations.ts';
import type { ClusterDns } from '../../kubernetes/inject/cluster-dns.ts';
import {
  type ClusterVersion,
  parseClusterVersion,
} from '../../kubernetes/inject/cluster-version.ts';
import type { InjectionOptions } from '../../kubernetes/inject/inject-pod.ts';
import { type CommandOptions, type Flags, textFlag, UsageError } from '../command.ts';

/** The flags by which `inject` and `webhook` are told what a pod is to get. */
export const injectionFlags: CommandOptions = {
  image: { type: 'string', hint: 'IMAGE', meaning: 'the image of the sidecar (sidestub:VERSION)' },
  mode: {
    type: 'string',
    hint: 'overlay|none',
    meaning: "mount a resolv.conf over the pod's (overlay), or set dnsPolicy: None",
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
    meaning: 'a name that is never meant to have a suffix (N6)',
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
  'cluster-version': {
    type: 'string',
    hint: 'VERSION',
    meaning: 'refuse clusters without native sidecars, before 1.29',
  },
};

/**
 * What the flags say.
 *
 * @param version - Of this package: the sidecar is of the same unless the image is named.
 * @throws {UsageError} For a value that makes no sense.
 */
export function injectionOptions(flags: Flags, version: string): InjectionOptions {
  const mode = wordOf<Mode>(flags, 'mode', ['overlay', 'none']) ?? 'overlay';
  const listen = wordOf<Listen>(flags, 'listen', ['loopback', 'pod']) ?? 'loopback';
  if (mode === 'none' && listen === 'pod') {
    throw new UsageError("--listen pod needs --mode overlay: only it can name the pod's address");
  }
  return {
    image: textFlag(flags, 'image') ?? `sidestub:${version}`,
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

function clusterDnsOf(flags: Flags): ClusterDns | undefined {
  const zone = textFlag(flags, 'cluster-domain') ?? 'cluster.local';
  if (!isDomainName(zone)) throw new UsageError(`--cluster-domain is not a domain name: ${zone}`);
  const nameservers = textFlag(flags, 'cluster-dns')?.split(',');
  if (nameservers === undefined) return undefined;
  // Kubelet writes addresses alone: a port or a scheme has no place in a pod's dnsConfig.
  const wrong = nameservers.find((address) => isIP(address) === 0);
  if (wrong !== undefined) throw new UsageError(`--cluster-dns is not an address: ${wrong}`);
  return { nameservers, zone, hostSearches: [] };
}

function clusterVersionOf(flags: Flags): ClusterVersion | undefined {
  const text = textFlag(flags, 'cluster-version');
  if (text === undefined) return undefined;
  const version = parseClusterVersion(text);
  if (version === undefined) throw new UsageError(`--cluster-version is not like 1.33: ${text}`);
  return version;
}
