/** A pod inside a manifest: a Pod itself, or the template in a workload. */
export interface PodTemplate {
  /** `Job/build`: what people call it. */
  readonly label: string;
  readonly namespace: string | undefined;
  /** Where it stands in the document. */
  readonly path: readonly (string | number)[];
  readonly pod: unknown;
}

/** Where workloads have the template of their pods. */
const TEMPLATE_PATHS: ReadonlyMap<string, readonly string[]> = new Map([
  ['Pod', []],
  ['PodTemplate', ['template']],
  ['Job', ['spec', 'template']],
  ['CronJob', ['spec', 'jobTemplate', 'spec', 'template']],
  ['Deployment', ['spec', 'template']],
  ['StatefulSet', ['spec', 'template']],
  ['DaemonSet', ['spec', 'template']],
  ['ReplicaSet', ['spec', 'template']],
  ['ReplicationController', ['spec', 'template']],
]);

/** A List in a List in a List is somebody's joke. */
const MAX_DEPTH = 8;

/** The pods of an object, in their order; of a List those of all its items. None where it makes no pods. */
export function podTemplates(
  object: unknown,
  path: readonly (string | number)[] = [],
): readonly PodTemplate[] {
  const kind = at(object, ['kind']);
  if (typeof kind !== 'string') return [];
  const items = at(object, ['items']);
  if (kind.endsWith('List') && Array.isArray(items)) {
    if (path.length >= 2 * MAX_DEPTH) return [];
    return items.flatMap((item, index) => podTemplates(item, [...path, 'items', index]));
  }
  const template = TEMPLATE_PATHS.get(kind);
  const pod = template === undefined ? undefined : at(object, template);
  if (template === undefined || pod === undefined) return [];
  const name = text(object, ['metadata', 'name']) ?? text(object, ['metadata', 'generateName']);
  const namespace = text(object, ['metadata', 'namespace']) ?? text(pod, ['metadata', 'namespace']);
  return [{ label: `${kind}/${name ?? 'unnamed'}`, namespace, path: [...path, ...template], pod }];
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Readonly<Record<string, unknown>>)[key]
        : undefined,
    value,
  );
}

function text(value: unknown, path: readonly string[]): string | undefined {
  const found = at(value, path);
  return typeof found === 'string' ? found : undefined;
}
