import type { Problem } from '../input-error.ts';
import { didYouMean } from './closest.ts';
import type { Entry, Layer } from './layer.ts';
import { environmentName, SETTING_KEYS, type SettingKey } from './schema.ts';

/** Names the configuration file, as `--config` does. */
export const CONFIG_FILE_VARIABLE = 'SIDESTUB_CONFIG';

const PREFIX = 'SIDESTUB_';

/**
 * Variables that Kubernetes sets in every pod of a namespace for a service whose name begins with `sidestub`. They are
 * no settings of ours, and must not prevent the start (Kubernetes, "Accessing the Service", environment variables).
 */
const SERVICE_LINK =
  /^SIDESTUB_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)$/;

/**
 * The settings in the environment.
 *
 * An empty variable counts as not set, because a manifest cannot remove one. An unknown variable that begins with
 * `SIDESTUB_` is a problem: a mistyped setting must not be ignored silently.
 */
export function environmentLayer(env: Readonly<Record<string, string | undefined>>): Layer {
  const keys = new Map(SETTING_KEYS.map((key) => [environmentName(key), key]));
  const entries: Entry[] = [];
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || value === undefined || value === '') continue;
    const key = keys.get(name);
    if (key !== undefined) entries.push(entryOf(key, name, value));
    else if (name !== CONFIG_FILE_VARIABLE && !SERVICE_LINK.test(name)) {
      const hint = didYouMean(name, [...keys.keys(), CONFIG_FILE_VARIABLE]);
      problems.push({ place: `env ${name}`, reason: `unknown variable${hint}` });
    }
  }
  return { entries, problems };
}

function entryOf(key: SettingKey, name: string, written: string): Entry {
  return {
    key,
    written,
    origin: { kind: 'environment', name },
    placeOf: () => `env ${name}`,
  };
}
