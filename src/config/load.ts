import type { Endpoint } from '../endpoint.ts';
import { checkTogether, checkUpstreams, zoneNotes } from './checks.ts';
import { ChosenValues } from './chosen-values.ts';
import { ConfigError, type Problem } from './config-error.ts';
import { CONFIG_FILE_VARIABLE, environmentLayer } from './environment.ts';
import { fileFailure } from './file-failure.ts';
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
import type { SettingKey } from './schema.ts';
import type { Settings } from './settings.ts';
import type { yamlLayer } from './yaml-file.ts';

/** Everything that settings are made of, so that nothing is read behind anyone's back. */
export interface Sources {
  readonly flags: FlagValues;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file. Throws as `node:fs` does. */
  readonly readFile: (path: string) => string;
  /** Reads the text of {@link configFile}: whoever names one brings the parser, which takes longer to load than it runs. */
  readonly yamlLayer?: typeof yamlLayer;
  /** The addresses of this machine's interfaces. */
  readonly machine: readonly string[];
  /** Octets that the process may have; `undefined` where nothing bounds it. */
  readonly memory?: number | undefined;
  /**
   * False for a command that asks the daemon instead of upstreams: in a job's container resolv.conf names the daemon,
   * and rightly.
   */
  readonly needsUpstreams?: boolean;
}

export interface Loaded {
  readonly settings: Settings;
  /** Of every setting. */
  readonly origins: ReadonlyMap<SettingKey, Origin>;
  /** What is odd and no reason to stop. */
  readonly notes: readonly Problem[];
}

/**
 * The effective settings: file, environment and flags over the defaults, the later wins.
 *
 * @throws {ConfigError} With every problem of every source (S3).
 */
export function loadSettings(sources: Sources): Loaded {
  const values = new ChosenValues([
    fileLayer(sources),
    environmentLayer(sources.env),
    flagLayer(sources.flags),
  ]);
  const resolvConf = readResolvConf(sources.readFile, values.take('resolvConf'));
  const settings = settingsOf(values, resolvConf, sources);
  checkTogether(values, settings);
  if (sources.needsUpstreams !== false) {
    checkUpstreams(values, settings, resolvConf, sources.machine);
  }
  if (values.problems.length > 0) throw new ConfigError(values.problems);
  const notes = [...notesOf(resolvConf), ...zoneNotes(settings)];
  return { settings, origins: values.origins, notes };
}

/** The configuration file that the flags or the environment name. */
export function configFile({ flags, env }: Pick<Sources, 'flags' | 'env'>): string | undefined {
  const flag = flags[CONFIG_FILE_FLAG];
  const path = typeof flag === 'string' ? flag : env[CONFIG_FILE_VARIABLE];
  return path === '' ? undefined : path;
}

/** @throws As {@link Sources.readFile}, in words. */
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

function settingsOf(
  values: ChosenValues,
  { path, conf }: ReadResolvConf,
  { machine, readFile, memory }: Sources,
): Settings {
  const addresses = values.take('listen.addresses', () => ({ value: defaultListen(machine) }));
  const isOwn = (server: Endpoint) => ownListener(server, addresses, machine) !== undefined;
  const suffixes = values.take('search.suffixes', () => ({ value: suffixesOf(conf), from: path }));
  const upstreams = values.take('upstreams', () => ({
    value: upstreamsOf(conf, isOwn),
    from: path,
  }));
  const routes = values.take('routes');
  const flights = values.take('limits.flights', () => ({ value: defaultFlights(memory) }));
  return {
    listen: { addresses, allow: values.take('listen.allow'), io: values.take('listen.io') },
    threads: values.take('threads'),
    tcp: {
      maxConnections: values.take('tcp.maxConnections'),
      maxConnectionsPerClient: values.take('tcp.maxConnectionsPerClient'),
      maxInFlight: values.take('tcp.maxInFlight'),
      idle: values.take('tcp.idle'),
      life: values.take('tcp.life'),
    },
    limits: {
      flights,
      upstreamSockets: values.take('limits.upstreamSockets', () => ({
        value: defaultUpstreamSockets(readFile, flights, { upstreams, routes }),
      })),
    },
    resolvConf: path,
    publishResolvConf: values.take('publishResolvConf'),
    upstreams,
    routes,
    search: {
      mode: values.take('search.mode'),
      suffixes,
      ndots: values.take('search.ndots', () => ({ value: ndotsOf(conf), from: path })),
      pin: values.take('search.pin'),
      keep: values.take('search.keep'),
      wildcardGuard: values.take('search.wildcardGuard'),
      collapse: values.take('search.collapse'),
      public: values.take('search.public'),
    },
    cluster: {
      domain: values.take('cluster.domain', () => ({
        value: clusterDomainOf(suffixes),
        from: 'search.suffixes',
      })),
    },
    families: {
      order: values.take('families.order'),
      repair: values.take('families.repair'),
      aaaa: values.take('families.aaaa'),
    },
    cache: {
      octets: values.take('cache.octets'),
      negativeOctets: values.take('cache.negativeOctets'),
      minTtl: values.take('cache.minTtl'),
      maxTtl: values.take('cache.maxTtl'),
    },
    hosts: values.take('hosts'),
    rehearsal: values.take('rehearsal'),
    ready: { names: values.take('ready.names') },
    status: {
      address: values.take('status.address'),
      page: values.take('status.page'),
      names: values.take('status.names'),
    },
    log: { level: values.take('log.level'), format: values.take('log.format') },
    queryLog: { to: values.take('queryLog.to'), sample: values.take('queryLog.sample') },
    shutdown: {
      lameduck: values.take('shutdown.lameduck'),
      grace: values.take('shutdown.grace'),
      message: values.take('shutdown.message'),
    },
  };
}

/** L1: both loopbacks, where there are both. */
function defaultListen(machine: readonly string[]): Endpoint[] {
  const addresses = ['127.0.0.1', ...(machine.includes('::1') ? ['::1'] : [])];
  return addresses.map((address) => ({ address, port: 53 }));
}
