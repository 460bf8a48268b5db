import { INJECT } from './annotations.ts';
import { type ClusterVersion, hasNativeSidecars } from './cluster-version.ts';
import type { Pod } from './pod.ts';
import { DNS_PORT, METRICS_PORT, PORT_SYSCTL, SIDECAR } from './sidecar.ts';

/** Why a pod is left unchanged; a closed set, for metrics and audit. */
export type Reason =
  | 'opted_out'
  | 'mirror_pod'
  | 'windows'
  | 'no_containers'
  | 'host_network'
  | 'cluster_too_old'
  | 'name_taken'
  | 'port_taken'
  | 'sysctl_taken'
  | 'dns_captured'
  | 'dns_policy'
  | 'invalid';

export interface Skip {
  readonly reason: Reason;
  readonly message: string;
  /** Whether this is intended: the pod opted out, or a sidecar is of no use to pods like it. */
  readonly intended: boolean;
}

/** The first reason that keeps a sidecar out of a pod; `undefined` if there is none. */
export function sidecarObstacle(pod: Pod, version: ClusterVersion | undefined): Skip | undefined {
  return tooOld(version) ?? taken(pod) ?? portTaken(pod) ?? sysctlTaken(pod) ?? captured(pod);
}

/** Why a pod is left unchanged in every mode. */
export function unwanted({
  annotations,
  labels,
  windows,
  hostNetwork,
  hasContainers,
}: Pod): Skip | undefined {
  const skip = (reason: Reason, message: string): Skip => ({ reason, message, intended: true });
  if (annotations?.get(INJECT) === 'false' || labels.get(INJECT) === 'false') {
    return skip('opted_out', `${INJECT} is "false"`);
  }
  if (annotations?.has('kubernetes.io/config.mirror') === true) {
    return skip('mirror_pod', 'a static pod is what its node says, not the API');
  }
  if (!hasContainers)
    return skip('no_containers', 'no containers: a part of a pod, or a patch for one');
  if (windows) return skip('windows', 'Windows has no resolv.conf to publish');
  if (hostNetwork) {
    return skip(
      'host_network',
      'hostNetwork: port 53 of the node is not ours, nor are its sysctls',
    );
  }
  return undefined;
}

function tooOld(version: ClusterVersion | undefined): Skip | undefined {
  if (version === undefined || hasNativeSidecars(version)) return undefined;
  const found = `${version.major}.${version.minor}`;
  return refusal(
    'cluster_too_old',
    `Kubernetes ${found} has no native sidecars: 1.29 is the first`,
  );
}

/**
 * Ours is the init container with our name that is a native sidecar; any other container with that name is someone
 * else's.
 */
function taken({ containers, initContainers, volumes }: Pod): Skip | undefined {
  const named = ({ name }: { readonly name: string }): boolean => name === SIDECAR;
  if (containers.some(named)) {
    return refusal('name_taken', `a container is called ${SIDECAR} already`);
  }
  if (initContainers?.some((init) => named(init) && init.restartPolicy !== 'Always') === true) {
    return refusal('name_taken', `an init container without restartPolicy is called ${SIDECAR}`);
  }
  if (volumes?.some((volume) => named(volume) && !volume.emptyDir) === true) {
    return refusal('name_taken', `a volume that is no emptyDir is called ${SIDECAR}`);
  }
  return undefined;
}

/** A DNS server in the pod would lose its port to us, since it starts later. */
function portTaken({ containers, initContainers }: Pod): Skip | undefined {
  const others = [...(initContainers ?? []), ...containers].filter(({ name }) => name !== SIDECAR);
  for (const { name, ports } of others) {
    const port = ports.find((number) => number === DNS_PORT || number === METRICS_PORT);
    if (port !== undefined) {
      return refusal('port_taken', `container ${name} has port ${port}, which ${SIDECAR} needs`);
    }
  }
  return undefined;
}

function sysctlTaken({ sysctls }: Pod): Skip | undefined {
  const own = sysctls?.find(({ name }) => name === PORT_SYSCTL.name);
  if (own === undefined || Number(own.value) <= DNS_PORT) return undefined;
  return refusal(
    'sysctl_taken',
    `the pod sets ${own.name} to ${own.value}: above port ${DNS_PORT}`,
  );
}

const EXCLUDED_PORTS = 'traffic.sidecar.istio.io/excludeOutboundPorts';

/**
 * With DNS capture, Istio's CNI plugin redirects everything to port 53 to Istio's agent, before any container runs.
 * That includes our queries to upstream, and the agent's own upstream is sidestub. Without the plugin Istio redirects
 * only what goes to the nameservers in istio-init's resolv.conf, which names sidestub alone.
 */
function captured({ annotations, containers, initContainers = [] }: Pod): Skip | undefined {
  const proxy = [...initContainers, ...containers].find(({ name }) => name === 'istio-proxy');
  const byPlugin = initContainers.some(({ name }) => name === 'istio-validation');
  const captures = /^(?:1|[tT]|true|TRUE|True)$/.test(
    proxy?.env.get('ISTIO_META_DNS_CAPTURE') ?? '',
  );
  const excluded = (annotations?.get(EXCLUDED_PORTS) ?? '').split(',').map((port) => port.trim());
  if (!byPlugin || !captures || excluded.includes(String(DNS_PORT))) return undefined;
  return refusal(
    'dns_captured',
    `Istio's CNI plugin captures DNS, also what ${SIDECAR} asks: annotate ${EXCLUDED_PORTS}: "53"`,
  );
}

function refusal(reason: Reason, message: string): Skip {
  return { reason, message, intended: false };
}
