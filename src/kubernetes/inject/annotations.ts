import { isIP } from 'node:net';
import { PodError } from './pod-error.ts';
import { isQuantity, RESOURCE_NAMES, type ResourceChoices } from './resources.ts';

/** Set on every injected pod: the version of the injection. */
export const INJECTED = 'sidestub.dev/injected';
export const INJECTED_VERSION = 'v1';
/** The same of a pod in mode `node`, which has no sidecar. */
export const INJECTED_NODE_VERSION = 'v1-node';

/** Whether sidestub was put into a pod, by whatever version. */
export function isInjected(annotations: ReadonlyMap<string, string> | undefined): boolean {
  return annotations?.has(INJECTED) === true;
}

/** `"false"` leaves a pod unchanged, as annotation or as label; the label also opts in (k8s/injector). */
export const INJECT = 'sidestub.dev/inject';

const PREFIX = 'sidestub.dev/';
const PIN = 'sidestub.dev/pin';
const READY = 'sidestub.dev/ready';
const UPSTREAMS = 'sidestub.dev/upstreams';
const MODE = 'sidestub.dev/mode';
const LISTEN = 'sidestub.dev/listen';

/**
 * How the pod's programs reach sidestub. `overlay` mounts a published resolv.conf over theirs and `none` sets
 * `dnsPolicy: None`, both with a sidecar; `node` sets `dnsPolicy: None` with the daemon of the node.
 */
export type Mode = 'overlay' | 'none' | 'node';
export const MODES: readonly Mode[] = ['overlay', 'none', 'node'];

/** Who can reach sidestub: the pod's programs on the loopback, or also containers that dockerd in the pod starts. */
export type Listen = 'loopback' | 'pod';

/** What an administrator decides for all pods, and a pod for itself. */
export interface Choices {
  readonly mode: Mode;
  /** `search.pin` (N6): names without expansions. */
  readonly pins: readonly string[];
  /** `ready.names`: names that must resolve before other containers start. */
  readonly readyNames: readonly string[];
  /**
   * One `--upstream` each: a group of equals separated by commas (U1). If empty, the nameservers of the pod's
   * resolv.conf.
   */
  readonly upstreams: readonly string[];
  readonly listen: Listen;
  readonly resources: ResourceChoices;
}

/**
 * The choices for one pod: its names are added to the administrator's; everything else replaces them.
 *
 * @throws {PodError} When an annotation is invalid: the sidecar would refuse to start with it, and the pod would never
 * start.
 */
export function choicesFor(annotations: ReadonlyMap<string, string>, defaults: Choices): Choices {
  const upstreams = wordsIn(annotations, UPSTREAMS, /[\s]+/, isUpstreamGroup, 'server addresses');
  return {
    mode: oneOf(annotations, MODE, MODES) ?? defaults.mode,
    listen: oneOf(annotations, LISTEN, ['loopback', 'pod']) ?? defaults.listen,
    pins: union(defaults.pins, namesIn(annotations, PIN)),
    readyNames: union(defaults.readyNames, namesIn(annotations, READY)),
    upstreams: upstreams.length > 0 ? upstreams : defaults.upstreams,
    resources: { ...defaults.resources, ...resourcesIn(annotations) },
  };
}

function resourcesIn(annotations: ReadonlyMap<string, string>): ResourceChoices {
  const qos = oneOf(annotations, `${PREFIX}qos`, ['keep', 'burstable']);
  const quantities = Object.entries(RESOURCE_NAMES).flatMap(([name, choice]) => {
    const key = `${PREFIX}${name}`;
    const [quantity] = wordsIn(annotations, key, /\s+/, isQuantity, 'a quantity or none');
    return quantity === undefined ? [] : [[choice, quantity]];
  });
  return { ...Object.fromEntries(quantities), ...(qos === undefined ? {} : { qos }) };
}

/** Whether a domain name can be handed to the daemon: letters, digits, `-`, `_`, and the lengths of RFC 1035 §2.3.4. */
export function isDomainName(text: string): boolean {
  return text.length <= 253 && /^(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?$/i.test(text);
}

/** `A,B`: each an address with an optional scheme and port. The daemon does the full check. */
export function isUpstreamGroup(text: string): boolean {
  return text.split(',').every((server) => {
    const [, bracketed, plain] =
      /^(?:(?:udp|tcp):\/\/)?(?:\[([^\]]+)\](?::\d{1,5})?|([^[\]]+))$/.exec(server) ?? [];
    if (bracketed !== undefined) return isIP(bracketed) === 6;
    const address = plain ?? '';
    return isIP(address) !== 0 || isIP(address.replace(/:\d{1,5}$/, '')) === 4;
  });
}

function namesIn(annotations: ReadonlyMap<string, string>, key: string): string[] {
  return wordsIn(annotations, key, /[\s,]+/, isDomainName, 'domain names');
}

function wordsIn(
  annotations: ReadonlyMap<string, string>,
  key: string,
  separator: RegExp,
  accepts: (word: string) => boolean,
  expected: string,
): string[] {
  const words = (annotations.get(key) ?? '').split(separator).filter((word) => word !== '');
  const wrong = words.find((word) => !accepts(word));
  if (wrong !== undefined) throw new PodError(`annotation ${key}: ${wrong}, not ${expected}`);
  return words;
}

function oneOf<Word extends string>(
  annotations: ReadonlyMap<string, string>,
  key: string,
  allowed: readonly Word[],
): Word | undefined {
  const value = annotations.get(key);
  if (value === undefined || value === '') return undefined;
  const word = allowed.find((candidate) => candidate === value);
  if (word === undefined) {
    throw new PodError(`annotation ${key}: ${value}, not ${allowed.join(' or ')}`);
  }
  return word;
}

function union(some: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...some, ...more])];
}
