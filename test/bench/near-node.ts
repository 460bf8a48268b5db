import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Milliseconds } from '../../src/clock.ts';
import { compileClients, type Libc, lookUp, resolvConf, writeEtc } from '../support/lab-client.ts';
import { startDaemon } from '../support/lab-daemon.ts';
import { CLUSTER_DNS, makeNetwork } from '../support/lab-network.ts';
import { type LabProcess, spawnIn, startWorker, type Worker } from '../support/lab-process.ts';
import { LAB_TOOLS, missingForLab } from '../support/lab-requirements.ts';
import { startPeer } from '../support/lab-resolver.ts';
import { compileProgram, V8_FLAGS } from './bench-servers.ts';

/** What a pod asks: the cluster's DNS itself, or a forwarder on its own loopback. */
export type Route =
  | 'directly'
  | 'dnsmasq'
  | 'unbound'
  | { readonly settings: object; readonly cli?: string | undefined };

/** What stands between a pod and the cluster's DNS. */
export interface Forwarder {
  /** Its process; `undefined` where there is none. */
  readonly pid: number | undefined;
  /** Waits until sidestub knows whether the cluster zone may be believed (N2); others know nothing of it. */
  untilVerdict(): Promise<void>;
  stop(): Promise<unknown>;
}

/** A job's pod whose cluster DNS is so far away. */
export interface NearNode {
  /** Its network namespace. */
  readonly pod: string;
  /** Starts what the pod asks, and waits until it is ready. */
  start(route: Route): Promise<Forwarder>;
  /** Looks the names up one after the other, in one process. */
  lookUp(libc: Libc, route: Route, names: readonly string[]): Promise<Milliseconds[]>;
  /** How many questions the cluster's DNS has been asked. */
  asked(): Promise<number>;
  close(): Promise<void>;
}

/** @throws {Error} Where this machine cannot have one; it says what is missing. */
export function requireNearNode(): void {
  const missing = missingForLab([...LAB_TOOLS, 'dnsmasq', 'unbound']);
  if (missing !== undefined) throw new Error(missing);
  process.env['SIDESTUB_CLI'] ??= join(import.meta.dirname, '../../dist/cli.js');
}

/** Starts the cluster's DNS, a program in C in two namespaces behind a Service's DNAT, and makes the pod. */
export async function startNearNode(rtt: Milliseconds): Promise<NearNode> {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-near-'));
  const network = makeNetwork();
  const servers: Near[] = [];
  let probe: Worker | undefined;
  const close = async () => {
    for (const server of servers) await server.stop();
    await probe?.stop();
    network.destroy();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const clients = compileClients(folder);
    const etc = { directly: join(folder, 'direct'), through: join(folder, 'stub') };
    for (const path of Object.values(etc)) mkdirSync(path);
    writeEtc(etc.directly, resolvConf([CLUSTER_DNS]));
    writeEtc(etc.through, resolvConf(['127.0.0.1']));
    const program = compileProgram(folder, 'near');
    for (const { namespace, address } of network.dns) {
      servers.push(await startNear(namespace, [program, address, String(rtt * 1_000)]));
    }
    const ownProbe = await startWorker(
      network.pod,
      join(import.meta.dirname, '../support/lab-probe.ts'),
      {},
    );
    probe = ownProbe;
    return {
      pod: network.pod,
      start: (route) => startRoute(network.pod, folder, ownProbe, route),
      lookUp: async (libc, route, names) => {
        const files = route === 'directly' ? etc.directly : etc.through;
        return (await lookUp(network.pod, files, [clients[libc]], names)).map(({ ms }) => ms);
      },
      asked: async () => {
        const counts = await Promise.all(servers.map((server) => server.asked()));
        return counts.reduce((sum, count) => sum + count, 0);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startRoute(
  pod: string,
  folder: string,
  probe: Worker,
  route: Route,
): Promise<Forwarder> {
  const untilVerdict = async () => {};
  if (route === 'directly') return { pid: undefined, untilVerdict, stop: async () => {} };
  if (typeof route === 'string') {
    const peer = await startPeer(pod, folder, route);
    return { pid: peer.pid, untilVerdict, stop: () => stopped(peer) };
  }
  const daemon = startDaemon(pod, folder, probe, { ...route, nodeFlags: V8_FLAGS });
  await daemon.untilReady();
  return { pid: daemon.pid, untilVerdict: daemon.untilVerdict, stop: daemon.kill };
}

async function stopped(child: LabProcess): Promise<void> {
  child.kill('SIGKILL');
  await child.exited;
}

/** The cluster's DNS in one pod. */
interface Near {
  asked(): Promise<number>;
  stop(): Promise<void>;
}

async function startNear(namespace: string, argv: readonly string[]): Promise<Near> {
  let next = Promise.withResolvers<string>();
  const child = spawnIn(namespace, argv, (line) => next.resolve(line));
  void child.exited.then(({ stderr }) => next.reject(new Error(`near ended: ${stderr}`)));
  await next.promise;
  return {
    asked: async () => {
      next = Promise.withResolvers();
      child.writeLine('');
      return Number(await next.promise);
    },
    stop: () => stopped(child),
  };
}
