import type { Clock, Milliseconds } from './clock.ts';
import type { Settings } from './config/settings.ts';
import { AnswerMemory } from './memory/answer-memory.ts';
import { Replies } from './memory/replies.ts';
import { randomUint16 } from './random.ts';
import { aaaaFilter } from './resolve/aaaa-filter.ts';
import { AnswerCache, answerCache, type CacheTallies, cacheFill } from './resolve/answer-cache.ts';
import { deniedByConfiguration } from './resolve/assumption.ts';
import { ClusterZone, type ClusterZoneOptions } from './resolve/cluster-zone.ts';
import { collapse } from './resolve/collapse.ts';
import {
  type DenialLife,
  denialKindOf,
  outerDenialLife,
  zoneDenialLife,
} from './resolve/denial-life.ts';
import { failureMemory } from './resolve/failure-memory.ts';
import { type FamiliesOptions, families } from './resolve/families.ts';
import { forward, type Router } from './resolve/forward.ts';
import { type HostsLookup, localNames } from './resolve/local-names.ts';
import { LookupWaits } from './resolve/lookup-waits.ts';
import { LoopProbe } from './resolve/loop-probe.ts';
import { nodataRepair } from './resolve/nodata-repair.ts';
import { prefetch } from './resolve/prefetch.ts';
import { Readiness } from './resolve/readiness.ts';
import { type Repeat, repetition } from './resolve/repetition.ts';
import { RouteSilence } from './resolve/route-silence.ts';
import { type SearchOptions, search } from './resolve/search.ts';
import { SearchList } from './resolve/search-list.ts';
import { serveStale } from './resolve/serve-stale.ts';
import { servfail } from './resolve/servfail.ts';
import { type Flights, type SingleFlightOptions, singleFlight } from './resolve/single-flight.ts';
import { type Expansion, pipeline, queryKey, type Resolve, type Stage } from './resolve/stage.ts';
import { StaleAnswers } from './resolve/stale-answers.ts';
import { wildcardGuard } from './resolve/wildcard-guard.ts';
import { type LaneOrder, NEXT_TURN } from './upstream/lanes.ts';
import { RrType } from './wire/codes.ts';
import { isAtOrBelow, type Name } from './wire/name.ts';

/** What the stages need. */
export interface ResolverParts {
  readonly settings: ResolverSettings;
  readonly clock: Clock;
  readonly routes: Router;
  readonly hosts?: HostsLookup | undefined;
  readonly onlyRoutable?: FamiliesOptions['onlyRoutable'];
  readonly tallies: ResolverTallies;
  readonly onVerdict: ClusterZoneOptions['onVerdict'];
  /** Called when upstream has answered for the first time. */
  readonly onReady?: () => void;
  /** Called with the reason when a probe of upstream failed, as long as none has been answered. */
  readonly onUnready?: (reason: string) => void;
  /** Called when an upstream turns out to be ourselves (U1). */
  readonly onLoop?: () => void;
  readonly onBug: (error: unknown) => void;
  /** {@link AnswerMemoryOptions.isUncounted} */
  readonly hasUncountedMemory?: boolean;
}

/** The part of the settings that decides how questions are answered. */
export type ResolverSettings = Pick<
  Settings,
  'search' | 'cluster' | 'families' | 'cache' | 'routes' | 'limits'
>;

export interface ResolverTallies {
  readonly cache: CacheTallies;
  readonly coalesced: { add(): void };
  readonly flights: Pick<SingleFlightOptions, 'full' | 'crowded'>;
  /** Counts questions refused because their route is silent and enough other questions wait for it. */
  readonly silentRouteFull: { add(): void };
  readonly repairs: FamiliesOptions['repairs'];
  readonly fates: SearchOptions['fates'];
  readonly speculations: SearchOptions['speculations'];
}

/** Answers questions; the other fields are what the listeners and the status page read. */
export interface Resolver {
  readonly resolve: Resolve;
  readonly list: SearchList;
  readonly cache: AnswerCache;
  /** Replies that may be sent again without asking the stages, kept in the cache's memory. */
  readonly replies: Replies;
  readonly flights: Flights;
  readonly zone: ClusterZone | undefined;
  readonly readiness: Readiness;
  /** Which answers may be given again without asking the stages. */
  readonly repeat: Repeat;
  /** Probes upstream: whether it answers and is not this daemon itself (U1), then how it denies names (N2). */
  start(): void;
  stop(): void;
}

