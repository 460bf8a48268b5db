import { SETTING_KEYS, type SettingKey, type ValueOf } from './schema.ts';

/**
 * The effective configuration: every value is present, checked, and in the unit of its type.
 *
 * Its shape is that of `settingTable` in schema.ts, which says what each value means, allows and is by default:
 * `tcp.idle` of the table is `settings.tcp.idle` here.
 */
export interface Settings extends SingleSettings, SectionSettings {}

type Section<Key> = Key extends `${infer Head}.${string}` ? Head : never;

type SingleSettings = {
  readonly [Key in SettingKey as Key extends `${string}.${string}` ? never : Key]: ValueOf<Key>;
};

type SectionSettings = {
  readonly [Head in Section<SettingKey>]: {
    readonly [Key in SettingKey as Key extends `${Head}.${infer Word}`
      ? Word
      : never]: ValueOf<Key>;
  };
};

/** Settings made of one value for each path of the table. */
export function settingsOf(read: (key: SettingKey) => unknown): Settings {
  const settings: Record<string, unknown> = {};
  for (const key of SETTING_KEYS) {
    const [head = '', word] = key.split('.');
    const value = read(key);
    settings[head] =
      word === undefined ? value : { ...(settings[head] as object | undefined), [word]: value };
  }
  // Built by the same rule as the type, which the compiler cannot follow through a loop.
  return settings as unknown as Settings;
}

/** The value at a path of the table. */
export function settingAt(settings: Settings, key: SettingKey): unknown {
  const [head = '', word] = key.split('.');
  const value = (settings as unknown as Record<string, unknown>)[head];
  return word === undefined ? value : (value as Record<string, unknown>)[word];
}
