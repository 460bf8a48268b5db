import fc from 'fast-check';
import type { Host, World } from '../../src/demo/cluster-world.ts';
import type { Name } from '../../src/wire/name.ts';
import { baseName, knownBases, type RandomWorld, randomWorld } from '../scenario/random-world.ts';
import type { ClientList } from './lab-client.ts';
import type { LabFaults } from './lab-faults.ts';

/** What is special about a cluster. */
export const SHAPE_KINDS = [
  'healthy',
  'a wildcard suffix',
  'SERVFAIL under a suffix',
  'NODATA under a suffix',
  'AAAA is NXDOMAIN',
  'AAAA is SERVFAIL',
  'the conntrack race',
] as const;
export type ShapeKind = (typeof SHAPE_KINDS)[number];

/** A cluster, a job's resolv.conf in it, and what the job looks up. */
export interface ClusterShape {
  readonly kind: ShapeKind;
  readonly world: World;
  readonly list: ClientList;
  /** As a program writes them: without the dot of the root, most of them. */
  readonly names: readonly string[];
  /** How its servers are, whoever asks: what a client sees of it directly is the truth. */
  readonly truth: LabFaults;
  /** What goes wrong on top of it, and makes some clients fail what others resolve. */
  readonly fault: LabFaults;
  /** Whether it is there when sidestub starts and tests the zone (N2), or comes after. */
  readonly sinceStart: boolean;
}

const ZONE = 'cluster.local';
/** What nodes and pods add to a search list. */
const OUTSIDE = ['corp.example', 'lab.example', 'build.corp.example'];
/** Of no host in the worlds. */
const WILDCARD = '203.0.113.99';

const families = fc.constantFrom<('a' | 'aaaa')[]>(['a'], ['a', 'aaaa'], ['a', 'aaaa'], ['aaaa']);

/** What jobs ask for: names that go past every suffix. The last may be a service in a namespace `dev` (N4). */
const PUBLIC = ['git.example.com.', 'registry.example.net.', 'cache.example.dev.'];

/** A name of the world outside as jobs have them, and one as random as all the others. */
const publicHosts = fc
  .tuple(fc.constantFrom(...PUBLIC), baseName)
  .chain((names) =>
    fc.tuple(...names.map((name) => fc.record({ name: fc.constant(name), families }))),
  );

/** Five names in a random cluster of one kind. */
export function clusterShape(kind: ShapeKind): fc.Arbitrary<ClusterShape> {
  return fc
    .record({
      random: randomWorld,
      hosts: publicHosts,
      nowhere: baseName,
      picks: fc.tuple(fc.nat(1_000), fc.nat(1_000)),
      rooted: fc.constantFrom(false, false, false, true),
      // While AAAA fails no zone can be tested: there would be no verdict to wait for.
      sinceStart: kind === 'AAAA is SERVFAIL' ? fc.constant(false) : fc.boolean(),
    })
    .chain(({ random, hosts, nowhere, picks, rooted, sinceStart }) => {
      const world = withHosts(random.world, hosts);
      const known = knownBases(random);
      const picked = picks.flatMap((pick) => known[pick % known.length] ?? []);
      const names = new Set([...hosts.map(({ name }) => name), ...picked, nowhere]);
      const written = Array.from(names, (name, index) =>
        // With the dot nothing is searched (M2).
        rooted && index === 0 ? name : name.slice(0, -1),
      );
      return searchList(kind, random).map((list) => ({
        kind,
        world,
        list,
        names: written,
        sinceStart,
        ...troubles(kind, list, random),
      }));
    });
}

function withHosts(
  world: World,
  hosts: readonly { readonly name: Name; readonly families: readonly ('a' | 'aaaa')[] }[],
): World {
  const own = hosts.map(({ name, families: has }, index): [Name, Host] => [
    name,
    {
      ...(has.includes('a') ? { a: [`192.0.2.${index + 1}`] } : {}),
      ...(has.includes('aaaa') ? { aaaa: [`2001:db8::${index + 1}`] } : {}),
    },
  ]);
  return { ...world, hosts: { ...world.hosts, ...Object.fromEntries(own) } };
}

/** As kubelet writes it for a job in any of the namespaces, or as somebody has edited it. */
function searchList(kind: ShapeKind, { world }: RandomWorld): fc.Arbitrary<ClientList> {
  const namespaces = Object.keys(world.namespaces);
  const needsSuffix = kind.includes('suffix');
  // Under the first suffix of a list nothing is repaired (N7, docs/modes.md): there a suffix stays behind the cluster's.
  const edited = kind === 'NODATA under a suffix' ? 0 : 1;
  return fc
    .record({
      namespace: fc.constantFrom('job', 'job', ...namespaces),
      other: fc.constantFrom(...namespaces),
      outside: fc.shuffledSubarray(OUTSIDE, { minLength: needsSuffix ? 1 : 0 }),
      edit: fc.oneof(
        { weight: 2, arbitrary: fc.constant(undefined) },
        { weight: edited, arbitrary: fc.infiniteStream(fc.nat(1_000)) },
      ),
      ndots: fc.constantFrom(5, 5, 5, 2, 1),
    })
    .map(({ namespace, other, outside, edit, ndots }) => {
      const own = `${namespace}.svc.${ZONE}`;
      const search = [own, `svc.${ZONE}`, ZONE, ...outside];
      if (edit === undefined) return { search, ndots };
      const all = [...new Set([...search, `${other}.svc.${ZONE}`])];
      const keyed = all.map((suffix) => ({ suffix, key: Number(edit.next().value ?? 0) }));
      const shuffled = keyed.sort((a, b) => a.key - b.key).map(({ suffix }) => suffix);
      // One is left out, but not the one that says which zone is the cluster's.
      const left = shuffled.findIndex((suffix) => suffix !== own && !outside.includes(suffix));
      return { search: shuffled.toSpliced(left, 1), ndots };
    });
}

function troubles(
  kind: ShapeKind,
  { search }: ClientList,
  { ttl, soa }: RandomWorld,
): Pick<ClusterShape, 'truth' | 'fault'> {
  const truth: LabFaults = { ttl, soa };
  const suffix = `${search.find((each) => OUTSIDE.includes(each))}.`;
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
    case 'NODATA under a suffix':
      return { truth, fault: { missing: [{ suffix, a: 'nodata', aaaa: 'nodata' }] } };
    case 'AAAA is NXDOMAIN':
      return { truth, fault: { aaaa: 'nxdomain' } };
    case 'AAAA is SERVFAIL':
      return { truth, fault: { aaaa: 'servfail' } };
    case 'the conntrack race':
      return { truth, fault: { raceRatio: 1 } };
  }
}
