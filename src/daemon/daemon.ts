import type { Resolver } from '../assemble.ts';
import { type Clock, elapsed, type Milliseconds } from '../clock.ts';
import { canonicalAddress } from '../config/own-address.ts';
import type { Settings } from '../config/settings.ts';
import { type Endpoint, formatEndpoint } from '../endpoint.ts';
import { allowList } from '../listen/allow-list.ts';
import type { PassedSockets } from '../listen/passed-sockets.ts';
import { ReadyAnswers } from '../listen/ready-answers.ts';
import { Responder } from '../listen/responder.ts';
import type { TcpLimit } from '../listen/tcp.ts';
import { chooseUdp } from '../listen/udp-io.ts';
import type { Written } from '../memory/entry-store.ts';
import type { Log } from '../observe/log.ts';
import { causeOf } from '../observe/lookup-cause.ts';
import { isRemarkable, LookupWatch, type RecentLookup } from '../observe/lookup-watch.ts';
import { createMetrics, type Metrics } from '../observe/metrics.ts';
import { createQueryLog, type LineStream } from '../observe/query-log.ts';
import type { ConfiguredValue } from '../observe/status-view.ts';
import { type Totals, totalsFields, totalsOf } from '../observe/totals.ts';
import type { FamiliesOptions } from '../resolve/families.ts';
import type { HostsLookup } from '../resolve/local-names.ts';
import type { Resolve } from '../resolve/stage.ts';
import type { FailureReason } from '../vocabulary.ts';
import { answerFirst } from './answer-first.ts';
import { countHits, resolverTallies, responderEvents, watch } from './counters.ts';
import { Generations, type Reloadable } from './generations.ts';
import { Listeners } from './listeners.ts';
import { type ReadyGate, ReadyState } from './ready-state.ts';
import { type RunningStatus, startStatus } from './status.ts';
import type { OtherThreads } from './threads.ts';
import { watchedResolve } from './watched-resolve.ts';

/** What a daemon needs beside its settings. */
export interface DaemonParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  /** The version for `sidestub_build_info`. */
  readonly version: string;
  readonly hosts?: HostsLookup | undefined;
  /** Sockets of a service manager, for those of the addresses that it has bound. */
  readonly passed?: readonly PassedSockets[] | undefined;
  readonly onlyRoutable?: FamiliesOptions['onlyRoutable'];
  /** Every setting in effect, for the status page; read again for each page. */
  readonly configuration?: (() => readonly ConfiguredValue[]) | undefined;
  /** Where queries are logged, when `queryLog.to` asks for it; the daemon does not close it. */
  readonly queryLog?: LineStream | undefined;
  /** Called once the DNS listeners are open and before the status server starts. */
  readonly onListening?: ((endpoints: readonly Endpoint[]) => Promise<void>) | undefined;
  /** What has to happen between upstream's first answer and being ready. */
  readonly gate?: ReadyGate | undefined;
  /** Called once, when the daemon is ready: programs that wait for it may start. */
  readonly onReady?: (() => void) | undefined;
  /** Returns memory that only the start has needed to the system, in parts; it waits for `pause` between them. */
  readonly tidy?: ((pause: () => Promise<void>) => Promise<void>) | undefined;
  /** The threads beside this one, where there are more (`threads: N`). */
  readonly others?: OtherThreads | undefined;
  /** Called when the daemon must not go on, with what to tell the operator. */
  readonly onFatal: (message: string) => void;
}

/** S2: a lookup is several questions. If no further one arrives within this time, the lookup is over. */
const QUIET: Milliseconds = 100;

/**
 * Once the daemon is ready, kubelet ends the pod's hook and starts the job's container, in 0.1 to 0.3 s on two cores. A
 * rehearsal beside that made the job's first line 90 ms later.
 */
const JOB_STARTS_WITHIN: Milliseconds = 500;

/** A running daemon. */
export interface Daemon {
  /** Where it listens over UDP and TCP, with the ports that the kernel chose. */
  readonly endpoints: readonly Endpoint[];
  readonly status: Endpoint | undefined;
  readonly metrics: Metrics;
  readonly ready: boolean;
  /** The reasons that keep it from being ready, also that it is stopping; empty while it is ready. */
  unready(): readonly string[];
  /** What it has done so far. */
  totals(): Totals;
  /** The memory that answers have filled so far. */
  written(): readonly Written[];
  /** Logs and counts an unexpected exception. */
  reportBug(error: unknown): void;
  /**
   * Switches to other settings without losing a query: queries in flight are answered by the servers that were asked,
   * and the listeners of unchanged addresses stay open (S2).
   *
   * @throws {ListenError} When a new address cannot be bound; then nothing has changed.
   */
  reload(next: Reloadable): Promise<void>;
  /**
   * Answers as before for `shutdown.lameduck`, then waits at most `shutdown.grace` for queries in flight, then closes
   * everything (S2).
   *
   * @returns How many queries were abandoned.
   */
  stop(): Promise<number>;
}