/** Puts the stages in their order. Each line says why it stands where it does. */
export function assembleResolver(parts: ResolverParts): Resolver {
  const { settings, clock, routes, tallies } = parts;
  const { domain } = settings.cluster;
  const zone =
    domain === undefined || settings.search.mode === 'off'
      ? undefined
      : new ClusterZone({
          zone: domain,
          clock,
          sameRoute: (a, b) => routes.routeOf(a) === routes.routeOf(b),
          onVerdict: parts.onVerdict,
        });
  const list = new SearchList({
    suffixes: settings.search.suffixes,
    zone: domain,
    routedZones: settings.routes.map((route) => route.zone),
    isNamespace: (label) => zone?.isNamespace(label) ?? false,
  });
  const outerLife = outerDenialLife(settings.cache.maxTtl * 1000);
  const denialLife = (qname: Name): DenialLife => {
    if (domain === undefined || !isAtOrBelow(qname, domain)) return outerLife;
    const expansion = list.expansionOf(qname);
    return zoneDenialLife(expansion === undefined ? 'usual' : denialKindOf(list, expansion));
  };
  const memory = new AnswerMemory({
    ...settings.cache,
    seed: (randomUint16() << 16) | randomUint16(),
    onLost: () => tallies.cache.evictions.add(),
    isUncounted: parts.hasUncountedMemory ?? false,
  });
  const cache = new AnswerCache({ memory, clock, tallies: tallies.cache, denialLife });
  const flights: Flights = new Map();
  const silence = new RouteSilence(routes, clock, tallies.silentRouteFull, (qname) =>
    list.inZone(qname) ? 'zone' : 'other',
  );
  const waits = new LookupWaits({
    list,
    clock,
    ndots: settings.search.ndots,
    lastReplyAt: (qname) => silence.lastReplyAt(qname),
  });
  const staleAnswers = new StaleAnswers({ cache, list, zone });
  const onRefused = (qname: string) => silence.noteRefusal(qname);
  const { repairs } = tallies;
  const upstream = silence.stage()(forward(routes, settings.cache, { onRefused, repairs }));
  const readiness = new Readiness({
    probeName: domain === undefined ? '.' : `kubernetes.default.svc.${domain}`,
    ask: upstream,
    clock,
    onReady: () => {
      zone?.test(upstream);
      parts.onReady?.();
    },
    onFailure: (reason) => parts.onUnready?.(reason),
  });
  // Without a cluster zone, `internal.`: ICANN reserved it for private use, so the root denies it.
  const loop = new LoopProbe(domain ?? 'internal.', () => parts.onLoop?.());
  const resolve = pipeline(
    [
      // Outermost: nothing below may leave a client unanswered.
      servfail({ clock, waits, onBug: parts.onBug }),
      // Before any stage that could answer: a probe of ours that comes back must be recognised here.
      loop.stage(),
      // Before anything is looked up: these names never leave the pod.
      localNames(parts.hosts),
      // Above the search, since a cut may answer a step of a walk. Its repaired denials must not reach the stages
      // below, where they would count as proofs.
      ...(settings.search.mode === 'off'
        ? []
        : [nodataRepair({ list, clock, repairs: tallies.repairs })]),
      // Above the search, which fetches what it needs; below the repair, which must see each step of a client's walk.
      ...optional(settings.search, 'collapse', () => collapse({ list, clock })),
      // Below the collapse, which sees an answer that the guard replaced as a denial.
      ...optional(settings.search, 'wildcardGuard', () => wildcardGuard({ list, clock })),
      // Above families: a cut answers both A and AAAA, and what the search fetches passes through families.
      search({
        list,
        zone,
        clock,
        mode: settings.search.mode === 'off' ? 'off' : 'prove',
        isDenied: deniedByConfiguration(settings.search),
        publicTlds: new Set(settings.search.public),
        isKnown: (query) => cache.has(query),
        hasData: (query) => cache.hasData(query),
        fates: tallies.fates,
        speculations: tallies.speculations,
      }),
      // Above single flight: it asks for the other family itself, and joins a question that is in flight already.
      families({
        clock,
        repair: settings.families.repair,
        onlyRoutable: parts.onlyRoutable,
        // A filtered AAAA costs upstream nothing, and would be NODATA where A's denial is not awaited.
        ...(filtersAaaa(settings, parts)
          ? {}
          : { headStart: (expansion) => headStartOf(expansion, list, settings.families.order) }),
        refusedAt: (qname) => silence.refusedAt(qname),
        isRouteSilent: (query, since) =>
          silence.lastReplyAt(query.qname) < since && !cache.hasData(query),
        outSince: (query) => flights.get(queryKey(query))?.since,
        repairs: tallies.repairs,
      }),
      // Below families, which needs A's own denial: a name that is denied for A is denied for AAAA too, not answered
      // with NODATA.
      ...(filtersAaaa(settings, parts) ? [aaaaFilter()] : []),
      // Above every stage that may wait, so that a stale answer comes first; the refresh continues below and fills the
      // cache.
      serveStale({
        clock,
        staleAnswer: (query) => staleAnswers.of(query),
        isSilent: (qname) => silence.isSilent(qname),
        quietFrom: (qname) => silence.quietFrom(qname),
      }),
      // Above the cache, whose hits it looks at; its own refreshes bypass the cache.
      prefetch(clock),
      // Above single flight: a hit never waits, not even for its own refresh.
      answerCache(cache),
      // Below serve-stale, so that a client arriving after a stale answer joins the refresh in flight.
      singleFlight(flights, {
        limit: settings.limits.flights,
        clock,
        coalesced: tallies.coalesced,
        ...tallies.flights,
      }),
      // Below single flight, so that one answer fills the cache once.
      cacheFill(cache),
      // Last, so that the stages above treat a remembered failure like one that upstream returned at once.
      failureMemory({
        clock,
        lastReplyAt: (qname) => silence.lastReplyAt(qname),
        isSilent: (qname) => silence.isSilent(qname),
        hasAddresses: (query) => cache.hasData(query),
      }),
    ],
    upstream,
  );
  return {
    resolve,
    list,
    cache,
    replies: new Replies(memory),
    flights,
    zone,
    readiness,
    repeat: repetition({
      clock,
      isExpansion: (qname) => list.expansionOf(qname) !== undefined,
      denialLife,
      knownUntil: (query) => cache.freshUntil(query),
    }),
    start: () => {
      readiness.start();
      loop.ask(upstream);
    },
    stop: () => {
      readiness.stop();
      zone?.stop();
    },
  };
}

