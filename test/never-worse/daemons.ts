import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../src/clock.ts';
import { resolvConf } from '../support/lab-client.ts';
import { type LabProcess, spawnIn } from '../support/lab-process.ts';
import type { Slot } from './slots.ts';

/** What a pod's clients ask: sidestub, and the node daemon that it may have in front. */
export interface Daemons {
  end(): Promise<void>;
}

/** Which daemons run, and over what. */
export interface DaemonsOptions {
  /** `dist/cli.js`, or another sidestub's. */
  readonly cli: string;
  /** For their files. */
  readonly folder: string;
  /** What the pod would ask itself. */
  readonly nameservers: readonly string[];
  readonly list: Parameters<typeof resolvConf>[1];
  readonly nodeDaemon: boolean;
}

/** Another address of the pod's loopback stands for the node's. */
const NODE = '127.0.0.2';
/** As kubelet gives it to the node daemon's own pod. */
const NODE_LIST = {
  search: ['kube-system.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
  ndots: 5,
};
/** Node's start on a machine that others use. */
const START_BOUND: Milliseconds = 30_000;
/** An upstream that fails the test of the zone may never get a verdict. */
const VERDICT_BOUND: Milliseconds = 500;

/** Starts what listens on 127.0.0.1 of the pod, and is ready to be asked. */
export async function startDaemons(slot: Slot, options: DaemonsOptions): Promise<Daemons> {
  const { nameservers, list, nodeDaemon } = options;
  const started: Daemon[] = [];
  const end = async () => {
    for (const { child } of started) child.kill('SIGKILL');
    await Promise.all(started.map(({ child }) => child.exited));
  };
  const start = async (address: string, servers: readonly string[], search: typeof list) => {
    const daemon = spawnDaemon(slot, address, resolvConf(servers, search), options);
    started.push(daemon);
    await daemon.listening;
    if (nodeDaemon) await Promise.race([daemon.verdict, wait(VERDICT_BOUND)]);
  };
  try {
    if (nodeDaemon) await start(NODE, nameservers, NODE_LIST);
    await start('127.0.0.1', nodeDaemon ? [NODE, ...nameservers] : nameservers, list);
  } catch (error) {
    await end();
    throw error;
  }
  return { end };
}

interface Daemon {
  readonly child: LabProcess;
  readonly listening: Promise<void>;
  /** Whether the cluster's zone conforms is known (N2). */
  readonly verdict: Promise<void>;
}

function spawnDaemon(
  slot: Slot,
  address: string,
  resolv: string,
  { cli, folder }: DaemonsOptions,
): Daemon {
  const config = join(folder, `sidestub-${address}.yaml`);
  const resolvPath = join(folder, `resolv-${address}.conf`);
  writeFileSync(config, 'log: { format: json }');
  writeFileSync(resolvPath, resolv);
  const up = Promise.withResolvers<void>();
  const sure = Promise.withResolvers<void>();
  const listen = ['--listen', `${address}:53`, '--metrics', `${address}:9553`];
  const flags = [...listen, '--config', config, '--resolv-conf', resolvPath];
  const child = spawnIn(slot.namespace, [process.execPath, cli, 'run', ...flags], (line) => {
    if (line.includes('"listening"')) up.resolve();
    if (line.includes('"conformance"')) sure.resolve();
  });
  void child.exited.then(({ stderr }) => up.reject(new Error(`sidestub ended: ${stderr}`)));
  // Before anybody waits for it.
  up.promise.catch(() => undefined);
  const late = wait(START_BOUND, undefined, { ref: false }).then(() => {
    throw new Error(`sidestub does not listen after ${START_BOUND} ms`);
  });
  return { child, listening: Promise.race([up.promise, late]), verdict: sure.promise };
}
