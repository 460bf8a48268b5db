import {
  type Choices,
  choicesFor,
  INJECTED,
  INJECTED_NODE_VERSION,
  INJECTED_VERSION,
  isInjected,
  type Mode,
} from './annotations.ts';
import { asksLoopback, type ClusterDns, explicitDns, nodeDns } from './cluster-dns.ts';
import type { ClusterVersion } from './cluster-version.ts';
import { type AddOperation, add, type Json, type JsonPatch, pointerTo } from './json-patch.ts';
import { isBefore, mountWarnings, needsMount } from './mounts.ts';
import { type Reason, type Skip, sidecarObstacle, unwanted } from './obstacles.ts';
import { type DnsConfig, type Pod, readPod } from './pod.ts';
import { PodError } from './pod-error.ts';
import { repairSidecar } from './repair-sidecar.ts';
import { RESTORE, type Restored, recordOf, recordText } from './restore-record.ts';
import {
  PORT_SYSCTL,
  PUBLISH_FLAG,
  RESOLV_CONF,
  resolvConfMount,
  SIDECAR,
  sharedVolume,
  sidecarContainer,
} from './sidecar.ts';

/** What injection needs to know besides the pod. */
export interface InjectionOptions extends Choices {
  readonly image: string;
  readonly pullPolicy?: string | undefined;
  /** Image pull secrets for sidestub's image, added to the pod's own. */
  readonly pullSecrets: readonly string[];
  readonly runAsUser?: number | 'none' | undefined;
  /** The namespace that the pod will run in: a pod made by a controller does not name it. */
  readonly namespace: string | undefined;
  /** Modes `none` and `node` need it. */
  readonly clusterDns: ClusterDns | undefined;
  /** Where pods reach the daemon of their node: mode `node` needs it. */
  readonly nodeDns: string | undefined;
  /** `undefined` counts as new enough. */
  readonly clusterVersion: ClusterVersion | undefined;
  /**
   * Whether an annotation should record how to undo the injection. Pods do not need it: they are replaced, manifests
   * are kept.
   */
  readonly restorable: boolean;
}

/** The result for one pod. */
export type Injection = Injected | NotInjected;

export interface Injected {
  readonly outcome: 'injected' | 'unchanged';
  readonly mode: Mode;
  /** Empty if the pod needs no change. */
  readonly patch: JsonPatch;
  /** Where the result may differ from what a user expects: one clause each, without a full stop. */
  readonly warnings: readonly string[];
}

/** Left unchanged: `skipped` because that is intended, `refused` because something prevents it. */
export interface NotInjected {
  readonly outcome: 'skipped' | 'refused';
  readonly reason: Reason;
  readonly message: string;
}

/**
 * Makes the patch that puts sidestub into a pod: a native sidecar before every init container, and its resolv.conf
 * mounted over that of all containers after it.
 *
 * The patch only adds, and applying it to its own result gives an empty patch. It overrides only the DNS of a pod in
 * mode `none`, and changes that other webhooks made to the sidecar after injection. Never throws: a pod that cannot be
 * read is refused.
 *
 * @param value - A pod or a pod template, as JSON.
 */
export function injectPod(value: unknown, options: InjectionOptions): Injection {
  try {
    const pod = readPod(value);
    const injection = injectionFor(pod, options);
    if (!options.restorable || !('patch' in injection)) return injection;
    return { ...injection, patch: [...injection.patch, ...restoreNote(value, pod, injection)] };
  } catch (error) {
    if (!(error instanceof PodError)) throw error;
    return { outcome: 'refused', reason: 'invalid', message: error.message };
  }
}

function injectionFor(found: Pod, options: InjectionOptions): Injection {
  const inTheWay = unwanted(found);
  if (inTheWay !== undefined) return notInjected(inTheWay);
  // A manifest is not repaired: its author decides, and an update moves the sidecar to the front anyway.
  const untouched = { pod: found, patch: [], warnings: [] };
  const repair = options.restorable ? untouched : repairSidecar(found);
  const { pod, patch: repairs, warnings: repaired } = repair;
  const present = pod.initContainers?.find(({ name }) => name === SIDECAR);
  const choices = choicesFor(pod.annotations ?? new Map(), options);
  if (present === undefined && (choices.mode === 'node' || isServedByNode(pod))) {
    return nodeInjection(pod, { ...options, ...choices });
  }
  const obstacle = sidecarObstacle(pod, options.clusterVersion);
  if (obstacle !== undefined) return notInjected(obstacle);
  // A pod that already has the sidecar stays in the mode of its injection, whatever is chosen now.
  const mode = present === undefined ? choices.mode : modeOf(present.args);
  const additions =
    mode === 'overlay'
      ? overlayPatch(pod, { ...options, ...choices, mode })
      : nonePatch(pod, { ...options, ...choices, mode }, present !== undefined);
  if (typeof additions === 'string') return dnsRefused(additions);
  const patch = [...repairs, ...additions];
  const warnings = [...repaired, ...(mode === 'overlay' ? mountWarnings(pod) : [])];
  return { outcome: patch.length > 0 ? 'injected' : 'unchanged', mode, patch, warnings };
}

