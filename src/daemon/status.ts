import type { Clock, Milliseconds } from '../clock.ts';
import type { Settings } from '../config/settings.ts';
import { ListenError } from '../listen/listen-error.ts';
import type { Exposition } from '../observe/exposition.ts';
import type { LookupWatch } from '../observe/lookup-watch.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { PageOf, StatusServer } from '../observe/status-server.ts';
import type { ConfiguredValue } from '../observe/status-view.ts';
import type { OtherThreads } from './threads.ts';

/** What the status server reports on. */
export interface StatusParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly startedAt: Milliseconds;
  readonly version: string;
  readonly metrics: Metrics;
  readonly lookups: LookupWatch;
  readonly configuration: () => readonly ConfiguredValue[];
  /** Other threads, whose counts are added. */
  readonly others?: OtherThreads | undefined;
  /** What keeps the daemon from being ready. */
  readonly ready: () => readonly string[];
  readonly onBug: (error: unknown) => void;
}

/** A status server whose first scrape can be made ready. */
export interface RunningStatus extends StatusServer {
  /** Warms up the code of a scrape, so that the first scrape delays no query; never rejects. */
  rehearse(): Promise<void>;
}

/**
 * Starts the status server where one is configured, with the page for people where that is served.
 *
 * Its parts are loaded here and not with the daemon: a sidecar without one does not pay for it.
 *
 * @throws {ListenError} When the address cannot be bound; it names the address and the reason.
 */
export async function startStatus(parts: StatusParts): Promise<RunningStatus | undefined> {
  const { settings, metrics, ready, onBug } = parts;
  const { address, page } = settings.status;
  if (address === undefined) return undefined;
  const { createExposition, rehearseScrapes } = await import('../observe/exposition.ts');
  const { isFromLoopback } = await import('../observe/local-request.ts');
  const { startStatusServer } = await import('../observe/status-server.ts');
  const own = createExposition(metrics.registry);
  const exposition: Exposition = {
    render: async (accept) => {
      await parts.others?.sync();
      return own.render(accept);
    },
  };
  const server = {
    address,
    version: parts.version,
    ready,
    exposition,
    onBug,
    onLimit: (limit: 'status_connections' | 'status_request') => metrics.limits.reached.add(limit),
  };
  const anyHost = page === 'on';
  // A port-forward arrives from the loopback, wherever the server listens.
  const pagesFor = page === 'on' ? () => true : isFromLoopback;
  const pages = page === 'off' ? {} : { pages: await pagesOf(parts), pagesFor };
  try {
    const running = await startStatusServer({ ...server, anyHost, ...pages });
    return { ...running, rehearse: () => rehearseScrapes(exposition).catch(onBug) };
  } catch (error) {
    // As with the other listeners, the operator has to correct this; it is no bug (S3).
    throw new ListenError(error instanceof Error ? error.message : String(error));
  }
}

async function pagesOf(parts: StatusParts): Promise<Map<string, PageOf>> {
  const { page, names } = parts.settings.status;
  const { statusPages } = await import('../observe/status-pages.ts');
  const { statusView } = await import('../observe/status-view.ts');
  return statusPages({ view: statusView({ ...parts, names }), anyHost: page === 'on' });
}
