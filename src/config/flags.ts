import type { Entry, Layer } from './layer.ts';
import { SETTING_KEYS, type Setting, settingOf } from './schema.ts';

/** A flag as `node:util` parses it, with what `--help` says of it. */
export interface ConfigurationFlag {
  readonly type: 'string';
  readonly multiple?: true;
  readonly hint: string;
  readonly meaning: string;
}

/** Values of flags by long name, as `node:util` gives them. */
export type FlagValues = Readonly<
  Record<string, string | boolean | readonly (string | boolean)[] | undefined>
>;

/** Names the configuration file. */
export const CONFIG_FILE_FLAG = 'config';

/** The flags that every command with a configuration has, by long name: `--config` and those of the table. */
export function configurationFlags(): Readonly<Record<string, ConfigurationFlag>> {
  const ofSettings = flagged().map(({ flag, meaning }): [string, ConfigurationFlag] => {
    const repeat = flag.multiple === true ? ({ multiple: true } as const) : {};
    return [flag.name, { type: 'string', ...repeat, hint: flag.hint, meaning }];
  });
  return {
    [CONFIG_FILE_FLAG]: {
      type: 'string',
      hint: 'FILE',
      meaning: 'read settings from a YAML file (SIDESTUB_CONFIG)',
    },
    ...Object.fromEntries(ofSettings),
  };
}

/** The settings among the values of flags; other flags are ignored. */
export function flagLayer(values: FlagValues): Layer {
  const entries: Entry[] = [];
  for (const { flag, key } of flagged()) {
    const value = values[flag.name];
    if (value === undefined || typeof value === 'boolean') continue;
    entries.push({
      key,
      // A repeated flag is a list in its order, like the words of one text.
      written: typeof value === 'string' ? value : value.join(' '),
      origin: { kind: 'flag', name: flag.name },
      placeOf: () => `--${flag.name}`,
    });
  }
  return { entries, problems: [] };
}

function flagged() {
  return SETTING_KEYS.flatMap((key) => {
    const { flag, meaning }: Setting<unknown> = settingOf(key);
    return flag === undefined ? [] : [{ key, flag, meaning }];
  });
}