/**
 * Starts the daemon: upstreams, stages, listeners, first answers, status server, in this order, so that no query
 * arrives before it can be answered, and none waits for parts that only Prometheus needs.
 *
 * @throws {ListenError} When an address cannot be bound; what was bound before is closed again.
 */
export async function startDaemon(parts: DaemonParts): Promise<Daemon> {
  const { settings, clock, log } = parts;
  const startedAt = clock.now();
  const metrics = createMetrics({ version: parts.version });
  const onBug = (error: unknown): void => {
    metrics.daemon.bugs.add();
    const stack = error instanceof Error ? error.stack : String(error);
    log.error('bug', { version: parts.version, stack });
  };
  const onVerdict: ConstructorParameters<typeof Generations>[0]['onVerdict'] = (
    zone,
    verdict,
    reason,
  ) => {
    metrics.conformance.changes.add();
    if (zone !== undefined) metrics.conformance.verdicts.set(zone, verdict);
    // Drops the cuts whose proofs came from a server that is no longer trusted (N3).
    current().replies.dropCuts();
    log[verdict === 'conforming' ? 'info' : 'warn']('conformance', { zone, verdict, reason });
  };
  const state = new ReadyState({
    clock,
    gate: parts.gate,
    onReady: () => {
      log.info('ready', { startup_ms: Math.round(clock.now() - startedAt) });
      parts.onReady?.();
      if (settings.rehearsal) void rehearseLater();
    },
  });
  const onReady = (): void => void state.hear(listeners.endpoints);
  const onUnready = (reason: string): void => {
    if (state.fail(reason)) log.warn('upstream_failing', { reason });
  };
  const onLoop = (): void =>
    parts.onFatal('an upstream is sidestub itself: a question of ours came back to us');
  const onUntrusted = (reason: string): void => log.error('upstream_untrusted', { reason });
  const tallies = resolverTallies(metrics);
  const onOrder = (upstream: string, order: string): void =>
    log.info('families_order', { upstream, order });
  const onHealth = (upstream: string, reason: string | undefined): void => {
    if (reason === undefined) log.info('upstream_back', { upstream });
    else log.warn('upstream_dead', { upstream, reason });
  };
  const told = { onVerdict, onReady, onUnready, onLoop, onBug, onUntrusted, onOrder, onHealth };
  const generations = new Generations({ clock, metrics, tallies, ...told }, parts);
  const current = (): Resolver => generations.resolver;
  watch(metrics, current);
  metrics.daemon.startup.readBy(() => ((state.readyAt ?? clock.now()) - startedAt) / 1_000);
  const lookups = lookupWatch(parts, metrics, current);
  const resolve: Resolve = (query, asker) => current().resolve(query, asker);
  // With a query log every query must go through the stages, or hits would be missing in it.
  const ready =
    parts.queryLog === undefined
      ? new ReadyAnswers({
          replies: current().replies,
          repeat: (query, answer) => current().repeat(query, answer),
          clock,
          onHits: countHits(metrics),
        })
      : undefined;
  const responder = new Responder({
    resolve: watchedResolve(resolve, clock, {
      lookups,
      queryLog: queryLogOf(parts, metrics),
      trouble: () => sharedTrouble(metrics),
    }),
    resolveForTool: resolve,
    clock,
    events: responderEvents(metrics, onBug),
    ready,
  });
  responder.allows = allowList(settings.listen.allow);
  responder.ownAddresses = ownAddresses(settings);
  responder.maxBacklog = settings.limits.flights;
  const closers: (() => Promise<void>)[] = [];
  const listeners = listenersOf(parts, metrics, responder);
  closers.push(() => listeners.close());
  const closeAll = async (): Promise<void> => {
    generations.stop();
    await Promise.all(closers.splice(0).map((close) => close()));
    generations.close();
  };
  metrics.daemon.ready.readBy(() => (state.ready ? 1 : 0));
  const rehearsal = new AbortController();
  const rehearseLater = async (): Promise<void> => {
    await elapsed(clock, JOB_STARTS_WITHIN, { signal: rehearsal.signal });
    if (rehearsal.signal.aborted) return;
    const { rehearse } = await import('./rehearsal.ts');
    await rehearse({
      settings,
      clock,
      signal: rehearsal.signal,
      asked: () => totals().queries,
      tidy: parts.tidy,
      start: (own) => startDaemon({ ...own, clock, version: parts.version, onFatal: () => {} }),
    });
    // The lookups first: a job asks before Prometheus does.
    if (!rehearsal.signal.aborted) await server?.rehearse();
  };
  let server: RunningStatus | undefined;
  const totals = () => totalsOf(metrics, (clock.now() - startedAt) / 1_000);
  try {
    await listeners.change(settings.listen.addresses);
    const { endpoints } = listeners;
    // Before anything reports readiness: programs that wait for that use the resolv.conf that is published here.
    await parts.onListening?.(endpoints);
    await answerFirst(responder, clock);
    await parts.others?.start(endpoints, metrics);
    server = await startStatus({
      ...parts,
      startedAt,
      metrics,
      lookups,
      configuration: parts.configuration ?? (() => []),
      ready: () => state.reasons(),
      onBug,
    });
    if (server !== undefined) closers.push(server.close);
    const status = server?.address;
    log.info('listening', {
      addresses: endpoints.map(formatEndpoint),
      status: status === undefined ? 'off' : formatEndpoint(status),
      version: parts.version,
    });
    generations.start();
    return {
      get endpoints() {
        return listeners.endpoints;
      },
      status,
      metrics,
      get ready() {
        return state.ready;
      },
      unready: () => state.reasons(),
      totals,
      written: () => current().cache.memory.written,
      reportBug: onBug,
      reload: async (next) => {
        await listeners.change(next.settings.listen.addresses);
        responder.allows = allowList(next.settings.listen.allow);
        responder.ownAddresses = ownAddresses(next.settings);
        responder.maxBacklog = next.settings.limits.flights;
        generations.replace(next);
        ready?.replace(current().replies);
        await parts.others?.reload(next, listeners.endpoints);
      },
      stop: async () => {
        state.stop();
        rehearsal.abort();
        // At the same time: all threads share one grace period.
        const others = parts.others?.stop();
        const queries = () => totals().queries;
        const { lameduck, grace } = generations.settings.shutdown;
        if (lameduck > 0) await elapsed(clock, lameduck);
        await Promise.race([quiet(responder, queries, clock), elapsed(clock, grace)]);
        const abandoned = responder.inFlight + ((await others) ?? 0);
        await closeAll();
        lookups.close();
        log.info('stopped', { version: parts.version, abandoned, ...totalsFields(totals()) });
        return abandoned;
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** The source addresses of this machine's questions to itself. A wildcard is never a source. */
function ownAddresses({ listen }: Settings): readonly string[] {
  return listen.addresses.map(({ address }) => canonicalAddress(address));
}

function listenersOf(
  { settings, clock, log, passed = [] }: DaemonParts,
  metrics: Metrics,
  responder: Responder,
): Listeners {
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
    limited: (limit: TcpLimit) => metrics.limits.reached.add(limit),
  };
  const { threads } = settings;
  const listenUdp = chooseUdp(settings.listen.io, { clock, threads }, (reason) =>
    log.info('no_batches', { reason }),
  );
  return new Listeners({
    listenUdp,
    responder,
    clock,
    threads,
    limits: settings.tcp,
    events,
    passed,
  });
}

/**
 * S2: resolves when nothing is in flight and no query has arrived for a moment: a client in the middle of a walk asks
 * its next step only after the answer to this one, and a datagram may still wait in the kernel.
 */
async function quiet(responder: Responder, queries: () => number, clock: Clock): Promise<void> {
  for (let seen = -1; seen !== queries(); ) {
    await responder.drained();
    seen = queries();
    await elapsed(clock, QUIET);
  }
}

function lookupWatch(
  { clock, settings, log }: DaemonParts,
  { lookups }: Metrics,
  resolver: () => Resolver,
): LookupWatch {
  return new LookupWatch({
    clock,
    wallClock: Date.now,
    names: settings.status.names,
    split: (qname) => resolver().list.expansionOf(qname),
    onEnd: (lookup, qname) => logLookup(log, lookup, qname),
    ...lookups,
  });
}

/** Logs every lookup at debug, with its name; slow and failed lookups also as warnings without the name (S4). */
function logLookup(log: Log, lookup: RecentLookup, qname: string): void {
  const { outcome, took, steps } = lookup;
  const fields = { outcome, ms: Math.round(took), questions: steps.length };
  log.debug('lookup', { qname, ...fields });
  if (!isRemarkable(lookup)) return;
  const rcodes = [...new Set(steps.map(({ rcode }) => rcode))];
  const cause = causeOf(lookup).kind;
  log.warn(outcome === 'failed' ? 'lookup_failed' : 'lookup_slow', { ...fields, rcodes, cause });
}

function queryLogOf({ settings, queryLog: stream }: DaemonParts, { daemon }: Metrics) {
  if (stream === undefined) return undefined;
  const { sample } = settings.queryLog;
  return createQueryLog({ stream, sample, wallClock: Date.now, dropped: daemon.queryLogDropped });
}

/** The failure reason that all upstreams share; `undefined` if they differ. */
function sharedTrouble({ upstream }: Metrics): FailureReason | undefined {
  const [first, ...others] = [...upstream.servers.values()].map(({ trouble }) => trouble);
  return others.every((trouble) => trouble === first) ? first : undefined;
}
