import * as v from 'valibot';
import type { Problem } from '../input-error.ts';
import { didYouMean } from './closest.ts';
import type { Entry, Layer, Origin } from './layer.ts';
import { type SettingKey, settingOf, type ValueOf } from './schema.ts';
import { ROUTE_KEYS } from './server-kind.ts';

/** A value that the table does not have, and its source. */
export interface Derived<T> {
  readonly value: T;
  readonly from?: string;
}

/**
 * The values that all layers give together, each read and checked, and where each came from.
 *
 * A value is checked in every layer, even if a later layer overrides it: otherwise a mistake in the file would surface
 * only when a flag is removed.
 */
export class ChosenValues {
  readonly origins = new Map<SettingKey, Origin>();
  readonly problems: Problem[] = [];
  private readonly chosen = new Map<
    SettingKey,
    { readonly value: unknown; readonly entry: Entry }
  >();
  private readonly failed = new Set<SettingKey>();
  private readonly broken: boolean;

  /** @param layers - In order of precedence: a later layer overrides an earlier one. */
  constructor(layers: readonly Layer[]) {
    this.broken = layers.some(({ broken }) => broken === true);
    for (const layer of layers) {
      this.problems.push(...layer.problems);
      for (const entry of layer.entries) this.read(entry);
    }
  }

  /**
   * The effective value of a setting: what a layer gives, else what `derive` finds, else the table's default.
   *
   * Where a layer's value was wrong, the default is used from here on; the problem stays on the list.
   */
  take<Key extends SettingKey>(key: Key, derive?: () => Derived<ValueOf<Key>>): ValueOf<Key> {
    const given = this.chosen.get(key);
    if (given !== undefined) {
      this.origins.set(key, given.entry.origin);
      // The schema of this very key has made the value.
      return given.value as ValueOf<Key>;
    }
    if (derive === undefined) {
      this.origins.set(key, { kind: 'default' });
      return defaultOf(key);
    }
    const { value, from } = derive();
    this.origins.set(key, from === undefined ? { kind: 'default' } : { kind: 'default', from });
    return value;
  }

  /** Whether no layer tried to set it, so that the default is intended. */
  isUnset(key: SettingKey): boolean {
    return !this.broken && !this.chosen.has(key) && !this.failed.has(key);
  }

  /** Whether a layer gives a valid value for it. */
  isGiven(key: SettingKey): boolean {
    return this.chosen.has(key);
  }

  /** Adds a problem that several values cause together, at the place where `key` was set. */
  addProblem(key: SettingKey, reason: string, path: readonly unknown[] = []): void {
    const place = this.chosen.get(key)?.entry.placeOf(path) ?? 'default';
    this.problems.push({ place, reason: `${key}: ${reason}` });
  }

  private read(entry: Entry): void {
    const { key } = entry;
    const parsed = v.safeParse(settingOf(key).kind.schema, entry.written);
    if (parsed.success) {
      this.chosen.set(key, { value: parsed.output, entry });
      return;
    }
    this.failed.add(key);
    for (const issue of parsed.issues) {
      const path = (issue.path ?? []).map((item) => item.key);
      const place = entry.placeOf(path, isUnknownKey(issue) ? 'key' : 'value');
      this.problems.push({ place, reason: `${key}: ${reasonOf(issue, path.at(-1))}` });
    }
  }
}

/** The default that the table states. @throws {v.ValiError} If the table contradicts itself: a test reads them all. */
export function defaultOf<Key extends SettingKey>(key: Key): ValueOf<Key> {
  const setting = settingOf(key);
  const written = 'written' in setting.default ? setting.default.written : undefined;
  return v.parse(setting.kind.schema, written) as ValueOf<Key>;
}

/** Nothing else in the kinds is `never`. */
function isUnknownKey(issue: v.BaseIssue<unknown>): boolean {
  return issue.type === 'never';
}

function reasonOf(issue: v.BaseIssue<unknown>, key: unknown): string {
  if (!isUnknownKey(issue)) return issue.message;
  return `unknown key: ${key}${didYouMean(String(key), ROUTE_KEYS)}`;
}
