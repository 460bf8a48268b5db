/** The paths at which objects of one kind have their pod templates. */
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

  /** @param more - Paths from the user, in addition to the known ones. */
  constructor(more: readonly KnownKind[] = []) {
    this.kinds = [...more, ...KNOWN];
  }

  /**
   * The paths of the templates of a kind; none if the kind is unknown.
   *
   * @param group - `undefined` for an object without one: its kind is then looked up in the core and Kubernetes' own
   * groups.
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

/** Parses `KIND[.GROUP]=PATH`, such as `Job.batch.volcano.sh=spec.tasks[*].template`; `undefined` for anything else. */
export function parseTemplatePath(text: string): KnownKind | undefined {
  const match = /^([A-Za-z]\w*)(?:\.([a-z0-9][a-z0-9.-]*))?=\.?([^=]+)$/.exec(text);
  if (match === null) return undefined;
  const [, kind = '', group = '*', path = ''] = match;
  const tokens = path.replaceAll(/\[(\*|\d+)\]/g, '.$1').split('.');
  return tokens.includes('') ? undefined : known(kind, [group], tokens);
}

/** The inverse of {@link parseTemplatePath}. */
export function templatePathText(
  kind: string,
  group: string | undefined,
  tokens: readonly string[],
): string {
  const path = tokens.join('.').replaceAll('.*', '[*]');
  return `${kind}${group === undefined || group === '' ? '' : `.${group}`}=${path}`;
}
