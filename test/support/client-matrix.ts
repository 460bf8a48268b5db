import { isIPv4 } from 'node:net';
import type { Milliseconds } from '../../src/clock.ts';
import { addressOctets, addressText } from '../../src/wire/address.ts';
import type { ClusterShape } from './cluster-shapes.ts';
import type { Lab, Through } from './lab.ts';
import type { ClientLookup } from './lab-client.ts';
import type { RealClient } from './real-clients.ts';

/** What one client made of one name of a shape. */
export interface Cell {
  readonly client: string;
  readonly name: string;
  /** What it gets directly from the cluster when nothing is wrong in it, sorted. */
  readonly healthy: readonly string[];
  /** What glibc gets then. */
  readonly glibc: readonly string[];
  /** What it gets through sidestub, with what is wrong. */
  readonly through: readonly string[];
  /** Whether `through` is what it should be: see {@link isRight}. */
  readonly right: boolean;
}

/**
 * Looks every name of a shape up by every client: directly while nothing is wrong, and through sidestub with the fault.
 */
export async function runShape(
  lab: Lab,
  clients: readonly RealClient[],
  shape: ClusterShape,
): Promise<{ readonly cells: Cell[]; readonly through: Found }> {
  await lab.setWorld(shape.random.world);
  await lab.setFaults(shape.truth);
  await lab.setPublicFaults(shape.truth);
  const direct = lookUpAll(lab, clients, shape, 'direct');
  // Where nothing goes wrong on top, both may run at once: at SERVFAIL musl waits for 5 s either way.
  if (Object.keys(shape.fault).length > 0) {
    await direct;
    await lab.setFaults({ ...shape.truth, ...shape.fault });
  }
  const daemon = await lab.startDaemon({ settings: daemonSettings(shape) });
  try {
    await daemon.untilReady();
    await daemon.untilVerdict();
    const through = await lookUpAll(lab, clients, shape, 'stub');
    const healthy = await direct;
    const cells = clients.flatMap((client) =>
      shape.names.map((name) => {
        const found = {
          healthy: served(shape, healthy.addresses(client.name, name)),
          glibc: served(shape, healthy.addresses('glibc', name)),
          through: through.addresses(client.name, name),
        };
        return { client: client.name, name, ...found, right: isRight(client, found) };
      }),
    );
    return { cells, through };
  } finally {
    await daemon.kill();
  }
}

/** Where AAAA is denied, what has both families has IPv4 left: no client can know of more. */
function served({ fault }: ClusterShape, addresses: readonly string[]): readonly string[] {
  const ipv4 = addresses.filter((address) => isIPv4(address));
  return fault.aaaa === 'nxdomain' && ipv4.length > 0 ? ipv4 : addresses;
}

/** The search list of the shape's pods; ndots is the client's own matter. */
export function daemonSettings({ list }: ClusterShape, more: object = {}): object {
  return { search: { suffixes: list.search, ...more } };
}

/**
 * A client gets what it gets directly from a healthy cluster. Where musl finds nothing there, because its search ends at
 * a name without addresses (M6), it may find what glibc finds (N7).
 */
function isRight(
  { isMusl }: RealClient,
  { healthy, glibc, through }: Pick<Cell, 'healthy' | 'glibc' | 'through'>,
): boolean {
  const same = (other: readonly string[]) => through.join() === other.join();
  return same(healthy) || (isMusl && healthy.length === 0 && same(glibc));
}

/** What clients found, by their names. */
export interface Found {
  /** Sorted; none where it found none. */
  addresses(client: string, name: string): readonly string[];
  /** The longest of its lookups. */
  slowest(client: string): Milliseconds;
}

/** Each client in processes of its own, all at once. */
export async function lookUpAll(
  lab: Lab,
  clients: readonly RealClient[],
  { list, names }: ClusterShape,
  through: Through,
): Promise<Found> {
  const found = new Map<string, readonly string[]>();
  const times = new Map<string, Milliseconds>();
  const one = async (client: RealClient, some: readonly string[]) => {
    for (const lookup of await lab.lookupsBy(client.argv, some, { through, list })) {
      found.set(`${client.name} ${lookup.name}`, addressesOf(lookup));
      times.set(client.name, Math.max(times.get(client.name) ?? 0, lookup.ms));
    }
  };
  await Promise.all(
    clients.map((client) =>
      // musl waits 5 s at each SERVFAIL (M4): its processes cost nothing, so that it may wait for all names at once.
      client.isMusl ? Promise.all(names.map((name) => one(client, [name]))) : one(client, names),
    ),
  );
  return {
    addresses: (client, name) => found.get(`${client} ${name}`) ?? [],
    slowest: (client) => times.get(client) ?? 0,
  };
}

/** In their one form: Java writes every group of an IPv6 address. */
function addressesOf({ addresses }: ClientLookup): string[] {
  return Array.from(new Set(addresses), (text) => addressText(addressOctets(text))).sort();
}
