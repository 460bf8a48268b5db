import { applyPatch, type Json, type JsonPatch, pointerTo, pointerTokens } from './json-patch.ts';
import { PodError } from './pod-error.ts';

/** An annotation that says what has to be put back when sidestub is taken out of a manifest again. */
export const RESTORE = 'sidestub.dev/restore';

/** What stood at a place before. */
export interface Restored {
  /** Absent where nothing stood there, and where one could think otherwise. */
  readonly is?: Json;
  /** How the document spelled it, where that is not JSON's way. */
  readonly as?: string;
}

/**
 * By pointer into the pod, with the names of elements in place of their numbers.
 *
 * What is not in it is what it looks like: a list that is empty without us was not there.
 */
export type RestoreRecord = ReadonlyMap<string, Restored>;

/** What has to be remembered of a pod that a patch is for: what is overwritten, and what is empty and gets something. */
export function recordOf(pod: unknown, patch: JsonPatch): RestoreRecord {
  const record = new Map<string, Restored>();
  let current: unknown = JSON.parse(JSON.stringify(pod));
  for (const operation of patch) {
    const names = namedTokens(current, pointerTokens(operation.path));
    const isElement = Array.isArray(lookUp(current, names.slice(0, -1)));
    for (let length = 1; length <= names.length; length++) {
      const prefix = names.slice(0, length);
      const found = lookUp(pod, prefix);
      const isOverwritten = length === names.length && !isElement && found !== undefined;
      if (isOverwritten || isEmpty(found)) record.set(pointerTo(prefix), { is: found as Json });
    }
    current = applyPatch(current, [operation]);
  }
  return record;
}

/** @throws {PodError} When somebody changed the annotation to what cannot be read. */
export function readRecord(annotations: ReadonlyMap<string, string> | undefined): RestoreRecord {
  const text = annotations?.get(RESTORE);
  if (text === undefined) return new Map();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) throw new SyntaxError('not an object');
    return new Map(Object.entries(value).map(([pointer, restored]) => [pointer, { ...restored }]));
  } catch {
    throw new PodError(`annotation ${RESTORE}: it cannot be read`);
  }
}

/** As the annotation's value. */
export function recordText(record: RestoreRecord): string {
  return JSON.stringify(Object.fromEntries(record));
}

/** The tokens with the names of elements in place of their numbers, where they have names. */
export function namedTokens(value: unknown, tokens: readonly (string | number)[]): string[] {
  let current = value;
  return tokens.map((token) => {
    const list = Array.isArray(current);
    current = member(current, String(token));
    const name = member(current, 'name');
    return list && typeof name === 'string' ? name : String(token);
  });
}

/** What stands at a place that is told by names; `undefined` where nothing does. */
export function lookUp(value: unknown, names: readonly string[]): unknown {
  return names.reduce<unknown>((current, name) => {
    if (!Array.isArray(current)) return member(current, name);
    return current.find((element) => member(element, 'name') === name) ?? member(current, name);
  }, value);
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}

function isEmpty(value: unknown): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}
