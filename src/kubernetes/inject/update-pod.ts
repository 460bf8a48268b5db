import { isDeepStrictEqual } from 'node:util';
import { isInjected } from './annotations.ts';
import {
  type Injected,
  type Injection,
  type InjectionOptions,
  injectPod,
  type NotInjected,
} from './inject-pod.ts';
import {
  add,
  applyPatch,
  type Json,
  type JsonPatch,
  pointerTokens,
  remove,
  replace,
} from './json-patch.ts';
import { readPod } from './pod.ts';
import { removeFromPod } from './remove-pod.ts';
import { lookUp, RESTORE, type RestoreRecord, readRecord, recordText } from './restore-record.ts';
import { SIDECAR } from './sidecar.ts';

/** The result for one pod of a manifest: a pod that is injected already is changed to the current options. */
export type Update = Injection | Updated;

export interface Updated extends Omit<Injected, 'outcome'> {
  readonly outcome: 'updated';
  /** What is different now, each in a few words. */
  readonly changes: readonly string[];
}

/** The pod with sidestub as the options say, even if another version injected it. Never throws. */
export function updatePod(value: unknown, options: InjectionOptions): Update {
  const injection = injectPod(value, options);
  if (injection.outcome === 'refused' && injection.reason === 'invalid') return injection;
  const { annotations } = readPod(value);
  if (!isInjected(annotations)) return injection;
  const removal = removeFromPod(value);
  if (!('patch' in removal)) return removal;
  const bare = applyPatch(value, removal.patch);
  const anew = injectPod(bare, options);
  if (!('patch' in anew)) return stays(anew);
  const target = withSpellings(applyPatch(bare, anew.patch), bare, readRecord(annotations));
  // Compared as JSON, like the target: spellings of numbers that JSON does not have are no difference.
  const patch = difference(applyPatch(value, []), target, []);
  if (patch.length === 0) return { ...anew, outcome: 'unchanged', patch };
  return { ...anew, outcome: 'updated', patch, changes: changesOf(value, target, patch) };
}

function stays(injection: NotInjected): NotInjected {
  return {
    ...injection,
    message: `${injection.message}; it stays injected, --remove takes it out`,
  };
}

/** How the document spelled a replaced value is known only from the first injection. */
function withSpellings(target: unknown, bare: unknown, before: RestoreRecord): unknown {
  const { annotations } = readPod(target);
  const record = new Map(readRecord(annotations));
  for (const [pointer, was] of before) {
    const found = lookUp(bare, pointerTokens(pointer));
    if (was.as !== undefined && isDeepStrictEqual(found, was.is)) record.set(pointer, was);
  }
  if (record.size === 0) return target;
  return applyPatch(target, [add(['metadata', 'annotations', RESTORE], recordText(record))]);
}

type Tokens = readonly (string | number)[];

/** The operations that turn one value into another; elements of lists keep their places. */
function difference(before: unknown, after: unknown, tokens: Tokens): JsonPatch[number][] {
  if (isDeepStrictEqual(before, after)) return [];
  if (isObject(before) && isObject(after) && before['name'] !== SIDECAR) {
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) => {
      const place = [...tokens, key];
      if (!Object.hasOwn(after, key)) return [remove(place)];
      if (!Object.hasOwn(before, key)) return [add(place, after[key] as Json)];
      return difference(before[key], after[key], place);
    });
  }
  if (Array.isArray(before) && Array.isArray(after)) return listDifference(before, after, tokens);
  return [replace(tokens, after as Json)];
}

function listDifference(
  before: readonly unknown[],
  after: readonly unknown[],
  tokens: Tokens,
): JsonPatch[number][] {
  const [was, is] = [byKey(before), byKey(after)];
  if (was === undefined || is === undefined) return [replace(tokens, after as Json)];
  // Containers after the sidecar use it, so its position counts; no other element moves.
  const moves = !isDeepStrictEqual(common(was, is), common(is, was));
  const stays = (key: unknown): boolean => is.has(key) && !(moves && key === SIDECAR);
  const removed = [...was.keys()].flatMap((key, index) => (stays(key) ? [] : [index]));
  const current = [...was.keys()].filter(stays);
  const operations = removed
    .toReversed()
    .map((index): JsonPatch[number] => remove([...tokens, index]));
  for (const [index, [key, element]] of [...is].entries()) {
    if (was.has(key) && stays(key)) continue;
    operations.push(add([...tokens, index === 0 ? 0 : '-'], element as Json));
    current.splice(index === 0 ? 0 : current.length, 0, key);
  }
  const inside = current.flatMap((key, index) =>
    was.has(key) && stays(key) ? difference(was.get(key), is.get(key), [...tokens, index]) : [],
  );
  return [...operations, ...inside];
}

function common(some: ReadonlyMap<unknown, unknown>, other: ReadonlyMap<unknown, unknown>) {
  return [...some.keys()].filter((key) => other.has(key));
}

/** The elements by the key with which the API identifies them; `undefined` if that is not unique here. */
function byKey(list: readonly unknown[]): ReadonlyMap<unknown, unknown> | undefined {
  const map = new Map(
    list.map((element) => {
      const { mountPath, name } = isObject(element) ? element : {};
      return [mountPath ?? name, element];
    }),
  );
  return map.size === list.length && !map.has(undefined) ? map : undefined;
}

function changesOf(before: unknown, after: unknown, patch: JsonPatch): string[] {
  const [was, is] = [before, after].map((pod) => lookUp(pod, ['spec', 'initContainers', SIDECAR]));
  const others = patch.map(({ path }) => path.slice(1).split('/').slice(0, 2).join('.'));
  return [
    ...(isObject(was) && isObject(is) ? memberChanges(was, is) : []),
    ...new Set(others.filter((place) => place !== 'spec.initContainers' || !isObject(was))),
  ];
}

function memberChanges(before: JsonObject, after: JsonObject): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return keys.flatMap((key) => {
    const [was, is] = [before[key], after[key]];
    if (isDeepStrictEqual(was, is)) return [];
    if (typeof was === 'string' && typeof is === 'string') return [`${key} ${was} -> ${is}`];
    if (was === undefined) return [`${key} added`];
    return [is === undefined ? `${key} removed` : key];
  });
}

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
