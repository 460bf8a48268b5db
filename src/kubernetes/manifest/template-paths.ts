/** Where the objects of one kind have the template of their pods. */
export interface TemplatePath {
  /** `*` is each element of a list. */
  readonly tokens: readonly string[];
  readonly warnings: readonly string[];
}

interface KnownKind extends TemplatePath {
  readonly kind: string;
  /** The API group, without its version; `''` is the core's. */
  readonly groups: readonly string[];
}

const TEMPLATE = ['spec', 'template'];
const WORKLOADS = ['apps', 'extensions'];

const known = (
  kind: string,
  groups: readonly string[],
  tokens: readonly string[],
  warnings: readonly string[] = [],
): KnownKind => ({ kind, groups, tokens, warnings });

const KNATIVE_WARNING =
  'Knative takes an init container, a sysctl and dnsPolicy only where its feature flags allow them (config-features: kubernetes.podspec-init-containers, kubernetes.podspec-securitycontext, kubernetes.podspec-dnspolicy); the webhook injects its pods without them';

const KNOWN: readonly KnownKind[] = [
  known('Pod', [''], []),
  known('PodTemplate', [''], ['template']),
  known('ReplicationController', [''], TEMPLATE),
  known('Job', ['batch'], TEMPLATE),
  known('CronJob', ['batch'], ['spec', 'jobTemplate', 'spec', 'template']),
  known('Deployment', WORKLOADS, TEMPLATE),
  known('StatefulSet', WORKLOADS, TEMPLATE),
  known('DaemonSet', WORKLOADS, TEMPLATE),
  known('ReplicaSet', WORKLOADS, TEMPLATE),
  known('Rollout', ['argoproj.io'], TEMPLATE),
  known('Service', ['serving.knative.dev'], TEMPLATE, [KNATIVE_WARNING]),
  known('Configuration', ['serving.knative.dev'], TEMPLATE, [KNATIVE_WARNING]),
];

/** The kinds whose pods are found. */
export class TemplatePaths {
  private readonly kinds: readonly KnownKind[];

  /** @param more - Those that somebody named, beside the known ones. */
  constructor(more: readonly KnownKind[] = []) {
    this.kinds = [...more, ...KNOWN];
  }

  /**
   * Where objects of a kind have their templates; none where the kind is not known.
   *
   * @param group - `undefined` for an object that does not say: its kind has to do, as one of the core or of Kubernetes' own.
   */
  of(kind: string, group: string | undefined): readonly TemplatePath[] {
    return this.kinds.filter(
      (each) =>
        each.kind === kind &&
        (group === undefined
          ? isBuiltIn(each)
          : each.groups.includes(group) || each.groups.includes('*')),
    );
  }
}

function isBuiltIn({ groups }: KnownKind): boolean {
  return groups.every((group) => !group.includes('.'));
}

/**
 * Reads `KIND[.GROUP]=PATH`, such as `Job.batch.volcano.sh=spec.tasks[*].template`; `undefined` for anything else.
 */
export function parseTemplatePath(text: string): KnownKind | undefined {
  const match = /^([A-Za-z]\w*)(?:\.([a-z0-9][a-z0-9.-]*))?=\.?([^=]+)$/.exec(text);
  if (match === null) return undefined;
  const [, kind = '', group = '*', path = ''] = match;
  const tokens = path.replaceAll(/\[(\*|\d+)\]/g, '.$1').split('.');
  return tokens.includes('') ? undefined : known(kind, [group], tokens);
}

/** The same the other way. */
export function templatePathText(
  kind: string,
  group: string | undefined,
  tokens: readonly string[],
): string {
  const path = tokens.join('.').replaceAll('.*', '[*]');
  return `${kind}${group === undefined || group === '' ? '' : `.${group}`}=${path}`;
}
