import fc from 'fast-check';
import type { Milliseconds } from '../../src/clock.ts';

/** A span of time, counted from the moment at which the clients begin. */
export interface Span {
  readonly from: Milliseconds;
  readonly to: Milliseconds;
}

export const FAMILIES = ['A', 'AAAA', 'both'] as const;
export const TCPS = ['answers', 'refused', 'dropped', 'silent', 'closes after one'] as const;
export const EDNS = [
  'known',
  'FORMERR',
  'NOTIMP',
  'dropped over UDP',
  'dropped',
  'appended to the query',
] as const;
export const REPLIES = [
  'whole',
  'ARCOUNT copied from the query',
  'ARCOUNT too high',
  'ANCOUNT too high',
  'ANCOUNT too low',
  'cut',
  'foreign owner',
  'CNAME last',
] as const;
export const SAYINGS = ['SERVFAIL', 'REFUSED', 'NXDOMAIN', 'NODATA', 'NOTIMP', 'FORMERR'] as const;

/**
 * What is wrong with one server, as a function of time and of what is asked: never of how many datagrams have come, since
 * sidestub sends other numbers than the clients do.
 */
export interface Faults {
  /** How long it takes to answer. */
  readonly delay: Milliseconds;
  /** Nothing is answered. */
  readonly mute?: Span & {
    readonly transport: 'UDP' | 'TCP' | 'both';
    readonly family: (typeof FAMILIES)[number];
  };
  /** Nobody listens: ICMP for datagrams, RST for connections. */
  readonly away?: Span;
  /** The kernel of the client's own pod refuses its datagrams with EPERM: all, or the questions for one family. */
  readonly refused?: Span & { readonly family: (typeof FAMILIES)[number] };
  readonly tcp: (typeof TCPS)[number];
  readonly edns: (typeof EDNS)[number];
  readonly reply: (typeof REPLIES)[number];
  /** Where a reply that is `cut` ends: UDP only, and without TC. */
  readonly cutAt: number;
  /** In place of the truth. */
  readonly says?: {
    readonly rcode: (typeof SAYINGS)[number];
    readonly family: (typeof FAMILIES)[number];
    /** `expansions`: names that the search list makes and that do not exist. */
    readonly names: 'existing' | 'expansions' | 'all';
  };
}

/**
 * `made`, `made service`, `made elsewhere`: the client has been denied it, directly and through sidestub; then it came into being, and its
 * denial's time is over. `elsewhere`: a service of another namespace than the pod's; `in dev`: of one that is called like
 * a top-level domain.
 */
export const NAMES = [
  'both',
  'v4',
  'v6',
  'alias',
  'many',
  'service',
  'elsewhere',
  'in dev',
  'made',
  'made service',
  'made elsewhere',
  'missing',
] as const;
export const LISTS = ['plain', 'Kubernetes'] as const;
/** The families that the pod can route: where it is one alone, F5 never gives it up. */
export const ROUTES = ['both', 'IPv4'] as const;
export const CLIENTS = ['musl', 'musl (new)', 'glibc', 'Go', 'c-ares'] as const;
export type ClientName = (typeof CLIENTS)[number];

/** One experiment: an upstream, and who asks it for what. A plain value, so that it can be printed and run again. */
export interface Draw {
  /** In the order of resolv.conf: one, or two with faults of their own. */
  readonly servers: readonly Faults[];
  readonly name: (typeof NAMES)[number];
  readonly list: (typeof LISTS)[number];
  readonly routes: (typeof ROUTES)[number];
  readonly clients: readonly ClientName[];
  /** Whether sidestub has answered a lookup before anything with a beginning goes wrong. */
  readonly warm: boolean;
  /** Whether sidestub is a sidecar with a node daemon in front of the servers, both sure of the zone where it conforms. */
  readonly nodeDaemon: boolean;
}

export const SOUND: Faults = {
  delay: 1,
  tcp: 'answers',
  edns: 'known',
  reply: 'whole',
  cutAt: 512,
};

/** All clients ask a sound server: what is wrong is changed in it. */
export const SOUND_DRAW: Draw = {
  servers: [SOUND],
  name: 'both',
  list: 'plain',
  routes: 'both',
  clients: CLIENTS,
  warm: false,
  nodeDaemon: false,
};

/**
 * From the beginning of the lookup, or from its midst; most of it over while a client still asks. Not while a sound lookup
 * is on its way: which of its datagrams meets such a beginning is chance.
 */
const span: fc.Arbitrary<Span> = fc
  .record({
    from: fc.constantFrom(0, 0, 0, 1_000),
    length: fc.integer({ min: 1, max: 40 }),
  })
  .map(({ from, length }) => ({ from, to: from + 100 * length }));

/** Mostly `usual`, so that a draw has a few faults and not all of them. */
function mostly<T>(usual: T, others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
}

function sometimes<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc
    .option(value, { nil: undefined, freq: 3 })
    .chain((drawn) => fc.boolean().map((is) => (is ? drawn : undefined)));
}

/**
 * Little is wrong but what lets one family through and keeps the other back, for longer than F5 waits and shorter than a
 * client does: drawn one by one that hardly meets.
 */
