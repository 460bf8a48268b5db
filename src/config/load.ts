import type { Endpoint } from '../endpoint.ts';
import { fileFailure, InputError, type Problem } from '../input-error.ts';
import { checkTogether, checkUpstreams, zoneNotes } from './checks.ts';
import { ChosenValues, type Derived } from './chosen-values.ts';
import { CONFIG_FILE_VARIABLE, environmentLayer } from './environment.ts';
import { CONFIG_FILE_FLAG, type FlagValues, flagLayer } from './flags.ts';
import type { Layer, Origin } from './layer.ts';
import { defaultFlights, defaultUpstreamSockets } from './machine-limits.ts';
import { ownListener } from './own-address.ts';
import {
  clusterDomainOf,
  ndotsOf,
  notesOf,
  type ReadResolvConf,
  readResolvConf,
  suffixesOf,
  upstreamsOf,
} from './resolv-conf-defaults.ts';
import type { SettingKey, ValueOf } from './schema.ts';
import { type Settings, settingsOf } from './settings.ts';
import type { yamlLayer } from './yaml-file.ts';

/** Everything that settings are made of: nothing is read from anywhere else. */
export interface Sources {
  readonly flags: FlagValues;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file. Throws as `node:fs` does. */
  readonly readFile: (path: string) => string;
  /**
   * Reads the text of {@link configFile}. Needed only where there is such a file: the parser takes longer to load than
   * to run.
   */
  readonly yamlLayer?: typeof yamlLayer;
  /** The addresses of this machine's interfaces. */
  readonly machine: readonly string[];
  /** Octets that the process may have; `undefined` where nothing bounds it. */
  readonly memory?: number | undefined;
  /**
   * False for a command that asks the daemon instead of upstreams. In a job's container resolv.conf names the daemon,
   * which would otherwise be refused as a loop.
   */
  readonly needsUpstreams?: boolean;
}

export interface Loaded {
  readonly settings: Settings;
  /** The origin of every setting. */
  readonly origins: ReadonlyMap<SettingKey, Origin>;
  /** Warnings: odd, but no reason to stop. */
  readonly notes: readonly Problem[];
}

/**
 * The effective settings: file, environment and flags over the defaults, the later wins.
 *
 * @throws {InputError} With every problem of every source (S3).
 */
export function loadSettings(sources: Sources): Loaded {
  const values = new ChosenValues([
    fileLayer(sources),
    environmentLayer(sources.env),
    flagLayer(sources.flags),
  ]);
  const resolvConf = readResolvConf(sources.readFile, values.take('resolvConf'));
  const settings = takeAll(values, resolvConf, sources);
  checkTogether(values, settings);
  if (sources.needsUpstreams !== false) {
    checkUpstreams(values, settings, resolvConf, sources.machine);
  }
  if (values.problems.length > 0) throw new InputError(values.problems);
  const notes = [...notesOf(resolvConf), ...zoneNotes(settings)];
  return { settings, origins: values.origins, notes };
}

/** The configuration file that the flags or the environment name. */
export function configFile({ flags, env }: Pick<Sources, 'flags' | 'env'>): string | undefined {
  const flag = flags[CONFIG_FILE_FLAG];
  const path = typeof flag === 'string' ? flag : env[CONFIG_FILE_VARIABLE];
  return path === '' ? undefined : path;
}

/** @throws As {@link Sources.readFile} does, with a message for people. */
function fileLayer({ flags, env, readFile, yamlLayer }: Sources): Layer {
  const path = configFile({ flags, env });
  if (path === undefined) return { entries: [], problems: [] };
  if (yamlLayer === undefined) throw new Error(`no parser for ${path}`);
  try {
    return yamlLayer(readFile(path), path);
  } catch (error) {
    return { entries: [], problems: [{ place: path, reason: fileFailure(error) }], broken: true };
  }
}

/** How to derive a setting that no layer gives; without an entry here, the table's default is used. */
type Derivations = { readonly [Key in SettingKey]?: () => Derived<ValueOf<Key>> };

function takeAll(
  values: ChosenValues,
  { path, conf }: ReadResolvConf,
  { machine, readFile, memory }: Sources,
): Settings {
  const isOwn = (server: Endpoint) =>
    ownListener(server, take('listen.addresses'), machine) !== undefined;
  const derivations: Derivations = {
    'listen.addresses': () => ({ value: defaultListen(machine) }),
    'search.suffixes': () => ({ value: suffixesOf(conf), from: path }),
    'search.ndots': () => ({ value: ndotsOf(conf), from: path }),
    'cluster.domain': () => ({
      value: clusterDomainOf(take('search.suffixes')),
      from: 'search.suffixes',
    }),
    upstreams: () => ({ value: upstreamsOf(conf, isOwn), from: path }),
    'limits.flights': () => ({ value: defaultFlights(memory) }),
    'limits.upstreamSockets': () => ({
      value: defaultUpstreamSockets(readFile, take('limits.flights'), {
        upstreams: take('upstreams'),
        routes: take('routes'),
      }),
    }),
  };
  function take<Key extends SettingKey>(key: Key): ValueOf<Key> {
    return values.take(key, derivations[key]);
  }
  return settingsOf(take);
}

/** L1: both loopbacks, if the machine has both. */
function defaultListen(machine: readonly string[]): Endpoint[] {
  const addresses = ['127.0.0.1', ...(machine.includes('::1') ? ['::1'] : [])];
  return addresses.map((address) => ({ address, port: 53 }));
}
