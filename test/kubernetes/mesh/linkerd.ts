import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jsonPatch, { type Operation } from 'fast-json-patch';
import { parse } from 'yaml';
import type { KubernetesTool } from '../../../docker/kubernetes-tools.ts';
import type { KubernetesObject } from '../inject/kubernetes-schema.ts';
import { plainJob, trimmed } from './renderings.ts';

/** The files of linkerd2's charts that are read, by the commits that they were read at. */
export const LINKERD = {
  'patch/templates/patch.json': '618c03fd0dff',
  'partials/templates/_proxy.tpl': '44e54696f519',
  'partials/templates/_proxy-init.tpl': '0ce3addad3f2',
  'partials/templates/_network-validator.tpl': '332c4efa8ccb',
  'linkerd-control-plane/values.yaml': '5d0275e3f3af',
} as const;

/** Linkerd as somebody has installed it: what differs from the values of its chart. */
interface Installation {
  readonly says: string;
  readonly cniEnabled: boolean;
  readonly nativeSidecar: boolean;
}

export const installations = {
  linkerd: { says: "Linkerd's proxy as a native sidecar", cniEnabled: false, nativeSidecar: true },
  'linkerd-cni': {
    says: 'Linkerd with its CNI plugin: a validator in place of linkerd-init',
    cniEnabled: true,
    nativeSidecar: true,
  },
  'linkerd-classic': {
    says: "Linkerd's proxy as the first container: linkerd-init stands behind the pod's own init containers",
    cniEnabled: false,
    nativeSidecar: false,
  },
  'linkerd-classic-cni': {
    says: "Linkerd's proxy as the first container, with its CNI plugin",
    cniEnabled: true,
    nativeSidecar: false,
  },
} as const satisfies Readonly<Record<string, Installation>>;

export type LinkerdName = keyof typeof installations;

/** What Linkerd's injector answers for a pod that has nothing, its containers shortened. */
export type LinkerdPatches = Readonly<Record<LinkerdName, readonly Operation[]>>;

/** What stands in linkerd.yaml. */
export function linkerdPatches(): LinkerdPatches {
  return parse(readFileSync(new URL('linkerd.yaml', import.meta.url), 'utf8'));
}

/** What Linkerd's webhook makes of a pod: its patch without the lists and maps that the pod has already. */
export function byLinkerd<Pod extends object>(patch: readonly Operation[], pod: Pod): Pod {
  const has = (path: string): boolean => {
    const [, part, member] = /^\/(metadata|spec)\/(\w+)$/.exec(path) ?? [];
    if (part === undefined || member === undefined) return false;
    return Object.hasOwn((pod as Record<string, object>)[part] ?? {}, member);
  };
  const missing = patch.filter(({ path }) => !has(path));
  return jsonPatch.applyPatch(structuredClone(pod), structuredClone(missing)).newDocument;
}

/** The plain job of the test pods with Linkerd in it. */
export function linkerdPod(name: LinkerdName, patches: LinkerdPatches): KubernetesObject {
  return byLinkerd(patches[name], plainJob(name, {}));
}

/**
 * Has helm render the chart of Linkerd's injector, which makes its patch.
 *
 * @param checkout - A clone of linkerd2: it has no Go module that is served.
 */
export function renderLinkerd(helm: KubernetesTool, checkout: string): LinkerdPatches {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-linkerd-'));
  const charts = join(checkout, 'charts');
  try {
    mkdirSync(join(folder, 'templates'));
    cpSync(join(charts, 'partials/templates'), join(folder, 'templates'), { recursive: true });
    cpSync(join(charts, 'patch/templates/patch.json'), join(folder, 'patch.json'));
    cpSync(join(charts, 'linkerd-control-plane/values.yaml'), join(folder, 'values.yaml'));
    writeFileSync(
      join(folder, 'Chart.yaml'),
      'apiVersion: v2\nname: patch\ntype: application\nversion: 0.0.0\n',
    );
    // helm prints objects alone, and the patch is a list.
    const wrapped = '{"patch": {{ tpl (.Files.Get "patch.json") . | toJson }}}\n';
    writeFileSync(join(folder, 'templates/patch.yaml'), wrapped);
    const made = (name: LinkerdName) => patchOf(helm, folder, installations[name]);
    return {
      linkerd: made('linkerd'),
      'linkerd-cni': made('linkerd-cni'),
      'linkerd-classic': made('linkerd-classic'),
      'linkerd-classic-cni': made('linkerd-classic-cni'),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function patchOf(
  helm: KubernetesTool,
  chart: string,
  { cniEnabled, nativeSidecar }: Installation,
): Operation[] {
  const values = {
    // What the injector adds to the values: where the pod is, and what it lacks.
    pathPrefix: '',
    addRootAnnotations: true,
    addRootLabels: true,
    addRootVolumes: true,
    addRootInitContainers: true,
    annotations: { 'linkerd.io/created-by': 'linkerd/proxy-injector' },
    labels: { 'linkerd.io/control-plane-ns': 'linkerd' },
    identityTrustAnchorsPEM: 'the authority',
    cniEnabled,
    proxy: { nativeSidecar, podInboundPorts: '' },
  };
  const file = join(chart, 'set.json');
  writeFileSync(file, JSON.stringify(values));
  const words = ['template', 'linkerd', chart, '-n', 'linkerd', '-f', file];
  const { patch } = parse(helm.run(...words));
  // The injector takes the last comma away as well.
  const operations: Operation[] = JSON.parse(patch.replace(/,(\s*\]\s*)$/, '$1'));
  const shortened = operations.map((operation) =>
    'value' in operation && operation.value?.image !== undefined
      ? { ...operation, value: trimmed(operation.value) }
      : operation,
  );
  return JSON.parse(JSON.stringify(shortened, (_, value) => value ?? undefined));
}
