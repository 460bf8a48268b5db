import { isIPv4 } from 'node:net';
import type { Milliseconds } from '../../src/clock.ts';
import { addressOctets, addressText } from '../../src/wire/address.ts';
import type { ClusterShape } from './cluster-shapes.ts';
import type { Lab } from './lab.ts';
import type { ClientLookup } from './lab-client.ts';
import { CLUSTER_DNS } from './lab-network.ts';
import { type Outcome, outcomeOf, type RealClient } from './real-clients.ts';

/** What a client was told of a name. */
export interface Told {
  readonly outcome: Outcome;
  /** Sorted, each once. */
  readonly addresses: readonly string[];
  readonly ms: Milliseconds;
}

/** What one client made of one name of a shape. */
export interface Cell {
  readonly client: string;
  readonly name: string;
  /** Directly from the cluster when nothing is wrong in it: what it should get, but for {@link isRight}. */
  readonly healthy: Told;
  /** What glibc gets then. */
  readonly glibc: Told;
  /** Directly with what is wrong, where that was asked for; else as `healthy`. */
  readonly direct: Told;
  /** Through sidestub, with what is wrong. */
  readonly through: Told;
  readonly isRight: boolean;
}

/** How a shape is run. */
export interface RunOptions {
  /**
   * Who finds a daemon that has answered nobody: one client, before all the others come at once, or each, with a daemon of
   * its own (which takes longer).
   */
  readonly cold?: RealClient | 'each' | undefined;
  /** Looks up directly with the fault, too: takes as long as it takes, 5 s for many a name. */
  readonly alsoDirect?: boolean;
}

/** Looks every name of a shape up by every client: directly while nothing is wrong, and through sidestub with the fault. */
export async function runShape(
  lab: Lab,
  clients: readonly RealClient[],
  shape: ClusterShape,
  { cold, alsoDirect = false }: RunOptions = {},
): Promise<Cell[]> {
  const hasFault = Object.keys(shape.fault).length > 0;
  await lab.setWorld(shape.world);
  await lab.setFaults(shape.truth);
  const directly = () => lookUpAll(lab, clients, shape, CLUSTER_DNS);
  const healthily = directly();
  // Where nothing goes wrong on top, both may run at once: at SERVFAIL musl waits for 5 s either way (M4).
  if (hasFault) await healthily;
  const [healthy, through] = await Promise.all([
    healthily,
    cold === 'each' ? eachCold(lab, clients, shape) : oneCold(lab, clients, shape, cold),
  ]);
  const direct = hasFault && alsoDirect ? await directly() : healthy;
  return clients.flatMap(({ name: client, isMusl }) =>
    shape.names.map((name) => {
      const told = {
        healthy: served(shape, find(healthy, client, name)),
        glibc: served(shape, find(healthy, 'glibc', name)),
        through: find(through, client, name),
      };
      const isRight = judge(isMusl, shape, told);
      return { client, name, ...told, direct: find(direct, client, name), isRight };
    }),
  );
}

/** Where AAAA is broken, what has both families has IPv4 left: no client can know of more. */
function served({ fault }: ClusterShape, told: Told): Told {
  const ipv4 = told.addresses.filter((address) => isIPv4(address));
  return fault.aaaa !== undefined && ipv4.length > 0 ? { ...told, addresses: ipv4 } : told;
}

/**
 * A client gets what it gets directly from a healthy cluster. Where musl finds nothing there, because its search ends at
 * a name without addresses (M6), it may find what glibc finds (N7). Where a suffix fails and there is no address either way,
 * N7 may have made "try again" of "no data": docs/modes.md tells of it.
 */
function judge(
  isMusl: boolean,
  { truth }: ClusterShape,
  { healthy, glibc, through }: Pick<Cell, 'healthy' | 'glibc' | 'through'>,
): boolean {
  if (isSame(through, healthy)) return true;
  if (isMusl && healthy.outcome === 'not found' && isSame(through, glibc)) return true;
  const fails = truth.missing?.some(({ a }) => a === 'servfail') === true;
  return fails && healthy.outcome !== 'found' && through.outcome !== 'found';
}

/** Whether two answers are the same to the program that asked. */
export function isSame(one: Told, other: Told): boolean {
  return one.outcome === other.outcome && one.addresses.join() === other.addresses.join();
}

/** What was said, by client and name. */
type Said = ReadonlyMap<string, Told>;

function find(said: Said, client: string, name: string): Told {
  const told = said.get(`${client} ${name}`);
  if (told === undefined) throw new Error(`${client} said nothing of ${name}`);
  return told;
}

async function eachCold(
  lab: Lab,
  clients: readonly RealClient[],
  shape: ClusterShape,
): Promise<Said> {
  const all: [string, Told][] = [];
  for (const client of clients) all.push(...(await oneCold(lab, [client], shape)));
  return new Map(all);
}

/** @param cold - Goes first, alone. */
async function oneCold(
  lab: Lab,
  clients: readonly RealClient[],
  shape: ClusterShape,
  cold?: RealClient,
): Promise<Said> {
  const { truth, fault, sinceStart } = shape;
  await lab.setFaults({ ...truth, ...(sinceStart ? fault : {}) });
  const daemon = await lab.startDaemon({ list: shape.list });
  try {
    await daemon.untilReady();
    await daemon.untilVerdict();
    await lab.setFaults({ ...truth, ...fault });
    const first = clients.filter((client) => client === cold);
    const others = clients.filter((client) => client !== cold);
    const before = await lookUpAll(lab, first, shape, LOOPBACK);
    return new Map([...before, ...(await lookUpAll(lab, others, shape, LOOPBACK))]);
  } finally {
    await daemon.kill();
  }
}

const LOOPBACK = '127.0.0.1';

/** All clients at once. */
async function lookUpAll(
  lab: Lab,
  clients: readonly RealClient[],
  shape: ClusterShape,
  nameserver: string,
): Promise<Said> {
  const each = clients.map(async (client) => {
    const lookups = await lookUp(lab, client, shape, nameserver);
    return lookups.map((lookup) => [`${client.name} ${lookup.name}`, toldBy(lookup)] as const);
  });
  return new Map((await Promise.all(each)).flat());
}

async function lookUp(
  lab: Lab,
  { argv, isMusl }: RealClient,
  { list, names }: ClusterShape,
  nameserver: string,
): Promise<ClientLookup[]> {
  const options = { nameserver, list };
  if (!isMusl) return lab.lookupsBy(argv, names, options);
  // It waits 5 s at each SERVFAIL (M4): its processes cost nothing, so that it may wait for all names at once.
  const each = await Promise.all(names.map((name) => lab.lookupsBy(argv, [name], options)));
  return each.flat();
}

function toldBy(lookup: ClientLookup): Told {
  // In their one form: Java writes every group of an IPv6 address.
  const texts = new Set(lookup.addresses.map((text) => addressText(addressOctets(text))));
  return { outcome: outcomeOf(lookup), addresses: [...texts].sort(), ms: lookup.ms };
}
