import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Milliseconds } from '../../src/clock.ts';
import type { Asked } from '../../src/demo/cluster.ts';
import { type World, worldOf } from '../../src/demo/cluster-world.ts';
import {
  type ClientList,
  type ClientLookup,
  compileClients,
  type Libc,
  type Lookup,
  lookUp,
  resolvConf,
  writeEtc,
} from './lab-client.ts';
import { type Daemon, type DaemonOptions, startDaemon } from './lab-daemon.ts';
import { atEnd } from './lab-end.ts';
import type { LabFaults } from './lab-faults.ts';
import {
  CLUSTER_DNS,
  type LabNetwork,
  makeNetwork,
  PUBLIC_DNS,
  serviceRules,
} from './lab-network.ts';
import { startWorker, type Worker } from './lab-process.ts';
import { startPeer } from './lab-resolver.ts';
import type { Peer } from './peer-command.ts';

/** A node with a job pod and two DNS pods, real libcs, a scripted cluster. */
export interface Lab {
  readonly network: LabNetwork;
  /** Replaces all faults of the cluster DNS; `{}` heals it. */
  setFaults(faults: LabFaults): Promise<void>;
  /** The same for the public server. */
  setPublicFaults(faults: LabFaults): Promise<void>;
  /** One getaddrinfo in a process of its own. */
  lookup(libc: Libc, name: string, options: { through: Through }): Promise<Lookup>;
  /** Several, one after the other, in one process. */
  lookups(
    libc: Libc,
    names: readonly string[],
    options: { through: Through; pause?: Milliseconds },
  ): Promise<Lookup[]>;
  /** The same with any program, which reads the resolv.conf that `list` makes. */
  lookupsBy(
    client: readonly string[],
    names: readonly string[],
    options: { nameserver: string; list: ClientList },
  ): Promise<ClientLookup[]>;
  /** Another cluster, and another world outside; nothing is wrong in it. */
  setWorld(world: World): Promise<void>;
  /** The same cluster, in which something was made or deleted while it runs. */
  changeWorld(world: World): Promise<void>;
  /** What the DNS pods were asked since the last {@link forget}, merged by time. */
  asked(): Promise<Asked[]>;
  /** Starts a new page of the log. */
  forget(): Promise<void>;
  /** What the public server was asked since then. */
  askedPublic(): Promise<Asked[]>;
  /** The next datagrams to cluster DNS are lost on the node, whichever DNS pod they were for. */
  loseNext(datagrams: number): void;
  /** How many of them have been lost. */
  lost(): number;
  conntrack(): Conntrack;
  /** The node forgets every connection, as after a restart. */
  flushConntrack(): void;
  /** Takes the first DNS pod away without a word, or brings it back; the service knows at once, kept connections do not. */
  setBackends(count: 1 | 2): void;
  startDaemon(options?: DaemonOptions): Promise<Daemon>;
  /** Starts another resolver where sidestub would be. */
  startPeer(peer: Peer): Promise<{ stop(): Promise<void> }>;
  close(): Promise<void>;
}

/**
 * `stub`: whatever listens on 127.0.0.1 in the pod. `direct`: cluster DNS. `both-servers`: cluster DNS and the public
 * server, as two nameservers.
 */
export type Through = 'stub' | 'direct' | 'both-servers';

const NAMESERVERS: Readonly<Record<Through, readonly string[]>> = {
  stub: ['127.0.0.1'],
  direct: [CLUSTER_DNS],
  'both-servers': [CLUSTER_DNS, PUBLIC_DNS],
};

/** Counters of the node, summed over its processors: what the race leaves behind. */
export interface Conntrack {
  readonly insertFailed: number;
  readonly clashResolve: number;
  readonly drop: number;
}

/**
 * Builds a lab. Its namespaces, processes and files are its own, and gone after `close`.
 *
 * @param world - What the cluster DNS knows; the public server knows the same without the cluster and its suffixes.
 */
