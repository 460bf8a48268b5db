import fc from 'fast-check';
import { bendAnswer } from '../../src/demo/cluster-answer.ts';
import { noFaults } from '../../src/demo/cluster-faults.ts';
import { type Host, type Service, type World, worldOf } from '../../src/demo/cluster-world.ts';
import type { Outgoing } from '../../src/upstream/exchange.ts';
import type { Message } from '../../src/wire/message.ts';
import { isAtOrBelow, type Name, relativeTo } from '../../src/wire/name.ts';
import type { Seconds } from '../../src/wire/record.ts';

/** A cluster, the corporate zone and the world outside, and how a healthy server tells of them. */
export interface RandomWorld {
  readonly world: World;
  /** In place of every TTL. */
  readonly ttl: Seconds | undefined;
  /** Whether negative answers carry their SOA. */
  readonly soa: boolean;
}

/**
 * Few labels, so that names meet: each may be a service, a namespace, a host, and half of them are top-level domains
 * (com, dev, io, ai), one with a public registry, the others not.
 */
const LABELS = ['com', 'dev', 'io', 'ai', 'api', 'db', 'git', 'web'];
const CORPORATE = 'corp.example.';
const label = fc.constantFrom(...LABELS);
const addresses = fc.constantFrom<('4' | '6')[]>(['4'], ['6'], ['4', '6']);

/** One to three of {@link LABELS}, as a program would write it, with the dot of the root behind. */
export const baseName: fc.Arbitrary<Name> = fc
  .array(label, { minLength: 1, maxLength: 3 })
  .map((labels) => `${labels.join('.')}.`);

const outerName = fc
  .tuple(baseName, fc.constantFrom('', '', CORPORATE))
  .map(([base, zone]) => base + zone);

type HostPlan = 'text' | ('4' | '6')[] | { readonly cname: Name };
const hostPlan: fc.Arbitrary<HostPlan> = fc.oneof(
  { weight: 6, arbitrary: addresses },
  { weight: 1, arbitrary: fc.constant<'text'>('text') },
  { weight: 2, arbitrary: fc.record({ cname: outerName }) },
);

type ServicePlan = ('4' | '6')[] | { readonly endpoints: string[] } | { readonly alias: Name };
const servicePlan: fc.Arbitrary<ServicePlan> = fc.oneof(
  { weight: 4, arbitrary: addresses },
  // Without endpoints it does not exist.
  { weight: 2, arbitrary: fc.record({ endpoints: fc.uniqueArray(label, { maxLength: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ alias: outerName }) },
);

/** Where the job runs. */
const NO_SERVICES: Readonly<Record<string, ServicePlan>> = {};

/** Worlds without wildcards whose server says one thing of a name, whatever the type: what a healthy one does. */
export const randomWorld: fc.Arbitrary<RandomWorld> = fc
  .record({
    flavour: fc.constantFrom<World['flavour']>('coredns', 'coredns', 'coredns', 'kube-dns'),
    namespaces: fc.dictionary(
      fc.constantFrom('job', ...LABELS),
      fc.dictionary<string, ServicePlan>(label, servicePlan, { maxKeys: 3 }),
      { maxKeys: 4 },
    ),
    hosts: fc.dictionary<string, HostPlan>(outerName, hostPlan, { maxKeys: 5 }),
    ttl: fc.constantFrom(undefined, undefined, 0, 1, 30),
    soa: fc.constantFrom(true, true, true, false),
  })
  .map(({ flavour, namespaces, hosts, ttl, soa }) => {
    const numbered = new Addresses();
    const services = mapValues({ job: NO_SERVICES, ...namespaces }, (plans) =>
      mapValues(plans, (plan) => serviceOf(plan, numbered)),
    );
    const world = worldOf({
      flavour,
      namespaces: services,
      hosts: mapValues(hosts, (plan) => hostOf(plan, numbered)),
      zones: [CORPORATE],
    });
    return { world, ttl, soa };
  });

/** What the world's server says. */
export function tell({ world, ttl, soa }: RandomWorld, question: Outgoing): Message {
  const message = bendAnswer(world, question, { ...noFaults(), ttl, soa });
  if (message === undefined) throw new Error(`a healthy server says nothing to ${question.qname}`);
  return message;
}

/** What programs ask for that names something in this world: hosts, and services from near and far. */
export function knownBases({ world }: RandomWorld): Name[] {
  const services = Object.entries(world.namespaces).flatMap(([namespace, own]) =>
    Object.entries(own).flatMap(([service, { endpoints }]) => [
      `${service}.`,
      `${service}.${namespace}.`,
      `${service}.${namespace}.svc.`,
      ...Object.keys(endpoints ?? {}).map((name) => `${name}.${service}.${namespace}.svc.`),
    ]),
  );
  const hosts = Object.keys(world.hosts);
  const short = hosts
    .filter((host) => isAtOrBelow(host, CORPORATE) && host !== CORPORATE)
    .map((host) => relativeTo(host, CORPORATE));
  return [...hosts, ...short, ...services, 'kubernetes.default.'];
}

/** Gives every host its own addresses, so that a wrong answer cannot look like the right one. */
class Addresses {
  private count = 0;

  next(families: readonly ('4' | '6')[]): { a: string[]; aaaa: string[] } {
    const number = ++this.count;
    return {
      a: families.includes('4') ? [`10.0.${number >> 8}.${number & 0xff}`] : [],
      aaaa: families.includes('6') ? [`fd00::${number.toString(16)}`] : [],
    };
  }
}

function hostOf(plan: HostPlan, numbered: Addresses): Host {
  if (plan === 'text') return { txt: ['no addresses'] };
  return 'cname' in plan ? plan : numbered.next(plan);
}

function serviceOf(plan: ServicePlan, numbered: Addresses): Service {
  if ('alias' in plan) return { externalName: plan.alias };
  if ('endpoints' in plan) {
    const own = plan.endpoints.map((name) => [name, numbered.next(['4']).a[0] ?? ''] as const);
    return { endpoints: Object.fromEntries(own) };
  }
  const { a, aaaa } = numbered.next(plan);
  return { addresses: [...a, ...aaaa] };
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  map: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
