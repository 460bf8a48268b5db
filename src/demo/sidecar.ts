import type { Clock, Milliseconds } from '../clock.ts';
import { loadSettings } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { startDaemon } from '../daemon/daemon.ts';
import { type Endpoint, formatEndpoint } from '../endpoint.ts';
import type { Log } from '../observe/log.ts';
import type { Name } from '../wire/name.ts';

/** A sidestub inside this process, in front of one upstream. */
export interface Sidecar {
  readonly endpoint: Endpoint;
  close(): Promise<void>;
}

/** Options of {@link startSidecar}. */
export interface SidecarOptions {
  readonly upstream: Endpoint;
  readonly search: readonly Name[];
  readonly ndots: number;
  readonly clock: Clock;
}

/** The conformance test takes a round trip. A cluster that is silent for this long has failed the demo. */
const STARTING: Milliseconds = 5_000;

/**
 * Starts a sidestub as a pod has it: default settings, an empty cache, and the cluster zone tested (N2). It listens on a
 * free port of the loopback and has no status server.
 *
 * @throws {Error} If the zone is not tested in five seconds.
 */
export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { clock } = options;
  const tested = Promise.withResolvers<void>();
  const tooLate = () => tested.reject(new Error(`sidestub not ready after ${STARTING} ms`));
  const late = clock.after(STARTING, tooLate).keepAlive();
  // Awaited once the daemon listens; it may be rejected before.
  tested.promise.catch(() => {});
  const daemon = await startDaemon({
    settings: podSettings(options),
    clock,
    log: eventLog((event) => {
      if (event === 'conformance') tested.resolve();
    }),
    version: 'demo',
    onFatal: (message) => tested.reject(new Error(message)),
  });
  try {
    await tested.promise;
    const [endpoint] = daemon.endpoints;
    if (endpoint === undefined) throw new Error('sidestub listens nowhere');
    return {
      endpoint,
      close: async () => {
        await daemon.stop();
      },
    };
  } catch (error) {
    await daemon.stop();
    throw error;
  } finally {
    late.cancel();
  }
}

/** The settings that `sidestub run` would derive from the pod's resolv.conf, with the flags that the demo needs. */
function podSettings({ upstream, search, ndots }: SidecarOptions): Settings {
  const resolvConf = `search ${search.join(' ')}\noptions ndots:${ndots}\n`;
  return loadSettings({
    flags: {
      listen: ['127.0.0.1:0'],
      upstream: [`udp://${formatEndpoint(upstream)}`],
      metrics: 'off',
    },
    env: {},
    readFile: () => resolvConf,
    machine: ['127.0.0.1'],
  }).settings;
}

/** A log that prints nothing: the demo prints its own report. */
function eventLog(onEvent: (event: string) => void): Log {
  return { debug: onEvent, info: onEvent, warn: onEvent, error: onEvent };
}
