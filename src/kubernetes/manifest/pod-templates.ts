import { type TemplatePath, type TemplatePaths, templatePathText } from './template-paths.ts';

type Path = readonly (string | number)[];

/** A pod inside a manifest: a Pod itself, or the template in a workload. */
export interface PodTemplate {
  /** `Job/build`: what people call it. */
  readonly label: string;
  readonly namespace: string | undefined;
  /** Its place in the document. */
  readonly path: Path;
  readonly pod: unknown;
  /** Reasons why the result will not work: one clause each, without a full stop. */
  readonly warnings: readonly string[];
}

/** Something in an object of unknown kind that looks like a pod template. */
export interface UnknownTemplate {
  readonly label: string;
  /** The argument of `--template-path` that would find it. */
  readonly templatePath: string;
}

/** The pods of an object. */
export interface FoundTemplates {
  readonly templates: readonly PodTemplate[];
  readonly unknown: readonly UnknownTemplate[];
}

const NOTHING: FoundTemplates = { templates: [], unknown: [] };

/** No real manifest nests Lists three deep. */
const MAX_LISTS = 8;

/** The pods of an object, in their order; of a List those of all its items. None where it makes no pods. */
export function podTemplates(object: unknown, paths: TemplatePaths): FoundTemplates {
  return templatesIn(object, paths, [], undefined);
}

function templatesIn(
  object: unknown,
  paths: TemplatePaths,
  path: Path,
  itemKind: string | undefined,
): FoundTemplates {
  const kind = text(object, ['kind']) ?? itemKind;
  if (kind === undefined) return NOTHING;
  const items = at(object, ['items']);
  if (kind.endsWith('List') && Array.isArray(items)) {
    if (path.length >= 2 * MAX_LISTS) return NOTHING;
    // The items of a PodList need not say that they are Pods.
    const ofItems = kind === 'List' ? undefined : kind.slice(0, -'List'.length);
    const found = items.map((item, index) =>
      templatesIn(item, paths, [...path, 'items', index], ofItems),
    );
    return {
      templates: found.flatMap(({ templates }) => templates),
      unknown: found.flatMap(({ unknown }) => unknown),
    };
  }
  const name = text(object, ['metadata', 'name']) ?? text(object, ['metadata', 'generateName']);
  const label = `${kind}/${name ?? 'unnamed'}`;
  const group = text(object, ['apiVersion'])?.split('/').slice(0, -1).join('/');
  const known = paths.of(kind, group);
  if (known.length === 0) {
    const unknown = unknownTemplates(object).map((found) => ({
      label,
      templatePath: templatePathText(kind, group, found),
    }));
    return { templates: [], unknown };
  }
  const templates = known.flatMap(({ tokens, warnings }) =>
    placesOf(object, tokens).map((place): PodTemplate => {
      const pod = at(object, place);
      const namespace =
        text(object, ['metadata', 'namespace']) ?? text(pod, ['metadata', 'namespace']);
      return { label, namespace, path: [...path, ...place], pod, warnings };
    }),
  );
  return { templates, unknown: [] };
}

/** The places that a path leads to: `*` is each element or member. */
function placesOf(value: unknown, tokens: TemplatePath['tokens']): Path[] {
  const [token, ...rest] = tokens;
  if (token === undefined) return typeof value === 'object' && value !== null ? [[]] : [];
  if (typeof value !== 'object' || value === null) return [];
  const keys = token === '*' ? Object.keys(value) : Object.hasOwn(value, token) ? [token] : [];
  return keys.flatMap((key) => {
    const step = Array.isArray(value) ? Number(key) : key;
    return placesOf(at(value, [key]), rest).map((place) => [step, ...place]);
  });
}

/** No real template is nested deeper than this. */
const MAX_DEPTH = 12;

/** The paths inside an object at which something has `spec.containers`; list elements are `*`. */
function unknownTemplates(object: unknown): string[][] {
  const found = new Map<string, string[]>();
  const look = (value: unknown, path: readonly string[]): void => {
    if (typeof value !== 'object' || value === null || path.length > MAX_DEPTH) return;
    if (path.length > 0 && isTemplate(value)) {
      found.set(path.join('/'), [...path]);
      return;
    }
    const isList = Array.isArray(value);
    for (const [key, member] of Object.entries(value)) look(member, [...path, isList ? '*' : key]);
  };
  look(object, []);
  return [...found.values()];
}

function isTemplate(value: unknown): boolean {
  const containers = at(value, ['spec', 'containers']);
  if (!Array.isArray(containers) || containers.length === 0) return false;
  return containers.every((container) => text(container, ['image']) !== undefined);
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Readonly<Record<string, unknown>>)[key]
        : undefined,
    value,
  );
}

function text(value: unknown, path: Path): string | undefined {
  const found = at(value, path);
  return typeof found === 'string' ? found : undefined;
}
