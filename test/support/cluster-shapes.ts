import fc from 'fast-check';
import { baseName, knownBases, type RandomWorld, randomWorld } from '../scenario/random-world.ts';
import type { ClientList } from './lab-client.ts';
import type { LabFaults } from './lab-faults.ts';

/** What is special about a cluster. */
export type ShapeKind =
  | 'healthy'
  | 'a wildcard suffix'
  | 'SERVFAIL under a suffix'
  | 'AAAA is NXDOMAIN'
  | 'NODATA under a suffix'
  | 'the conntrack race';

export const SHAPE_KINDS: readonly ShapeKind[] = [
  'healthy',
  'a wildcard suffix',
  'SERVFAIL under a suffix',
  'AAAA is NXDOMAIN',
  'NODATA under a suffix',
  'the conntrack race',
];

/** A cluster, a job's resolv.conf in it, and what the job looks up. */
export interface ClusterShape {
  readonly kind: ShapeKind;
  readonly random: RandomWorld;
  readonly list: ClientList;
  /** As a program writes them: without the dot of the root. */
  readonly names: readonly string[];
  /** How its servers are, whoever asks: what a client sees of it directly is the truth. */
  readonly truth: LabFaults;
  /** What goes wrong on top of it, and makes some clients fail what others resolve. */
  readonly fault: LabFaults;
}

/** The job's namespace; that of a service in it may be called like a top-level domain. */
const CLUSTER_SUFFIXES = ['job.svc.cluster.local', 'svc.cluster.local', 'cluster.local'];
/** What nodes and pods add, behind those. */
const OUTSIDE = ['corp.example', 'lab.example', 'build.corp.example'];
/** Of no host in the worlds. */
const WILDCARD = '203.0.113.99';
const NAMES = 5;

/** Shapes of one kind, random but for that. */
export function clusterShape(kind: ShapeKind): fc.Arbitrary<ClusterShape> {
  const needsSuffix = kind.includes('suffix');
  return fc
    .record({
      random: randomWorld,
      outside: fc.shuffledSubarray(OUTSIDE, { minLength: needsSuffix ? 1 : 0 }),
      ndots: fc.constantFrom(5, 5, 5, 2, 1),
      picks: fc.array(fc.nat(1_000), { minLength: NAMES, maxLength: NAMES }),
      bases: fc.uniqueArray(baseName, { minLength: NAMES, maxLength: NAMES }),
    })
    .map(({ random, outside, ndots, picks, bases }) => {
      const known = knownBases(random);
      // Four of five are names of something, so that there is an address to be found.
      const drawn = picks.map((pick, index) =>
        index === 0 ? bases[index] : known[pick % known.length],
      );
      const names = new Set(drawn.filter((name) => name !== undefined));
      for (const base of bases) if (names.size < NAMES) names.add(base);
      return {
        kind,
        random,
        list: { search: [...CLUSTER_SUFFIXES, ...outside], ndots },
        names: Array.from(names, (name) => name.slice(0, -1)),
        ...troubles(kind, `${outside[0]}.`, random),
      };
    });
}

function troubles(
  kind: ShapeKind,
  suffix: string,
  { ttl, soa }: RandomWorld,
): Pick<ClusterShape, 'truth' | 'fault'> {
  const truth: LabFaults = { ttl, soa };
  switch (kind) {
    case 'healthy':
      return { truth, fault: {} };
    case 'a wildcard suffix':
      return {
        truth: { ...truth, missing: [{ suffix, a: { address: WILDCARD }, aaaa: 'nodata' }] },
        fault: {},
      };
    case 'SERVFAIL under a suffix':
      return {
        truth: { ...truth, missing: [{ suffix, a: 'servfail', aaaa: 'servfail' }] },
        fault: {},
      };
    case 'AAAA is NXDOMAIN':
      return { truth, fault: { aaaa: 'nxdomain' } };
    case 'NODATA under a suffix':
      return { truth, fault: { missing: [{ suffix, a: 'nodata', aaaa: 'nodata' }] } };
    case 'the conntrack race':
      return { truth, fault: { raceRatio: 1 } };
  }
}
