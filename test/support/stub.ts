import { assembleResolver, type Resolver, type ResolverSettings } from '../../src/assemble.ts';
import type { Milliseconds } from '../../src/clock.ts';
import { Tally, TallySet } from '../../src/observe/tally.ts';
import type { FamiliesOptions } from '../../src/resolve/families.ts';
import { type Answer, asking, ownQuery, type Query } from '../../src/resolve/stage.ts';
import type { Outgoing } from '../../src/upstream/exchange.ts';
import { type LaneOrder, lanes } from '../../src/upstream/lanes.ts';
import { Routes } from '../../src/upstream/routes.ts';
import {
  EXPANSION_FATES,
  type ExpansionFate,
  REPAIR_KINDS,
  type RepairKind,
} from '../../src/vocabulary.ts';
import { RrType } from '../../src/wire/codes.ts';
import { type Name, parseName } from '../../src/wire/name.ts';
import { HandClock } from './hand-clock.ts';
import { type Line, ScriptedUpstream } from './scripted-upstream.ts';

/** A job's search list as kubelet writes it, with a corporate suffix behind. */
export const SUFFIXES = [
  'job.svc.cluster.local.',
  'svc.cluster.local.',
  'cluster.local.',
  'corp.example.',
];

/** The assembled stages over a scripted upstream, on a clock that is wound by hand. */
export interface Stub extends Omit<Resolver, 'resolve'> {
  readonly resolve: (query: Query) => Promise<Answer>;
  readonly clock: HandClock;
  readonly upstream: ScriptedUpstream;
  /** The upstreams of {@link StubOptions.routes}, by their zones. */
  readonly routed: ReadonlyMap<Name, ScriptedUpstream>;
  readonly fates: TallySet<ExpansionFate>;
  readonly repairs: TallySet<RepairKind>;
  readonly verdicts: string[];
  readonly bugs: unknown[];
  /** Asks one question; winds the clock until it is answered and says how long that took. */
  ask(qname: string, qtype?: number): Promise<Answer & { readonly elapsed: Milliseconds }>;
  /** Both questions of a pair at once, as libc sends them. */
  askPair(qname: string): Promise<{ a: Answer; aaaa: Answer; elapsed: Milliseconds }>;
}

export interface StubOptions {
  readonly script: (question: Outgoing) => Line;
  readonly delay?: Milliseconds;
  readonly suffixes?: readonly Name[];
  readonly domain?: Name | undefined;
  readonly pin?: readonly Name[];
  readonly mode?: 'prove' | 'assume' | 'off';
  readonly keep?: readonly Name[];
  readonly wildcardGuard?: boolean;
  readonly collapse?: boolean;
  readonly repair?: boolean;
  readonly order?: LaneOrder;
  readonly flights?: number;
  readonly aaaa?: ResolverSettings['families']['aaaa'];
  readonly onlyRoutable?: FamiliesOptions['onlyRoutable'];
  /** Whether the conformance test runs before the test begins; then what it asked is forgotten. */
  readonly conformance?: boolean;
  /** Zones with an upstream of their own, and its script. */
  readonly routes?: Readonly<Record<Name, StubOptions['script']>>;
}

/** A server whose pairs never clash. */
const STAGGERED = { isOn: true, saw: () => undefined };

/** How long {@link Stub.ask} winds before it gives up: more than any deadline of the product. */
const LIMIT: Milliseconds = 10_000;

export async function startStub(options: StubOptions): Promise<Stub> {
  const clock = new HandClock();
  const upstream = new ScriptedUpstream(clock, options.script, options.delay);
  const fates = new TallySet(EXPANSION_FATES);
  const repairs = new TallySet(REPAIR_KINDS);
  const verdicts: string[] = [];
  const bugs: unknown[] = [];
  const { order = { kind: 'auto' } } = options;
  const routed = Object.entries(options.routes ?? {}).map(([zone, script]) => ({
    zone,
    upstream: new ScriptedUpstream(clock, script, options.delay),
  }));
  const routes = new Routes(
    [{ zone: '.', upstream }, ...routed].map((route) => ({
      zone: route.zone,
      upstream: lanes({ order, upstream: route.upstream, clock, staggerOf: () => STAGGERED }),
    })),
  );
  const resolver = assembleResolver({
    settings: settingsOf(options),
    clock,
    routes,
    onlyRoutable: options.onlyRoutable,
    tallies: {
      cache: { hits: new Tally(), misses: new Tally(), evictions: new Tally() },
      coalesced: new Tally(),
      flights: { full: new Tally(), crowded: new Tally() },
      silentRouteFull: new Tally(),
      repairs,
      fates,
      speculations: new Tally(),
    },
    onVerdict: (verdict, reason) => verdicts.push(`${verdict}: ${reason}`),
    onBug: (error) => bugs.push(error),
  });
  const timed = async <T>(work: Promise<T>): Promise<T & { elapsed: Milliseconds }> => {
    const started = clock.now();
    let done: { value: T } | undefined;
    void work.then((value) => {
      done = { value };
    });
    for (let waited = 0; done === undefined && waited <= LIMIT; waited += 1) await clock.advance(1);
    if (done === undefined) throw new Error('no answer');
    return { ...done.value, elapsed: clock.now() - started };
  };
  const resolve = asking(resolver.resolve);
  const ask = (qname: string, qtype: number): Promise<Answer> =>
    resolve(ownQuery(parseName(qname), qtype, { client: '127.0.0.1' }));
  if (options.conformance !== false) {
    resolver.start();
    await clock.advance(10 * upstream.delay);
    upstream.takeAsked();
  }
  return {
    ...resolver,
    resolve,
    clock,
    upstream,
    routed: new Map(routed.map(({ zone, upstream: own }) => [zone, own])),
    fates,
    repairs,
    verdicts,
    bugs,
    ask: (qname, qtype = RrType.A) => timed(ask(qname, qtype)),
    askPair: (qname) =>
      timed(
        Promise.all([ask(qname, RrType.A), ask(qname, RrType.AAAA)]).then(([a, aaaa]) => ({
          a,
          aaaa,
        })),
      ),
  };
}

/** What the options leave open is as in a job's pod. */
export function settingsOf(options: Omit<StubOptions, 'script'>): ResolverSettings {
  return {
    search: {
      mode: options.mode ?? 'prove',
      suffixes: options.suffixes ?? SUFFIXES,
      ndots: 5,
      pin: options.pin ?? [],
      keep: options.keep ?? [],
      wildcardGuard: options.wildcardGuard ?? false,
      collapse: options.collapse ?? false,
      public: ['com', 'org', 'net'],
    },
    cluster: { domain: 'domain' in options ? options.domain : 'cluster.local.' },
    families: {
      order: options.order ?? { kind: 'auto' },
      repair: options.repair ?? true,
      aaaa: options.aaaa ?? 'pass',
    },
    cache: { octets: 1 << 20, negativeOctets: 1 << 18, minTtl: 0, maxTtl: 86_400 },
    limits: { flights: options.flights ?? 10_000, upstreamSockets: 1_000 },
    routes: Object.keys(options.routes ?? {}).map((zone) => ({ zone, upstreams: [] })),
  };
}