export async function startLab(world: World): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-lab-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  const stops: (() => Promise<void> | void)[] = [removeFolder, atEnd(removeFolder)];
  const close = async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  };
  try {
    const network = makeNetwork();
    stops.push(network.destroy);
    const etc = writeAllEtc(folder);
    const clients = compileClients(folder);
    const cluster = new Servers();
    const outside = new Servers();
    stops.push(
      () => cluster.stop(),
      () => outside.stop(),
    );
    await Promise.all([
      ...network.dns.map(({ namespace, address }) => cluster.start(namespace, address, world)),
      outside.start(network.outside, PUBLIC_DNS, publicWorld(world)),
    ]);
    let probing: Promise<Worker> | undefined;
    const probe = () => {
      probing ??= startWorker(network.pod, join(import.meta.dirname, 'lab-probe.ts'), {});
      return probing;
    };
    stops.push(async () => (await probing)?.stop());
    const lookups: Lab['lookups'] = (libc, names, { through, pause }) => {
      const between = pause === undefined ? [] : ['env', `LOOKUP_PAUSE_MS=${pause}`];
      return lookUp(network.pod, etc[through], [...between, clients[libc]], names);
    };
    return {
      network,
      lookups,
      lookupsBy: (client, names, { nameserver, list }) =>
        lookUp(network.pod, etcFor(folder, nameserver, list), client, names),
      setWorld: async (next) => {
        await Promise.all([cluster.setWorld(next), outside.setWorld(publicWorld(next))]);
      },
      changeWorld: (next) => cluster.changeWorld(next),
      setFaults: (faults) => cluster.setFaults(faults),
      setPublicFaults: (faults) => outside.setFaults(faults),
      lookup: async (libc, name, options) => {
        const [lookup] = await lookups(libc, [name], options);
        if (lookup === undefined) throw new Error(`no lookup of ${name}`);
        return lookup;
      },
      asked: () => cluster.log(),
      askedPublic: () => outside.log(),
      forget: async () => {
        await Promise.all([cluster.forget(), outside.forget()]);
      },
      loseNext: (datagrams) => loseNext(network, datagrams),
      lost: () => countLost(network),
      conntrack: () => readConntrack(network),
      flushConntrack: () => void network.onNode('conntrack -F'),
      setBackends: (count) => setBackends(network, count),
      startDaemon: async (options = {}) => {
        const daemon = startDaemon(network.pod, folder, await probe(), options);
        stops.push(() => daemon.kill());
        return daemon;
      },
      startPeer: async (peer) => {
        const child = await startPeer(network.pod, folder, peer);
        const stop = async () => {
          child.kill('SIGKILL');
          await child.exited;
        };
        stops.push(stop);
        return { stop };
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The folder for a client with this list; made at its first use. */
function etcFor(folder: string, nameserver: string, list: ClientList): string {
  const etc = join(folder, `${nameserver}-${list.ndots}-${list.search.join('-')}`);
  if (existsSync(etc)) return etc;
  mkdirSync(etc);
  writeEtc(etc, resolvConf([nameserver], list));
  return etc;
}

function writeAllEtc(folder: string): Readonly<Record<Through, string>> {
  const write = (through: Through) => {
    const etc = join(folder, through);
    mkdirSync(etc);
    writeEtc(etc, resolvConf(NAMESERVERS[through]));
    return etc;
  };
  return { stub: write('stub'), direct: write('direct'), 'both-servers': write('both-servers') };
}

function publicWorld({ hosts }: World): World {
  const known = Object.entries(hosts).filter(([name]) => !name.endsWith('.corp.example.'));
  const { zone: _, ...rest } = worldOf({ hosts: Object.fromEntries(known) });
  return { ...rest, namespaces: {} };
}

/** DNS pods that share a world, and their common log. */
class Servers {
  private readonly workers: Worker[] = [];
  private asked: Asked[] = [];

  async start(namespace: string, address: string, world: World): Promise<void> {
    const script = join(import.meta.dirname, 'lab-server.ts');
    const config = { endpoints: [{ address, port: 53 }], world, seed: this.workers.length + 1 };
    const worker = await startWorker(namespace, script, config, (event) => {
      if ('asked' in event) this.asked.push(event.asked as Asked);
    });
    this.workers.push(worker);
  }

  async setFaults(faults: LabFaults): Promise<void> {
    await this.call({ faults });
  }

  async setWorld(world: World): Promise<void> {
    await this.call({ world });
  }

  async changeWorld(changed: World): Promise<void> {
    await this.call({ changed });
  }

  async log(): Promise<Asked[]> {
    await this.call({});
    return this.asked.toSorted((a, b) => a.at - b.at);
  }

  async forget(): Promise<void> {
    await this.call({});
    this.asked = [];
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()));
  }

  private async call(command: object): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.call(command)));
  }
}

/** A bucket that holds as many packets and is filled once a day: iptables has no plainer way to count to four. */
function loseNext(network: LabNetwork, datagrams: number): void {
  const bucket = `-m limit --limit 1/day --limit-burst ${datagrams}`;
  network.onNode('iptables -w -F FORWARD');
  if (datagrams > 0) {
    network.onNode(`iptables -w -A FORWARD -i pod1 -p udp --dport 53 ${bucket} -j DROP`);
  }
}

function setBackends(network: LabNetwork, count: 1 | 2): void {
  const [gone] = network.dns;
  const unreachable = ['-d', '-s'].map(
    (way) => `iptables -w -A FORWARD ${way} ${gone?.address} -j DROP`,
  );
  const addresses = network.dns.slice(2 - count).map(({ address }) => address);
  const drop = count === 1 ? unreachable : [];
  network.onNode(['iptables -w -F FORWARD', ...drop, serviceRules(addresses)].join('\n'));
}

function countLost(network: LabNetwork): number {
  // `-c`: each rule after its packet and octet counters.
  const [, packets = '0'] =
    /\[(\d+):\d+\].*-j DROP/.exec(network.onNode('iptables-save -c -t filter')) ?? [];
  return Number(packets);
}

function readConntrack(network: LabNetwork): Conntrack {
  const text = network.onNode('conntrack -S');
  const sum = (counter: string) =>
    [...text.matchAll(new RegExp(`\\b${counter}=(\\d+)`, 'g'))].reduce(
      (total, [, digits]) => total + Number(digits),
      0,
    );
  return {
    insertFailed: sum('insert_failed'),
    clashResolve: sum('clash_resolve'),
    drop: sum('drop'),
  };
}
