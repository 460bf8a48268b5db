import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../../src/clock.ts';
import { type Daemon, startDaemon } from '../../support/lab-daemon.ts';
import { CLUSTER_DNS, makeNetwork, serviceRules } from '../../support/lab-network.ts';
import { startWorker, type Worker } from '../../support/lab-process.ts';
import { startPeer } from '../../support/lab-resolver.ts';
import type { Contestant } from './contestant.ts';
import type { DnsPodCommand, DnsPodsConfig } from './dns-pods.ts';
import type { PodClientsConfig, PodLookup } from './pod-clients.ts';

/** What is left of a pod: its kernel, which refuses, or nothing at its address. */
export type Gone = 'refusing' | 'silent';

/** How long the steps of a rollout take. */
export interface RolloutPace {
  /** From an event until kube-proxy has written it into its rules. */
  readonly proxy: Milliseconds;
  /** How long a pod that is told to end goes on answering: CoreDNS' `lameduck`. */
  readonly lameduck: Milliseconds;
}

/** Two that serve, and two to come: a pod that replaces another is not at the address of the one just gone. */
const PODS = ['10.244.2.11', '10.244.2.12', '10.244.2.13', '10.244.2.14'];
const SERVING = 2;
/** To a DNS pod of the same cluster. */
const ROUND_TRIP: Milliseconds = 1;
/** As long as CoreDNS' in the cluster zone: known names are asked again during a rollout. */
const TTL = 5;

/** Cluster DNS as a service with two pods behind kube-proxy's rules, and a job's pod with a contestant in it. */
export interface DnsService {
  /** A new pod is ready first; then the old one leaves the endpoints, answers for its lame duck, and goes. */
  replace(gone: Gone): Promise<void>;
  /** The old pod goes while it is an endpoint, for as long as kube-proxy needs to hear of it. */
  lose(gone: Gone): Promise<void>;
}

/**
 * Runs `story` while programs of the job's pod look names up, so many a second.
 *
 * @returns What became of their lookups.
 */
export async function underLoad(
  { contestant, rate, pace }: { contestant: Contestant; rate: number; pace: RolloutPace },
  story: (service: DnsService) => Promise<void>,
): Promise<readonly PodLookup[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-rollout-'));
  const ends: (() => Promise<void> | void)[] = [
    () => rmSync(folder, { recursive: true, force: true }),
  ];
  const worker = async (namespace: string, script: string, config: object): Promise<Worker> => {
    const started = await startWorker(namespace, join(import.meta.dirname, script), config);
    ends.push(() => started.stop());
    return started;
  };
  try {
    const network = makeNetwork();
    ends.push(network.destroy);
    const namespace = network.dns[0]?.namespace ?? '';
    network.addAddresses(namespace, PODS);
    const config: DnsPodsConfig = {
      endpoints: PODS.map((address) => ({ address, port: 53 })),
      running: SERVING,
      weather: { delay: ROUND_TRIP, ttl: TTL },
    };
    const pods = await worker(namespace, 'dns-pods.ts', config);
    const service = new RollingService(network.onNode, pods, pace);
    const server = await startContestant(contestant, network.pod, { folder, worker, ends });
    const load: PodClientsConfig = { server: { address: server, port: 53 }, rate };
    const clients = await worker(network.pod, 'pod-clients.ts', load);
    await clients.call({});
    await wait(pace.proxy);
    await story(service);
    await wait(pace.proxy);
    const { lookups } = (await clients.call({})) as { lookups: readonly PodLookup[] };
    return lookups;
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

/** @returns Whom the programs ask. */
async function startContestant(
  contestant: Contestant,
  pod: string,
  {
    folder,
    worker,
    ends,
  }: {
    folder: string;
    worker: (namespace: string, script: string, config: object) => Promise<Worker>;
    ends: (() => Promise<void> | void)[];
  },
): Promise<string> {
  if (contestant === 'directly') return CLUSTER_DNS;
  if (contestant === 'sidestub') {
    const probe = await worker(pod, '../../support/lab-probe.ts', {});
    const settings = { search: { suffixes: [] }, rehearsal: false };
    const daemon: Daemon = startDaemon(pod, folder, probe, { settings });
    ends.push(() => daemon.kill());
    await daemon.untilReady();
  } else {
    const peer = await startPeer(pod, folder, contestant);
    ends.push(async () => {
      peer.kill('SIGKILL');
      await peer.exited;
    });
  }
  return '127.0.0.1';
}

class RollingService implements DnsService {
  private readonly onNode: (script: string) => string;
  private readonly pods: Worker;
  private readonly pace: RolloutPace;
  /** Numbers of the pods that kube-proxy knows, oldest first; and of those that have gone, or have not been. */
  private endpoints: readonly number[] = [];
  private readonly spare: number[] = PODS.map((_, pod) => pod);
  /** Whose address leads nowhere. */
  private readonly cut = new Set<number>();

  constructor(onNode: (script: string) => string, pods: Worker, pace: RolloutPace) {
    this.onNode = onNode;
    this.pods = pods;
    this.pace = pace;
    this.route(this.spare.splice(0, SERVING));
  }

  async replace(gone: Gone): Promise<void> {
    const { proxy, lameduck } = this.pace;
    const [old = 0, ...others] = this.endpoints;
    const next = await this.startNext();
    this.route([old, ...others, next]);
    await wait(proxy);
    this.route([...others, next]);
    await wait(lameduck);
    await this.end(old, gone);
    await wait(proxy);
    this.forget(old);
  }

  async lose(gone: Gone): Promise<void> {
    const { proxy } = this.pace;
    const [old = 0, ...others] = this.endpoints;
    await this.end(old, gone);
    await wait(proxy);
    this.route(others);
    this.forget(old);
    await wait(proxy);
    this.route([...others, await this.startNext()]);
    await wait(proxy);
  }

  private route(endpoints: readonly number[]): void {
    this.endpoints = endpoints;
    this.onNode(serviceRules(endpoints.map(addressOf)));
  }

  private async startNext(): Promise<number> {
    const next = this.spare.shift() ?? 0;
    await this.tell({ pod: next, runs: true });
    if (this.cut.delete(next)) this.onNode(dropRules(next, '-D'));
    return next;
  }

  private async end(pod: number, gone: Gone): Promise<void> {
    if (gone === 'silent') {
      // First: a process that ends closes its connections, which nobody is to hear of.
      this.onNode(dropRules(pod, '-A'));
      this.cut.add(pod);
    }
    await this.tell({ pod, runs: false });
    this.spare.push(pod);
  }

  /** As kube-proxy does for an endpoint that serves no more: sockets that had it draw another one. */
  private forget(pod: number): void {
    // It prints each entry, of which there are thousands, and fails where there is none.
    this.onNode(
      `conntrack -D -p udp -d ${CLUSTER_DNS} -r ${addressOf(pod)} >/dev/null 2>&1 || true`,
    );
  }

  private async tell(command: DnsPodCommand): Promise<void> {
    await this.pods.call(command);
  }
}

function addressOf(pod: number): string {
  return PODS[pod] ?? '';
}

function dropRules(pod: number, change: '-A' | '-D'): string {
  return ['-d', '-s']
    .map((way) => `iptables -w ${change} FORWARD ${way} ${addressOf(pod)} -j DROP`)
    .join('\n');
}
