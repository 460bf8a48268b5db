import { randomBytes } from 'node:crypto';
import { assembleResolver, type Resolver, type ResolverTallies } from './assemble.ts';
import type { Clock, Milliseconds } from './clock.ts';
import type { Settings } from './config/settings.ts';
import { type Endpoint, formatEndpoint } from './endpoint.ts';
import { AnswerTable } from './listen/answer-table.ts';
import { MAX_KINDS, ReadyAnswers, type ReadyAnswersOptions } from './listen/ready-answers.ts';
import { Responder, type ResponderEvents } from './listen/responder.ts';
import { listenTcp } from './listen/tcp.ts';
import { chooseUdp } from './listen/udp-io.ts';
import { rcodeClass, typeClass } from './observe/label-sets.ts';
import type { Log } from './observe/log.ts';
import { isRemarkable, LookupWatch, type RecentLookup } from './observe/lookup-watch.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { createQueryLog, type LineStream } from './observe/query-log.ts';
import type { ConfiguredValue } from './observe/status-view.ts';
import { type Totals, totalsFields, totalsOf } from './observe/totals.ts';
import { rehearse } from './rehearsal.ts';
import type { FamiliesOptions } from './resolve/families.ts';
import type { HostsLookup } from './resolve/local-names.ts';
import { startStatus } from './status.ts';
import { Routes } from './upstream/routes.ts';
import { upstreamFor } from './upstream/upstreams.ts';
import { watchedResolve } from './watched-resolve.ts';
import { isAtOrBelow } from './wire/name.ts';

/** What a running daemon is made of, beside its settings. */
export interface DaemonParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  /** For `sidestub_build_info`. */
  readonly version: string;
  readonly hosts?: HostsLookup | undefined;
  readonly onlyRoutable?: FamiliesOptions['onlyRoutable'];
  /** Every setting in effect, for the status page. */
  readonly configuration?: readonly ConfiguredValue[];
  /** Where queries are logged, when `queryLog.to` asks for it; the daemon does not close it. */
  readonly queryLog?: LineStream | undefined;
  /** Called once, when upstream has answered: what waits for the daemon may begin. */
  readonly onReady?: (() => void) | undefined;
  /** Called when the daemon must not go on, with what to tell the operator. */
  readonly onFatal: (message: string) => void;
}

/** A running daemon. */
export interface Daemon {
  /** Where it listens over UDP and TCP, with the ports that the kernel chose. */
  readonly endpoints: readonly Endpoint[];
  readonly status: Endpoint | undefined;
  readonly metrics: Metrics;
  readonly ready: boolean;
  /** What it has done so far. */
  totals(): Totals;
  /**
   * Answers what is in flight, still listening, for at most `shutdown.grace`; then closes everything (S2).
   *
   * @returns How many queries were given up.
   */
  stop(): Promise<number>;
}

/**
 * Starts the daemon: upstreams, stages, listeners, status server, in this order, so that nobody is listened to who could
 * not be answered.
 *
 * @throws {ListenError} When an address cannot be bound; what was bound before is closed again.
 */