function notInjected({ reason, message, intended }: Skip): NotInjected {
  return { outcome: intended ? 'skipped' : 'refused', reason, message };
}

function dnsRefused(message: string): NotInjected {
  return { outcome: 'refused', reason: 'dns_policy', message };
}

function isServedByNode({ annotations }: Pod): boolean {
  return annotations?.get(INJECTED) === INJECTED_NODE_VERSION;
}

/** No sidecar: the node's daemon is the pod's only nameserver. musl would ask a second one in parallel. */
function nodeInjection(pod: Pod, options: InjectionOptions): Injection {
  if (isServedByNode(pod)) return { outcome: 'unchanged', mode: 'node', patch: [], warnings: [] };
  const config = nodeDns(pod, options.clusterDns, options.namespace, options.nodeDns);
  if (typeof config === 'string') return dnsRefused(config);
  const { pins, readyNames, upstreams } = options;
  const unused = pins.length + readyNames.length + upstreams.length > 0;
  const warnings = unused
    ? ["mode node: pins, ready names and upstreams are the daemon's to set"]
    : [];
  const patch = [
    ...annotation(pod, INJECTED_NODE_VERSION),
    add(['spec', 'dnsPolicy'], 'None'),
    add(['spec', 'dnsConfig'], dnsConfigJson(config)),
  ];
  return { outcome: 'injected', mode: 'node', patch, warnings };
}

/** The annotation that removal will read, if there is anything to record. */
function restoreNote(value: unknown, pod: Pod, { patch }: Injected): AddOperation[] {
  if (patch.length === 0 || isInjected(pod.annotations)) return [];
  const record = new Map([
    ...(patch.some(({ path }) => path === '/spec/dnsPolicy') ? DNS_WAS_ABSENT : []),
    ...ownElements(pod),
    ...addedSecrets(patch),
    ...recordOf(value, patch),
  ]);
  if (record.size === 0) return [];
  return [add(['metadata', 'annotations', RESTORE], recordText(record))];
}

const DNS_WAS_ABSENT: readonly (readonly [pointer: string, was: Restored])[] = [
  ['/spec/dnsPolicy', {}],
  ['/spec/dnsConfig', {}],
];

/** The pull secrets that we add: nothing in the pod tells them from its own. */
function addedSecrets(patch: JsonPatch): (readonly [pointer: string, was: Restored])[] {
  return patch.flatMap((operation) => {
    if (operation.op !== 'add' || operation.path !== `${PULL_SECRETS}/-`) return [];
    const { name } = operation.value as { readonly name: string };
    return [[`${PULL_SECRETS}/${name}`, {}]];
  });
}

/** Elements that look like ours but were there before injection. */
function ownElements(pod: Pod): (readonly [pointer: string, was: Restored])[] {
  const { initContainers = [], containers, volumes = [], sysctls = [] } = pod;
  const places = [
    ...sysctls.map(({ name }) => ['securityContext', 'sysctls', name]),
    ...volumes.map(({ name }) => ['volumes', name]),
    ...initContainers.map(({ name }) => ['initContainers', name]),
    ...Object.entries({ initContainers, containers }).flatMap(([list, all]) =>
      all.flatMap(({ name, mounts = [] }) =>
        mounts
          .filter(({ path }) => path === RESOLV_CONF)
          .map(({ volume }) => [list, name, 'volumeMounts', volume]),
      ),
    ),
  ];
  return places
    .filter((place) => place.at(-1) === SIDECAR || place.at(-1) === PORT_SYSCTL.name)
    .map((place) => [pointerTo(['spec', ...place]), { is: true }]);
}

function modeOf(args: readonly string[]): Mode {
  return args.some((arg) => arg === PUBLISH_FLAG || arg.startsWith(`${PUBLISH_FLAG}=`))
    ? 'overlay'
    : 'none';
}

