import type { Choices } from './annotations.ts';
import type { Json } from './json-patch.ts';
import { type QosClass, resourcesFor } from './resources.ts';

/** The name of the container and of its volume; a pod that has both already was injected. */
export const SIDECAR = 'sidestub';
/** Where the sidecar publishes the pod's resolv.conf: a volume from which the other containers mount that one file. */
export const PUBLISH_FLAG = '--publish-resolv-conf';
export const RESOLV_CONF = '/etc/resolv.conf';
export const DNS_PORT = 53;
export const METRICS_PORT = 9553;

/** Prometheus scrapes from outside the pod. */
const METRICS_ADDRESS = `0.0.0.0:${METRICS_PORT}`;

/** Lets uid 65532 bind port 53 in the pod's own network; a safe sysctl since Kubernetes 1.22. */
export const PORT_SYSCTL = { name: 'net.ipv4.ip_unprivileged_port_start', value: '53' };

/** In memory and bounded: it holds one file of a few hundred octets. */
export const sharedVolume: Json = {
  name: SIDECAR,
  emptyDir: { medium: 'Memory', sizeLimit: '1Mi' },
};

/** The published file in place of kubelet's; both containerd and cri-o let a mount win over the sandbox's. */
export const resolvConfMount: Json = {
  name: SIDECAR,
  mountPath: RESOLV_CONF,
  subPath: 'resolv.conf',
  readOnly: true,
};

const SHARED_FOLDER = '/run/sidestub';

/**
 * dockerd hands its containers the pod's resolv.conf and drops loopback nameservers from it: then sidestub listens on
 * the pod's address too, for the pod itself and for dockerd's default address pools within 172.16/12.
 */
const POD_IP_CLIENTS = '127.0.0.0/8 ::1/128 $(POD_IP) 172.16.0.0/12';

export interface SidecarOptions extends Choices {
  readonly image: string;
  /** `undefined` leaves the choice to the cluster. */
  readonly pullPolicy?: string | undefined;
  /** The user that the sidecar runs as; `none` where the cluster assigns one (OpenShift). */
  readonly runAsUser?: number | 'none' | undefined;
  /** Of the pod without the sidecar. */
  readonly qosClass?: QosClass;
}

/** The image's own user, which no other image of a pod is likely to have. */
const USER = 65_532;

/**
 * The container, a native sidecar. Its postStart hook holds back what follows it until upstream answers and the names
 * that must resolve do: kubelet starts no other container before the hook has ended. A startupProbe would do the same
 * a second later, since kubelet probes at whole seconds.
 */
export function sidecarContainer(options: SidecarOptions): Json {
  const env = environment(options);
  return {
    name: SIDECAR,
    image: options.image,
    ...(options.pullPolicy === undefined ? {} : { imagePullPolicy: options.pullPolicy }),
    restartPolicy: 'Always',
    args: argumentsOf(options),
    ...(env.length > 0 ? { env } : {}),
    ports: [{ name: 'dns-metrics', containerPort: METRICS_PORT }],
    lifecycle: {
      postStart: { exec: { command: ['sidestub', 'wait', '--metrics', METRICS_ADDRESS] } },
    },
    ...(options.mode === 'overlay'
      ? { volumeMounts: [{ name: SIDECAR, mountPath: SHARED_FOLDER }] }
      : {}),
    securityContext: {
      runAsNonRoot: true,
      ...(options.runAsUser === 'none' ? {} : { runAsUser: options.runAsUser ?? USER }),
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    resources: resourcesFor(options.resources, options.qosClass ?? 'Burstable'),
  };
}

function argumentsOf({ mode, upstreams, listen }: SidecarOptions): string[] {
  const publish = mode === 'overlay' ? [PUBLISH_FLAG, `${SHARED_FOLDER}/resolv.conf`] : [];
  // The pod's address first: the first listener with port 53 is the one that the published file names.
  const listeners = listen === 'pod' ? ['$(POD_IP)', '127.0.0.1'] : [];
  return [
    'run',
    ...publish,
    ...listeners.flatMap((address) => ['--listen', address]),
    ...upstreams.flatMap((group) => ['--upstream', group]),
    '--metrics',
    METRICS_ADDRESS,
  ];
}

function environment({ pins, readyNames, listen }: SidecarOptions): Json[] {
  const pod: Json[] = [
    { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    { name: 'SIDESTUB_LISTEN_ALLOW', value: POD_IP_CLIENTS },
  ];
  return [
    ...(listen === 'pod' ? pod : []),
    ...(pins.length > 0 ? [{ name: 'SIDESTUB_SEARCH_PIN', value: pins.join(' ') }] : []),
    ...(readyNames.length > 0
      ? [{ name: 'SIDESTUB_READY_NAMES', value: readyNames.join(' ') }]
      : []),
  ];
}