const oneFamilyRefused: fc.Arbitrary<Faults> = fc
  .record({
    family: fc.constantFrom('A', 'AAAA' as const),
    tenths: fc.integer({ min: 8, max: 24 }),
    delay: fc.constantFrom(0, 1, 20),
    tcp: fc.constantFrom('answers', 'refused', 'dropped', 'silent' as const),
  })
  .map(({ family, tenths, ...drawn }) => ({
    ...SOUND,
    ...drawn,
    refused: { from: 0, to: 100 * tenths, family },
  }));

/** Dead beside a sound one: of two servers that are drawn one by one, hardly ever is one silent and the other right. */
const deadFirst: fc.Arbitrary<Faults[]> = fc
  .record({
    delay: fc.constantFrom(0, 1, 20, 120),
    to: fc.constantFrom(1_500, 4_000),
    transport: fc.constantFrom('UDP', 'both', 'both' as const),
    tcp: fc.constantFrom('answers', 'refused', 'dropped', 'silent' as const),
    second: fc.constantFrom(0, 1, 20),
  })
  .map(({ to, transport, second, ...drawn }) => [
    { ...SOUND, ...drawn, mute: { from: 0, to, transport, family: 'both' } },
    { ...SOUND, delay: second },
  ]);

const anyFaults: fc.Arbitrary<Faults> = fc
  .record({
    delay: fc.constantFrom(0, 1, 1, 20, 120),
    mute: sometimes(
      fc
        .record({
          span,
          transport: fc.constantFrom('UDP', 'both', 'both', 'TCP' as const),
          family: fc.constantFrom('both', 'both', 'A', 'AAAA' as const),
        })
        .map(({ span: { from, to }, ...rest }) => ({ from, to, ...rest })),
    ),
    away: sometimes(span),
    refused: sometimes(span.map((drawn) => ({ ...drawn, family: 'both' as const }))),
    tcp: mostly('answers', TCPS),
    edns: mostly('known', EDNS),
    reply: mostly('whole', REPLIES),
    cutAt: fc.oneof(fc.constant(512), fc.integer({ min: 12, max: 200 })),
    says: sometimes(
      fc.record({
        rcode: fc.constantFrom(...SAYINGS),
        family: fc.constantFrom(...FAMILIES),
        names: fc.constantFrom('existing', 'expansions', 'all' as const),
      }),
    ),
  })
  .map((drawn) => withoutNothing(drawn) as unknown as Faults);

/** An outage of a server that closes its connections early: what is left of a question's sends then must not be lost. */
const closesAfterOutage: fc.Arbitrary<Faults> = fc
  .record({
    delay: fc.constantFrom(1, 20, 120),
    tenths: fc.integer({ min: 8, max: 35 }),
    transport: fc.constantFrom('UDP', 'both', 'both' as const),
  })
  .map(({ delay, tenths, transport }) => ({
    ...SOUND,
    delay,
    mute: { from: 0, to: 100 * tenths, transport, family: 'both' },
    tcp: 'closes after one',
  }));

const faults = fc.oneof(
  { weight: 5, arbitrary: anyFaults },
  { weight: 1, arbitrary: oneFamilyRefused },
  { weight: 1, arbitrary: closesAfterOutage },
);

/** A draw prints short: what is not there is left away. */
function withoutNothing(record: object): object {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

export const draws: fc.Arbitrary<Draw> = fc.record({
  servers: fc.oneof(
    { weight: 8, arbitrary: faults.map((one) => [one]) },
    { weight: 2, arbitrary: fc.tuple(faults, faults) },
    { weight: 1, arbitrary: deadFirst },
  ),
  name: fc.constantFrom(...NAMES),
  list: fc.constantFrom(...LISTS),
  routes: mostly('both', ROUTES),
  clients: fc.oneof(
    fc.constant([...CLIENTS]),
    fc.subarray([...CLIENTS], { minLength: 1, maxLength: 1 }),
  ),
  warm: fc.boolean(),
  nodeDaemon: fc.constantFrom(false, false, false, true),
});

/** Simpler draws, each with one fault less: what still fails without it has another cause. */
export function simpler(draw: Draw): Draw[] {
  const found: Draw[] = [];
  const { servers, clients } = draw;
  if (servers.length > 1) for (const one of servers) found.push({ ...draw, servers: [one] });
  servers.forEach((faults, at) => {
    for (const key of Object.keys(faults) as (keyof Faults)[]) {
      if (JSON.stringify(faults[key]) === JSON.stringify(SOUND[key])) continue;
      const { [key]: _, ...rest } = faults;
      const mended = { ...SOUND, ...rest, ...(key in SOUND ? { [key]: SOUND[key] } : {}) };
      found.push({ ...draw, servers: servers.with(at, mended) });
    }
  });
  if (clients.length > 1) for (const client of clients) found.push({ ...draw, clients: [client] });
  if (draw.nodeDaemon) found.push({ ...draw, nodeDaemon: false });
  if (draw.routes !== 'both') found.push({ ...draw, routes: 'both' });
  if (draw.list !== 'plain') found.push({ ...draw, list: 'plain' });
  if (draw.name !== 'v4') found.push({ ...draw, name: 'v4' });
  return found;
}