/** F3: how long an AAAA waits for its A's denial where the name may exist, and is not what a program most likely means. */
const SHORT_HEAD_START: Milliseconds = 1;

/**
 * F3: how long an expansion's AAAA waits for A's denial. A name of a kind that may be created at any moment may well exist, and
 * one of the form of a service's name most likely does. Names that look fully qualified wait the whole head start: speculation
 * asks more for those than the client did, and over a whole lookup upstream must not get more questions than the client asks.
 */
function headStartOf(
  expansion: Expansion,
  list: SearchList,
  order: LaneOrder,
): Milliseconds | undefined {
  const mayExist = denialKindOf(list, expansion) === 'brief' && !list.isFqdnLike(expansion.base);
  if (order.kind !== 'auto' || !mayExist) return undefined;
  return list.isServiceName(expansion) ? NEXT_TURN : SHORT_HEAD_START;
}

/**
 * F6: `auto` filters AAAA if the pod has a route out for IPv4 and none for IPv6. A pod without either counts as one
 * whose routes are unknown.
 */
function filtersAaaa(
  { families: { aaaa } }: ResolverSettings,
  { onlyRoutable }: Pick<ResolverParts, 'onlyRoutable'>,
): boolean {
  return aaaa === 'filter' || (aaaa === 'auto' && onlyRoutable === RrType.A);
}

/** The stage if the configuration enables it; no stage when `search.mode` is off. */
function optional(
  search: ResolverSettings['search'],
  wish: 'collapse' | 'wildcardGuard',
  make: () => Stage,
): Stage[] {
  return search.mode !== 'off' && search[wish] ? [make()] : [];
}
