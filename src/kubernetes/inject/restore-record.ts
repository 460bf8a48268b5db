import { applyPatch, type Json, type JsonPatch, pointerTo, pointerTokens } from './json-patch.ts';
import { PodError } from './pod-error.ts';

/** An annotation that records what to restore when sidestub is removed from a manifest. */
export const RESTORE = 'sidestub.dev/restore';

/** The value that a place had before injection. */
export interface Restored {
  /** Absent if there was nothing, and that cannot be seen from the result. */
  readonly is?: Json;
  /** How the document spelled {@link is}, if JSON spells that value differently. */
  readonly as?: string;
}

/**
 * By pointer into the pod, with the names of elements in place of their indexes.
 *
 * What is not recorded follows from the pod: a list that is empty without our element did not exist before.
 */
export type RestoreRecord = ReadonlyMap<string, Restored>;

/**
 * What to record about a pod before it is patched: values that are replaced, and `null`, `{}` or `[]` that are filled.
 */
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

/** @throws {PodError} When the annotation was edited and cannot be read. */
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

/** The tokens with list indexes replaced by the names of those elements that have one. */
export function namedTokens(value: unknown, tokens: readonly (string | number)[]): string[] {
  let current = value;
  return tokens.map((token) => {
    const list = Array.isArray(current);
    current = member(current, String(token));
    const name = member(current, 'name');
    return list && typeof name === 'string' ? name : String(token);
  });
}

/** The value at a place that is given by names; `undefined` if there is none. */
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
