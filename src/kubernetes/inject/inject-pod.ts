import {
  type Choices,
  choicesFor,
  INJECTED,
  INJECTED_VERSION,
  isInjected,
  type Mode,
} from './annotations.ts';
import { asksLoopback, type ClusterDns, type ExplicitDns, explicitDns } from './cluster-dns.ts';
import type { ClusterVersion } from './cluster-version.ts';
import { type AddOperation, add, type Json, type JsonPatch, pointerTo } from './json-patch.ts';
import { isBefore, mountWarnings, needsMount } from './mounts.ts';
import { obstacle, type Reason, type Skip } from './obstacles.ts';
import { type Pod, readPod } from './pod.ts';
import { PodError } from './pod-error.ts';
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

/** What injection knows beside the pod. */
export interface InjectionOptions extends Choices {
  readonly image: string;
  /** Where the pod is to run: a pod made by a controller does not say. */
  readonly namespace: string | undefined;
  /** Mode `none` needs it. */
  readonly clusterDns: ClusterDns | undefined;
  /** `undefined` is taken for new enough. */
  readonly clusterVersion: ClusterVersion | undefined;
  /** Whether an annotation is to say what it takes to undo it: pods live shorter than manifests. */
  readonly restorable: boolean;
}

/** What becomes of a pod. */
export type Injection = Injected | NotInjected;

export interface Injected {
  readonly outcome: 'injected' | 'unchanged';
  readonly mode: Mode;
  /** Empty where the pod has it all. */
  readonly patch: JsonPatch;
  /** What will not be as one may expect, each in a sentence without end. */
  readonly warnings: readonly string[];
}

/** Left as it is: `skipped` because that is meant, `refused` because something is in the way. */
export interface NotInjected {
  readonly outcome: 'skipped' | 'refused';
  readonly reason: Reason;
  readonly message: string;
}

/**
 * Makes the patch that puts sidestub into a pod: a native sidecar in front of every init container, and its resolv.conf
 * over that of all containers behind it.
 *
 * The patch only adds, and what it makes gets an empty patch. The one thing it overrules is the DNS of a pod in mode
 * `none`. Never throws: what cannot be read is refused.
 *
 * @param value - A pod or the template of one, as JSON.
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

function injectionFor(pod: Pod, options: InjectionOptions): Injection {
  const inTheWay = obstacle(pod, options.clusterVersion);
  if (inTheWay !== undefined) return notInjected(inTheWay);
  const present = pod.initContainers?.find(({ name }) => name === SIDECAR);
  const choices = choicesFor(pod.annotations ?? new Map(), options);
  // A pod that has the sidecar is in the mode that this one was made for, whatever was chosen since.
  const mode = present === undefined ? choices.mode : modeOf(present.args);
  const patch =
    mode === 'overlay'
      ? overlayPatch(pod, { ...options, ...choices, mode })
      : nonePatch(pod, { ...options, ...choices, mode }, present !== undefined);
  if (typeof patch === 'string') {
    return { outcome: 'refused', reason: 'dns_policy', message: patch };
  }
  const warnings = mode === 'overlay' ? mountWarnings(pod) : [];
  return { outcome: patch.length > 0 ? 'injected' : 'unchanged', mode, patch, warnings };
}

/** The annotation that removal will read, where there is something to know. */
function restoreNote(value: unknown, pod: Pod, { mode, patch }: Injected): AddOperation[] {
  if (patch.length === 0 || isInjected(pod.annotations)) return [];
  const record = new Map([
    ...(mode === 'overlay' ? [] : DNS_WAS_ABSENT),
    ...ownElements(pod),
    ...recordOf(value, patch),
  ]);
  if (record.size === 0) return [];
  return [add(['metadata', 'annotations', RESTORE], recordText(record))];
}

const DNS_WAS_ABSENT: readonly (readonly [pointer: string, was: Restored])[] = [
  ['/spec/dnsPolicy', {}],
  ['/spec/dnsConfig', {}],
];

/** What looks like ours and was there before. */
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

function notInjected({ reason, message, meant }: Skip): NotInjected {
  return { outcome: meant ? 'skipped' : 'refused', reason, message };
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
  ];
}

function nonePatch(pod: Pod, options: InjectionOptions, present: boolean): JsonPatch | string {
  // Somebody wrote the sidecar by hand, without publishing: how its pod comes to ask it is theirs too.
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
    add(['spec', 'dnsConfig'], dnsConfigJson(dns)),
    ...sidecar(pod, { ...options, upstreams }),
  ];
}

function dnsConfigJson({ config }: ExplicitDns): Json {
  return {
    nameservers: config.nameservers,
    searches: config.searches,
    options: config.options.map(({ name, value }) =>
      value === undefined ? { name } : { name, value },
    ),
  };
}

function annotation({ hasMetadata, annotations }: Pod): AddOperation[] {
  if (annotations?.has(INJECTED) === true) return [];
  return [
    ...(hasMetadata ? [] : [add(['metadata'], {})]),
    ...(annotations === undefined ? [add(['metadata', 'annotations'], {})] : []),
    add(['metadata', 'annotations', INJECTED], INJECTED_VERSION),
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
function sidecar({ initContainers }: Pod, options: InjectionOptions): AddOperation[] {
  if (initContainers?.some(({ name }) => name === SIDECAR) === true) return [];
  return [
    ...(initContainers === undefined ? [add(['spec', 'initContainers'], [])] : []),
    add(['spec', 'initContainers', 0], sidecarContainer(options)),
  ];
}

/** Ephemeral containers have none: the API forbids them a subPath, and they come when the pod runs. */
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

/** At the end of a list that is made first where it is missing. */
function append(
  path: readonly (string | number)[],
  list: readonly unknown[] | undefined,
  value: Json,
): AddOperation[] {
  return [...(list === undefined ? [add(path, [])] : []), add([...path, '-'], value)];
}
