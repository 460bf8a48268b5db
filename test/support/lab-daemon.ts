import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../src/clock.ts';
import { type ClientList, resolvConf } from './lab-client.ts';
import { CLUSTER_DNS } from './lab-network.ts';
import { type Exit, spawnIn, type Worker } from './lab-process.ts';

/** How the daemon is started. */
export interface DaemonOptions {
  /** The nameservers of its resolv.conf; default cluster DNS alone. */
  readonly nameservers?: readonly string[];
  /** The rest of it; default a job's. */
  readonly list?: ClientList;
  /** Its resolv.conf, where the test writes that itself. */
  readonly resolvConf?: string;
  /** Of the pod, where it listens: 127.0.0.1, or another of the loopback for one daemon more. */
  readonly address?: string;
  /** The program, where another version is meant. */
  readonly cli?: string | undefined;
  /** What Node is told before the program. */
  readonly nodeFlags?: readonly string[];
  /** Settings as the configuration file has them, on top of those that the lab needs. */
  readonly settings?: object;
}

/** One line of the daemon's log. */
export type LogEvent = Readonly<Record<string, unknown>>;

/** sidestub in the job's pod. */
export interface Daemon {
  readonly pid: number;
  /** Each line so far, in order. */
  readonly log: readonly LogEvent[];
  /** Waits until its status server answers, whatever it says. @throws {Error} As {@link untilReady}. */
  untilListening(): Promise<void>;
  /** Whether it says at this moment that it is ready. */
  isReady(): Promise<boolean>;
  /** @throws {Error} If it ends, or is not ready within the bound. */
  untilReady(): Promise<void>;
  /** Waits until it knows whether the cluster zone may be believed (N2). @throws {Error} As {@link untilReady}. */
  untilVerdict(): Promise<void>;
  /** What Prometheus would scrape. */
  metrics(): Promise<string>;
  /** Asks it to end, as kubelet does. */
  stop(): Promise<Exit>;
  kill(): Promise<void>;
}

const DEFAULT_ADDRESS = '127.0.0.1';
const STATUS_PORT = 9553;
/** Node's start on a machine that others use, and a cluster that is silent at first. */
const BOUND: Milliseconds = 20_000;
/** The verdict as a metric: one state is 1. */
const VERDICT = /^sidestub_zone_conformance\{[^}]*state="(?:non)?conforming"[^}]*\} 1$/m;
/** Polls this often: short against what is measured after it. */
const POLL: Milliseconds = 10;

/**
 * Starts `sidestub run` on port 53 of a pod's loopback, as its process: from source, or what `SIDESTUB_CLI` names.
 *
 * @param folder - For its configuration; the lab's own.
 * @param probe - `lab-probe.ts` in that pod.
 */
export function startDaemon(
  pod: string,
  folder: string,
  probe: Worker,
  options: DaemonOptions,
): Daemon {
  const { address = DEFAULT_ADDRESS, cli = cliPath(), nodeFlags = [] } = options;
  const get = (path: string) => fetchFrom(probe, `http://${address}:${STATUS_PORT}${path}`);
  const log: LogEvent[] = [];
  const argv = [
    process.execPath,
    ...nodeFlags,
    cli,
    'run',
    ...writeFiles(folder, address, options),
  ];
  const daemon = spawnIn(pod, argv, (line) => log.push(readEvent(line)));
  let ended: Exit | undefined;
  void daemon.exited.then((exit) => {
    ended = exit;
  });
  const isReady = async () => (await get('/ready')).status === 200;
  const isListening = async () => (await get('/ready')).status !== 0;
  const metrics = async () => (await get('/metrics')).body;
  const hasVerdict = async () => VERDICT.test(await metrics());
  const until = async (what: string, holds: () => Promise<boolean>) => {
    const deadline = performance.now() + BOUND;
    while (!(await holds())) {
      if (ended !== undefined) throw new Error(`sidestub ended: ${ended.stderr}`);
      if (performance.now() > deadline) throw new Error(`not ${what} in ${BOUND} ms`);
      await wait(POLL);
    }
  };
  const end = async (signal: NodeJS.Signals) => {
    daemon.kill(signal);
    return daemon.exited;
  };
  return {
    pid: daemon.pid,
    log,
    isReady,
    untilListening: () => until('listening', isListening),
    untilReady: () => until('ready', isReady),
    untilVerdict: () => until('sure of its zone', hasVerdict),
    metrics,
    stop: () => end('SIGTERM'),
    kill: async () => {
      await end('SIGKILL');
    },
  };
}

function cliPath(): string {
  const { SIDESTUB_CLI: cli = join(import.meta.dirname, '../../src/cli.ts') } = process.env;
  return cli;
}

function writeFiles(
  folder: string,
  address: string,
  { nameservers = [CLUSTER_DNS], list, resolvConf: own, settings = {} }: DaemonOptions,
): string[] {
  const config = join(folder, `sidestub-${address}.yaml`);
  const resolv = own ?? join(folder, `upstream-resolv-${address}.conf`);
  const base = {
    listen: { addresses: [`${address}:53`] },
    status: { address: `${address}:${STATUS_PORT}` },
    log: { format: 'json' },
  };
  // JSON is YAML.
  writeFileSync(config, JSON.stringify({ ...base, ...settings }));
  if (own === undefined) writeFileSync(resolv, resolvConf(nameservers, list));
  return ['--config', config, '--resolv-conf', resolv];
}

/** A line that is no JSON is a defect of the log, and shows as one. */
function readEvent(line: string): LogEvent {
  try {
    return JSON.parse(line);
  } catch {
    return { unreadable: line };
  }
}

async function fetchFrom(probe: Worker, url: string): Promise<{ status: number; body: string }> {
  const answer = await probe.call({ url });
  return answer as { status: number; body: string };
}
