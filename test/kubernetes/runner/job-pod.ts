import type { KubernetesObject } from '../inject/kubernetes-schema.ts';
import { podFile } from '../inject/pod-files.ts';
import type { PodPatch } from './pod-maker.ts';

/** A volume of `[runners.kubernetes.volumes]`. */
export interface RunnerVolume {
  readonly name: string;
  readonly mount_path: string;
  readonly sub_path?: string;
  readonly read_only?: boolean;
  readonly medium?: string;
  readonly size_limit?: string;
  readonly host_path?: string;
}

/** A `[[runners]]` as far as it shapes the pod of a job. */
export interface Runner {
  readonly name?: string;
  readonly environment?: readonly string[];
  readonly 'tls-ca-file'?: string;
  readonly feature_flags?: Readonly<Record<string, boolean>>;
  readonly kubernetes: {
    readonly namespace?: string;
    readonly image?: string;
    readonly privileged?: boolean;
    readonly image_pull_secrets?: readonly string[];
    readonly node_selector?: Readonly<Record<string, string>>;
    readonly dns_policy?: string;
    readonly dns_config?: { readonly nameservers?: string[]; readonly searches?: string[] };
    readonly pod_security_context?: Readonly<Record<string, unknown>>;
    readonly services?: readonly { readonly name: string }[];
    readonly volumes?: Readonly<Record<string, readonly RunnerVolume[] | undefined>>;
    readonly pod_spec?: readonly { readonly patch: string; readonly patch_type?: string }[];
  };
}

export interface PodContainer {
  readonly name: string;
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
  }[];
}

export interface Pod extends KubernetesObject {
  readonly spec: {
    readonly os?: { readonly name: string };
    readonly securityContext?: { readonly sysctls?: readonly { readonly name: string }[] };
    readonly volumes?: readonly object[];
    readonly initContainers: readonly PodContainer[];
    readonly containers: readonly PodContainer[];
  };
}

/** Whether the runner looks at `pod_spec` at all. */
export function takesPodSpec({ feature_flags: flags, environment = [] }: Runner): boolean {
  const flag = 'FF_USE_ADVANCED_POD_SPEC_CONFIGURATION';
  return flags?.[flag] === true || environment.includes(`${flag}=true`);
}

/** The patches that the runner applies, in their order. */
export function patchesOf(runner: Runner): PodPatch[] {
  if (!takesPodSpec(runner)) return [];
  const { pod_spec: patches = [] } = runner.kubernetes;
  return patches.map(({ patch, patch_type: type = 'strategic' }) => ({ type, text: patch }));
}

const DNS_POLICIES: Readonly<Record<string, string>> = { none: 'None', default: 'Default' };

/** The pod that the executor makes before its patches: its volumes are mounted in every container. */
export function jobPod({ kubernetes }: Runner): Pod {
  const made = podFile('gitlab-job') as Pod;
  const { volumes = {}, services = [], privileged = false, image = 'alpine' } = kubernetes;
  const mounts = Object.values(volumes).flatMap((list = []) => list.map(mountOf));
  const withMounts = (container: PodContainer): PodContainer => ({
    ...container,
    ...(privileged ? { securityContext: { privileged } } : {}),
    volumeMounts: [...(container.volumeMounts ?? []), ...mounts],
  });
  const containers = made.spec.containers.map((container) =>
    container.name === 'build' ? { ...container, image } : container,
  );
  const more = services.map(({ name }, index) => ({ name: `svc-${index}`, image: name }));
  const { node_selector: nodeSelector, image_pull_secrets: secrets = [] } = kubernetes;
  const { dns_policy: dnsPolicy, dns_config: dnsConfig } = kubernetes;
  const spec = {
    ...made.spec,
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(dnsPolicy === undefined ? {} : { dnsPolicy: DNS_POLICIES[dnsPolicy] }),
    ...(dnsConfig === undefined ? {} : { dnsConfig }),
    imagePullSecrets: secrets.map((name) => ({ name })),
    securityContext: camelCased(kubernetes.pod_security_context ?? {}),
    volumes: [...(made.spec.volumes ?? []), ...Object.entries(volumes).flatMap(volumesOf)],
    initContainers: made.spec.initContainers.map(withMounts),
    containers: [...containers, ...more].map(withMounts),
  };
  return { ...made, spec };
}

function mountOf({ name, mount_path: mountPath, sub_path: subPath, read_only: ro }: RunnerVolume) {
  return {
    name,
    mountPath,
    ...(subPath === undefined ? {} : { subPath }),
    ...(ro === true ? { readOnly: true } : {}),
  };
}

function volumesOf([kind, list = []]: [string, readonly RunnerVolume[] | undefined]): object[] {
  return list.map((volume) => ({ name: volume.name, ...sourceOf(kind, volume) }));
}

function sourceOf(
  kind: string,
  { name, medium, size_limit: sizeLimit, host_path: path }: RunnerVolume,
) {
  if (kind === 'host_path') return { hostPath: { path } };
  if (kind === 'pvc') return { persistentVolumeClaim: { claimName: name } };
  if (kind === 'secret') return { secret: { secretName: name } };
  if (kind === 'config_map') return { configMap: { name } };
  return {
    emptyDir: {
      ...(medium === undefined ? {} : { medium }),
      ...(sizeLimit === undefined ? {} : { sizeLimit }),
    },
  };
}

function camelCased(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(members).map(([name, value]) => [
    name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ]);
  return Object.fromEntries(entries);
}
