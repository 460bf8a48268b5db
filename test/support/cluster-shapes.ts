import fc from 'fast-check';
import type { Host } from '../../src/commands/demo/cluster-world.ts';
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

/** What kubelet writes for a pod of the namespace `job`. */
const CLUSTER_SUFFIXES = ['job.svc.cluster.local', 'svc.cluster.local', 'cluster.local'];
/** What nodes and pods add, behind those. */
const OUTSIDE = ['corp.example', 'lab.example', 'build.corp.example'];
/** Names that a job always asks for: they go past every suffix, and the last may be a service in a namespace `dev`. */
const PUBLIC = ['git.example.com.', 'registry.example.net.', 'cache.example.dev.'];
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
      families: fc.array(fc.constantFrom('4', '6', '46'), { minLength: 3, maxLength: 3 }),
      outsiders: fc.shuffledSubarray(PUBLIC, { minLength: 2, maxLength: 2 }),
      picks: fc.uniqueArray(fc.nat(1_000), { minLength: 2, maxLength: 2 }),
      bases: fc.uniqueArray(baseName, { minLength: NAMES, maxLength: NAMES }),
    })
    .map(({ random, outside, ndots, families, outsiders, picks, bases }) => {
      const known = knownBases(random);
      const inWorld = picks.map((pick) => known[pick % known.length] ?? '.');
      const names = new Set([...outsiders, ...inWorld]);
      for (const base of bases) if (names.size < NAMES) names.add(base);
      return {
        kind,
        random: withPublic(random, families),
        list: { search: [...CLUSTER_SUFFIXES, ...outside], ndots },
        names: Array.from(names, (name) => name.slice(0, -1)),
        ...troubles(kind, `${outside[0]}.`, random),
      };
    });
}

function withPublic(random: RandomWorld, families: readonly string[]): RandomWorld {
  const hosts = PUBLIC.map((name, index) => {
    const has = (family: string) => families[index]?.includes(family) === true;
    const host: Host = {
      ...(has('4') ? { a: [`192.0.2.${index + 1}`] } : {}),
      ...(has('6') ? { aaaa: [`2001:db8::${index + 1}`] } : {}),
    };
    return [name, host] as const;
  });
  const { world } = random;
  return {
    ...random,
    world: { ...world, hosts: { ...world.hosts, ...Object.fromEntries(hosts) } },
  };
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
