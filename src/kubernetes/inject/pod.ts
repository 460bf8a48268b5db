import { JsonField } from './json-field.ts';
import type { Json } from './json-patch.ts';
import { type QosClass, qosClassOf } from './resources.ts';
import { SIDECAR } from './sidecar.ts';

/**
 * What injection reads of a pod. A list that is `undefined` is missing, and must be created before something is added.
 */
export interface Pod {
  /** `metadata.name`, or the name that it will be generated from. */
  readonly name: string;
  readonly hasMetadata: boolean;
  /** False for a patch, which gives only some fields of a pod. */
  readonly hasContainers: boolean;
  readonly annotations: ReadonlyMap<string, string> | undefined;
  readonly labels: ReadonlyMap<string, string>;
  readonly hostNetwork: boolean;
  readonly windows: boolean;
  /** The API's default where the pod has none. */
  readonly dnsPolicy: string;
  readonly dnsConfig: DnsConfig | undefined;
  readonly hasSecurityContext: boolean;
  readonly sysctls: readonly Sysctl[] | undefined;
  readonly volumes: readonly Volume[] | undefined;
  readonly initContainers: readonly Container[] | undefined;
  readonly containers: readonly Container[];
  readonly imagePullSecrets: readonly string[] | undefined;
  /** The class without what sidestub adds. */
  readonly qosClass: QosClass;
}

export interface Container {
  readonly name: string;
  readonly restartPolicy: string | undefined;
  readonly args: readonly string[];
  /** `containerPort`s. */
  readonly ports: readonly number[];
  readonly mounts: readonly Mount[] | undefined;
  /** Variables with their values in the pod itself. */
  readonly env: ReadonlyMap<string, string>;
  /** The whole object, as it is in the pod. */
  readonly written: Json;
}

export interface Mount {
  readonly volume: string;
  readonly path: string;
}

export interface Volume {
  readonly name: string;
  readonly emptyDir: boolean;
}

export interface Sysctl {
  readonly name: string;
  readonly value: string;
}

export interface DnsConfig {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly DnsOption[];
}

export interface DnsOption {
  readonly name: string;
  readonly value: string | undefined;
}

/**
 * Reads a pod, or a pod template.
 *
 * @throws {PodError} When a field that is read has a shape that the API would refuse.
 */
export function readPod(value: unknown): Pod {
  const pod = new JsonField(value, '');
  const metadata = pod.member('metadata');
  const spec = pod.member('spec');
  const security = spec.member('securityContext');
  return {
    name: metadata.member('name').text() ?? metadata.member('generateName').text() ?? 'unnamed',
    hasMetadata: metadata.present,
    hasContainers: spec.member('containers').present,
    annotations: metadata.member('annotations').textMap(),
    labels: metadata.member('labels').textMap() ?? new Map(),
    hostNetwork: spec.member('hostNetwork').isTrue(),
    windows: isWindows(spec),
    dnsPolicy: spec.member('dnsPolicy').text() ?? 'ClusterFirst',
    dnsConfig: readDnsConfig(spec.member('dnsConfig')),
    hasSecurityContext: security.present,
    sysctls: security.member('sysctls').list()?.map(readSysctl),
    volumes: spec.member('volumes').list()?.map(readVolume),
    initContainers: spec.member('initContainers').list()?.map(readContainer),
    containers: spec.member('containers').list()?.map(readContainer) ?? [],
    imagePullSecrets: spec
      .member('imagePullSecrets')
      .list()
      ?.map((secret) => secret.member('name').text() ?? ''),
    qosClass: qosClassOf(spec, othersIn(spec)),
  };
}

function othersIn(spec: JsonField): JsonField[] {
  const all = ['initContainers', 'containers'].flatMap((list) => spec.member(list).list() ?? []);
  return all.filter((container) => container.member('name').text() !== SIDECAR);
}

/** Whether the pod asks for Windows; a pod that names no operating system runs on Linux or nowhere. */
function isWindows(spec: JsonField): boolean {
  const selected = spec.member('nodeSelector').member('kubernetes.io/os').text();
  return spec.member('os').member('name').text() === 'windows' || selected === 'windows';
}

function readContainer(container: JsonField): Container {
  return {
    name: container.required().member('name').text() ?? '',
    restartPolicy: container.member('restartPolicy').text(),
    args: container.member('args').texts(),
    ports: (container.member('ports').list() ?? []).map(
      (port) => port.member('containerPort').number() ?? 0,
    ),
    mounts: container
      .member('volumeMounts')
      .list()
      ?.map((mount) => ({
        volume: mount.member('name').text() ?? '',
        path: mount.member('mountPath').text() ?? '',
      })),
    env: new Map(
      (container.member('env').list() ?? []).map((variable) => [
        variable.member('name').text() ?? '',
        variable.member('value').text() ?? '',
      ]),
    ),
    written: container.unread() as Json,
  };
}

function readSysctl(sysctl: JsonField): Sysctl {
  return {
    name: sysctl.member('name').text() ?? '',
    value: sysctl.member('value').text() ?? '',
  };
}

function readVolume(volume: JsonField): Volume {
  return {
    name: volume.member('name').text() ?? '',
    emptyDir: volume.member('emptyDir').present,
  };
}

function readDnsConfig(config: JsonField): DnsConfig | undefined {
  if (!config.present) return undefined;
  return {
    nameservers: config.member('nameservers').texts(),
    searches: config.member('searches').texts(),
    options: (config.member('options').list() ?? []).map((option) => ({
      name: option.member('name').text() ?? '',
      value: option.member('value').text(),
    })),
  };
}