export async function startDaemon(parts: DaemonParts): Promise<Daemon> {
  const { settings, clock, log } = parts;
  const startedAt = clock.now();
  let readyAt: Milliseconds | undefined;
  const metrics = createMetrics({ version: parts.version });
  const onBug = (error: unknown): void => {
    metrics.daemon.bugs.add();
    log.error('bug', { stack: error instanceof Error ? error.stack : String(error) });
  };
  const routes = routesOf(settings, clock, metrics);
  const table = new AnswerTable({
    octets: settings.cache.octets,
    negativeOctets: settings.cache.negativeOctets,
    maxKinds: MAX_KINDS,
    seed: randomBytes(4).readInt32LE(),
  });
  const resolver = assembleResolver({
    settings,
    clock,
    routes,
    hosts: parts.hosts,
    onlyRoutable: parts.onlyRoutable,
    tallies: resolverTallies(metrics),
    onVerdict: (verdict, reason) => {
      metrics.conformance.changes.add();
      if (settings.cluster.domain !== undefined) {
        metrics.conformance.verdicts.set(settings.cluster.domain, verdict);
      }
      // Proofs of a server that is not, or no longer, believed (N3).
      table.dropCuts();
      const level = verdict === 'conforming' ? 'info' : 'warn';
      log[level]('conformance', { zone: settings.cluster.domain, verdict, reason });
    },
    onReady: () => {
      readyAt = clock.now();
      log.info('ready', { startup_ms: Math.round(readyAt - startedAt) });
      parts.onReady?.();
    },
    onLoop: () =>
      parts.onFatal('an upstream is sidestub itself: a question of ours came back to us'),
    onBug,
  });
  watch(metrics, resolver);
  metrics.daemon.startup.readBy(() => ((readyAt ?? clock.now()) - startedAt) / 1_000);
  const lookups = lookupWatch(parts, metrics, resolver);
  const responder = new Responder({
    resolve: watchedResolve(resolver.resolve, clock, {
      lookups,
      queryLog: queryLogOf(parts, metrics),
    }),
    clock,
    events: responderEvents(metrics, onBug),
    // A query log that says nothing of hits would not be one.
    ready:
      parts.queryLog === undefined
        ? new ReadyAnswers({ table, repeat: resolver.repeat, clock, onHits: countHits(metrics) })
        : undefined,
  });
  const closers: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    resolver.stop();
    await Promise.all(closers.splice(0).map((close) => close()));
    routes.close();
  };
  let stopping = false;
  const isReady = (): boolean => resolver.readiness.ready && !stopping;
  metrics.daemon.ready.readBy(() => (isReady() ? 1 : 0));
  const totals = () => totalsOf(metrics, (clock.now() - startedAt) / 1_000);
  try {
    const endpoints = await listenEverywhere(parts, metrics, responder, closers);
    const server = await startStatus({
      ...parts,
      startedAt,
      metrics,
      lookups,
      configuration: parts.configuration ?? [],
      ready: () =>
        isReady() ? [] : [stopping ? 'it is stopping' : 'no upstream has answered yet'],
      onBug,
    });
    if (server !== undefined) closers.push(() => server.close());
    const status = server?.address;
    log.info('listening', {
      addresses: endpoints.map(formatEndpoint),
      status: status === undefined ? 'off' : formatEndpoint(status),
      version: parts.version,
    });
    resolver.start();
    if (settings.rehearsal) void rehearse(settings, clock);
    return {
      endpoints,
      status,
      metrics,
      get ready() {
        return isReady();
      },
      totals,
      stop: async () => {
        stopping = true;
        await Promise.race([responder.drained(), elapsed(clock, settings.shutdown.grace)]);
        const abandoned = responder.inFlight;
        await closeAll();
        lookups.close();
        log.info('stopped', { abandoned, ...totalsFields(totals()) });
        return abandoned;
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** U1: the default route and those of the configuration; U2: the cluster zone has timers of its own. */
function routesOf(settings: Settings, clock: Clock, metrics: Metrics): Routes {
  const { domain } = settings.cluster;
  const upstream = (servers: Settings['upstreams']) =>
    upstreamFor({
      servers,
      order: settings.families.order,
      clock,
      tallies: metrics.upstream,
      timerClass: ({ qname }) =>
        domain !== undefined && isAtOrBelow(qname, domain) ? 'zone' : 'other',
    });
  return new Routes([
    { zone: '.', upstream: upstream(settings.upstreams) },
    ...settings.routes.map((route) => ({ zone: route.zone, upstream: upstream(route.upstreams) })),
  ]);
}

/** L1: each address by itself, over UDP and TCP on the same port. */
async function listenEverywhere(
  { settings, clock, log }: DaemonParts,
  metrics: Metrics,
  responder: Responder,
  closers: (() => Promise<void>)[],
): Promise<Endpoint[]> {
  let open = 0;
  metrics.listen.tcpOpen.readBy(() => open);
  const events = {
    opened: () => {
      open++;
      metrics.listen.tcpAccepted.add();
    },
    closed: () => {
      open--;
    },
    refused: () => metrics.listen.tcpRefused.add(),
  };
  const listenUdp = await chooseUdp(settings.listen.io, clock, (reason) =>
    log.info('no_batches', { reason }),
  );
  const endpoints: Endpoint[] = [];
  for (const address of settings.listen.addresses) {
    const udp = await listenUdp(address, responder);
    closers.push(() => udp.close());
    const tcp = await listenTcp(udp.endpoint, responder, { limits: settings.tcp, clock, events });
    closers.push(() => tcp.close());
    endpoints.push(udp.endpoint);
  }
  return endpoints;
}

function elapsed(clock: Clock, span: Milliseconds): Promise<void> {
  return new Promise((resolve) => {
    clock.after(span, resolve);
  });
}

function resolverTallies(metrics: Metrics): ResolverTallies {
  return {
    cache: metrics.cache,
    coalesced: metrics.flights.coalesced,
    repairs: metrics.families.repairs,
    fates: metrics.search.fates,
    speculations: metrics.search.speculations,
  };
}

function lookupWatch(
  { clock, settings, log }: DaemonParts,
  { lookups }: Metrics,
  { list }: Resolver,
): LookupWatch {
  return new LookupWatch({
    clock,
    wallClock: Date.now,
    names: settings.status.names,
    split: (qname) => list.expansionOf(qname),
    onEnd: (lookup, qname) => logLookup(log, lookup, qname),
    ...lookups,
  });
}

/** What a person asks about afterwards is said without its name, and each lookup with it at debug (S4). */
function logLookup(log: Log, lookup: RecentLookup, qname: string): void {
  const { outcome, took, steps } = lookup;
  const fields = { outcome, ms: Math.round(took), questions: steps.length };
  log.debug('lookup', { qname, ...fields });
  if (!isRemarkable(lookup)) return;
  const rcodes = [...new Set(steps.map(({ rcode }) => rcode))];
  log.warn(outcome === 'failed' ? 'lookup_failed' : 'lookup_slow', { ...fields, rcodes });
}

function queryLogOf({ settings, queryLog: stream }: DaemonParts, { daemon }: Metrics) {
  if (stream === undefined) return undefined;
  const { sample } = settings.queryLog;
  return createQueryLog({ stream, sample, wallClock: Date.now, dropped: daemon.queryLogDropped });
}

/** Says how the gauges are read. */
function watch(metrics: Metrics, { cache, flights, zone }: Resolver): void {
  metrics.flights.inProgress.readBy(() => flights.size);
  for (const part of ['positive', 'negative'] as const) {
    metrics.cache.octets.readBy(part, () => cache.sizes[part].octets);
    metrics.cache.entries.readBy(part, () => cache.sizes[part].entries);
  }
  if (zone === undefined) return;
  metrics.conformance.verdicts.set(zone.domain, zone.verdict);
  metrics.search.cuts.readBy(() => zone.cutCount);
}

function responderEvents({ listen }: Metrics, onBug: (error: unknown) => void): ResponderEvents {
  return {
    asked: (transport, qtype) => listen.queries.add(transport, typeClass(qtype)),
    answered: (rcode, source, took) => {
      listen.responses.add(rcodeClass(rcode), source);
      listen.latency.observe(source, took / 1000);
    },
    rejected: (rcode) => listen.responses.add(rcodeClass(rcode), 'local'),
    dropped: (reason) => listen.dropped.add(reason),
    bug: onBug,
  };
}

/** A hit counts for everything that it would have met on the ordinary way. */
function countHits({ listen, cache, search }: Metrics): ReadyAnswersOptions['onHits'] {
  return ({ type, rcode, source, isExpansion }, transport, count, took) => {
    listen.queries.add(transport, type, count);
    listen.responses.add(rcodeClass(rcode), source, count);
    listen.latency.observe(source, took / 1000, count);
    if (source === 'cache') cache.hits.add(count);
    if (isExpansion && (source === 'cache' || source === 'cut' || source === 'pin')) {
      search.fates.add(source, count);
    }
  };
}