function overlayPatch(pod: Pod, options: InjectionOptions): JsonPatch {
  return [
    ...annotation(pod),
    ...sysctl(pod),
    ...(pod.volumes?.some(({ name }) => name === SIDECAR) === true
      ? []
      : append(['spec', 'volumes'], pod.volumes, sharedVolume)),
    ...sidecar(pod, options),
    ...mounts(pod),
    ...pullSecrets(pod, options),
  ];
}

function nonePatch(pod: Pod, options: InjectionOptions, present: boolean): JsonPatch | string {
  // A sidecar written by hand that does not publish resolv.conf: its author decides how the pod uses it.
  if (present && !asksLoopback(pod)) return [];
  if (present) return [...annotation(pod), ...sysctl(pod)];
  if (options.listen === 'pod') return 'only mode overlay can name the address of the pod';
  const dns = explicitDns(pod, options.clusterDns, options.namespace);
  if (typeof dns === 'string') return dns;
  const upstreams = options.upstreams.length > 0 ? options.upstreams : dns.upstreams;
  return [
    ...annotation(pod),
    ...sysctl(pod),
    add(['spec', 'dnsPolicy'], 'None'),
    add(['spec', 'dnsConfig'], dnsConfigJson(dns.config)),
    ...sidecar(pod, { ...options, upstreams }),
    ...pullSecrets(pod, options),
  ];
}

function dnsConfigJson(config: DnsConfig): Json {
  return {
    nameservers: config.nameservers,
    searches: config.searches,
    options: config.options.map(({ name, value }) =>
      value === undefined ? { name } : { name, value },
    ),
  };
}

function annotation(
  { hasMetadata, annotations }: Pod,
  version: string = INJECTED_VERSION,
): AddOperation[] {
  if (annotations?.has(INJECTED) === true) return [];
  return [
    ...(hasMetadata ? [] : [add(['metadata'], {})]),
    ...(annotations === undefined ? [add(['metadata', 'annotations'], {})] : []),
    add(['metadata', 'annotations', INJECTED], version),
  ];
}

function sysctl({ hasSecurityContext, sysctls }: Pod): AddOperation[] {
  if (sysctls?.some(({ name }) => name === PORT_SYSCTL.name) === true) return [];
  return [
    ...(hasSecurityContext ? [] : [add(['spec', 'securityContext'], {})]),
    ...append(['spec', 'securityContext', 'sysctls'], sysctls, PORT_SYSCTL),
  ];
}

/** At position 0: what starts before it would find a folder where the published file is to be. */
function sidecar({ initContainers, qosClass }: Pod, options: InjectionOptions): AddOperation[] {
  if (initContainers?.some(({ name }) => name === SIDECAR) === true) return [];
  return [
    ...(initContainers === undefined ? [add(['spec', 'initContainers'], [])] : []),
    add(['spec', 'initContainers', 0], sidecarContainer({ ...options, qosClass })),
  ];
}

const PULL_SECRETS = '/spec/imagePullSecrets';

function pullSecrets(
  { imagePullSecrets, initContainers }: Pod,
  options: InjectionOptions,
): AddOperation[] {
  // The user who wrote the existing sidecar also chose its pull secrets.
  if (initContainers?.some(({ name }) => name === SIDECAR) === true) return [];
  const missing = options.pullSecrets.filter((name) => imagePullSecrets?.includes(name) !== true);
  return [
    ...(missing.length > 0 && imagePullSecrets === undefined
      ? [add(['spec', 'imagePullSecrets'], [])]
      : []),
    ...missing.map((name) => add(['spec', 'imagePullSecrets', '-'], { name })),
  ];
}

/** Ephemeral containers get no mount: the API forbids a subPath for them, and they are added while the pod runs. */
function mounts(pod: Pod): AddOperation[] {
  const present = pod.initContainers?.some(({ name }) => name === SIDECAR) === true;
  const shift = present ? 0 : 1;
  const init = (pod.initContainers ?? []).flatMap((container, index) =>
    isBefore(pod, index) || !needsMount(container)
      ? []
      : append(
          ['spec', 'initContainers', index + shift, 'volumeMounts'],
          container.mounts,
          resolvConfMount,
        ),
  );
  const others = pod.containers.flatMap((container, index) =>
    needsMount(container)
      ? append(['spec', 'containers', index, 'volumeMounts'], container.mounts, resolvConfMount)
      : [],
  );
  return [...init, ...others];
}

/** At the end of a list, which is created first if it is missing. */
function append(
  path: readonly (string | number)[],
  list: readonly unknown[] | undefined,
  value: Json,
): AddOperation[] {
  return [...(list === undefined ? [add(path, [])] : []), add([...path, '-'], value)];
}
