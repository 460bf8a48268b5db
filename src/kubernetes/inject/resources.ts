import type { JsonField } from './json-field.ts';
import type { Json } from './json-patch.ts';
import { PodError } from './pod-error.ts';

/** The sidecar's requests and limits as chosen: a quantity, or `none` for no request or limit. */
export interface ResourceChoices {
  readonly cpuRequest?: string;
  readonly memoryRequest?: string;
  readonly cpuLimit?: string;
  readonly memoryLimit?: string;
  /** `keep`: the pod stays in the QoS class that it has without the sidecar. */
  readonly qos?: 'keep' | 'burstable';
}

/** The names that flags and annotations have for them. */
export const RESOURCE_NAMES = {
  'cpu-request': 'cpuRequest',
  'memory-request': 'memoryRequest',
  'cpu-limit': 'cpuLimit',
  'memory-limit': 'memoryLimit',
} as const;

export type ResourceName = keyof typeof RESOURCE_NAMES;
export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const NONE = 'none';

/** Enough for the lookups of a job. There is no CPU limit, because throttling would delay every lookup. */
const DEFAULTS = { cpuRequest: '10m', memoryRequest: '64Mi', memoryLimit: '96Mi' };
/** A Guaranteed pod needs a limit: it starts in half a second with a quarter of a CPU. */
const GUARANTEED_CPU = '250m';

/** Whether a text is a quantity that the API server accepts and that makes sense here. */
export function isQuantity(text: string): boolean {
  return (
    text === NONE ||
    (/^\d{1,15}(?:\.\d{1,9})?(?:m|k|[KMGT]i|[MGT])?$/.test(text) && amount(text) > 0)
  );
}

/**
 * The `resources` of the sidecar.
 *
 * A request or a limit that was chosen moves the default of the other where it would not fit.
 *
 * @param qos - Of the pod without the sidecar.
 * @throws {PodError} When a request was chosen above a limit that was chosen too.
 */
export function resourcesFor(choices: ResourceChoices, qos: QosClass): Json {
  if (choices.qos === 'keep' && qos === 'BestEffort') return {};
  const cpu = fitted('cpu', { request: DEFAULTS.cpuRequest }, choices.cpuRequest, choices.cpuLimit);
  const memory = fitted(
    'memory',
    { request: DEFAULTS.memoryRequest, limit: DEFAULTS.memoryLimit },
    choices.memoryRequest,
    choices.memoryLimit,
  );
  if (choices.qos === 'keep' && qos === 'Guaranteed') {
    const all = { cpu: cpu.limit ?? GUARANTEED_CPU, memory: memory.limit ?? DEFAULTS.memoryLimit };
    return { requests: all, limits: all };
  }
  return {
    ...entries('requests', cpu.request, memory.request),
    ...entries('limits', cpu.limit, memory.limit),
  };
}

interface Bounds {
  readonly request?: string | undefined;
  readonly limit?: string | undefined;
}

function fitted(
  resource: string,
  defaults: Bounds,
  request: string | undefined,
  limit: string | undefined,
): Bounds {
  const chosen = { request: request ?? defaults.request, limit: limit ?? defaults.limit };
  const fits =
    isNone(chosen.request) ||
    isNone(chosen.limit) ||
    amount(chosen.request) <= amount(chosen.limit);
  if (fits) return { request: unlessNone(chosen.request), limit: unlessNone(chosen.limit) };
  if (request === undefined) return { request: chosen.limit, limit: chosen.limit };
  if (limit === undefined) return { request, limit: request };
  throw new PodError(`${resource}: a request of ${request} is more than the limit of ${limit}`);
}

function isNone(quantity: string | undefined): quantity is undefined {
  return quantity === undefined || quantity === NONE;
}

function unlessNone(quantity: string | undefined): string | undefined {
  return quantity === NONE ? undefined : quantity;
}

function entries(name: string, cpu: string | undefined, memory: string | undefined) {
  const found = {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
  };
  return Object.keys(found).length > 0 ? { [name]: found } : {};
}

const UNITS: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

function amount(quantity: string): number {
  const [, number = '', unit = ''] = /^([\d.]+)([A-Za-z]*)$/.exec(quantity) ?? [];
  return Number(number) * (UNITS[unit] ?? 1);
}

/** The QoS class that kubelet gives a pod, by its spec. @see k8s.io/kubernetes/pkg/apis/core/v1/helper/qos */
export function qosClassOf(spec: JsonField, containers: readonly JsonField[]): QosClass {
  const own = spec.member('resources');
  // If the pod as a whole has resources, they alone decide.
  const all = own.present ? [own] : containers.map((container) => container.member('resources'));
  const classes = all.map(classOf);
  if (classes.every((each) => each === 'BestEffort')) return 'BestEffort';
  return classes.every((each) => each === 'Guaranteed') ? 'Guaranteed' : 'Burstable';
}

function classOf(resources: JsonField): QosClass {
  const [limits, requests] = ['limits', 'requests'].map((kind) => resources.member(kind));
  const names = ['cpu', 'memory'];
  const has = (kind: JsonField | undefined): boolean =>
    names.some((name) => kind?.member(name).present === true);
  if (!has(limits) && !has(requests)) return 'BestEffort';
  const isGuaranteed = names.every((name) => {
    const limit = limits?.member(name).unread();
    const request = requests?.member(name).unread() ?? limit;
    return limit !== undefined && amount(String(request)) === amount(String(limit));
  });
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}
