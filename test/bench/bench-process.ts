import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../src/clock.ts';
import type { Endpoint } from '../../src/endpoint.ts';
import { RrType } from '../../src/wire/codes.ts';
import { queryOctets } from '../support/messages.ts';
import { productEnv } from '../support/product-env.ts';

/** A server that runs for a measurement. */
export interface BenchProcess {
  readonly pid: number;
  readonly endpoint: Endpoint;
  /** From the spawn to the first answer. */
  readonly startedIn: Milliseconds;
  /** CPU time so far in seconds, of all threads. */
  cpu(): number;
  /** Seconds so far in which it could have run and others had its core. */
  waited(): number;
  /** In MiB. */
  memory(): { rss: number; pss: number; anonymous: number };
  stop(): Promise<void>;
}

/** The server's core and that of whoever asks it. */
export const SERVER_CORE = '0';
export const CLIENT_CORE = '1';
/** The nice value that is ahead of all others. */
const FIRST = -20;
const START_BOUND: Milliseconds = 10_000;
const POLL: Milliseconds = 2;

/**
 * Starts a server and waits for its first answer.
 *
 * @param question - A name that it answers.
 * @param core - Where it runs: that of whoever is measured, unless it stands for the world outside.
 * @throws {Error} If it ends, or does not answer within the bound.
 */
export async function startProcess(
  argv: readonly string[],
  endpoint: Endpoint,
  question: string,
  core = SERVER_CORE,
): Promise<BenchProcess> {
  const began = performance.now();
  const child = spawnOn(core, argv, { stdio: ['ignore', 'ignore', 'pipe'], env: productEnv() });
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-2_000);
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`cannot start ${argv[0]}`);
  try {
    await firstAnswer(child, endpoint, question);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${argv[0]}: ${stderr}`, { cause: error });
  }
  const startedIn = performance.now() - began;
  return {
    pid,
    endpoint,
    startedIn,
    cpu: () => cpuOf(pid),
    waited: () => scheduled(pid, 1),
    memory: () => memoryOf(pid),
    stop: () => end(child),
  };
}

/**
 * Starts a program on one core, ahead of all else that the machine does where we may say so; it ends when we do.
 *
 * With sessions in scheduling groups of their own (sched_autogroup) a nice value counts among the processes of a session
 * only: it gets a session, and the session the value.
 */
export function spawnOn(
  core: string,
  argv: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const words = ['--pdeathsig', 'KILL', 'taskset', '-c', core, ...argv];
  const child = spawn('setpriv', words, { ...options, detached: true });
  try {
    setPriority(child.pid ?? 0, FIRST);
    writeFileSync(`/proc/${child.pid}/autogroup`, String(FIRST));
  } catch {
    // Not root, or no such groups: then others have their share, and the slices tell how much that was.
  }
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function firstAnswer(child: ChildProcess, endpoint: Endpoint, name: string): Promise<void> {
  const socket = createSocket(endpoint.address.includes(':') ? 'udp6' : 'udp4');
  // Refused as long as nobody listens.
  socket.on('error', () => undefined);
  const answered = once(socket, 'message').then(() => true);
  const deadline = performance.now() + START_BOUND;
  try {
    for (;;) {
      socket.send(queryOctets(name, RrType.A), endpoint.port, endpoint.address);
      if (await Promise.race([answered, wait(POLL, false)])) return;
      if (child.exitCode !== null) throw new Error(`it ended: ${child.exitCode}`);
      if (performance.now() > deadline) throw new Error('it does not answer');
    }
  } finally {
    socket.close();
  }
}

/** CPU time of a process so far in seconds, of all threads that it has now. */
export function cpuOf(pid: number): number {
  return scheduled(pid, 0);
}

/** The scheduler's own account, in nanoseconds: time on a core, time in wait for one. The ticks of `stat` are 10 ms. */
function scheduled(pid: number, field: 0 | 1): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
    const fields = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ');
    return sum + Number(fields[field]) / 1e9;
  }, 0);
}

/** In MiB. */
export function memoryOf(pid: number): { rss: number; pss: number; anonymous: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const of = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) / 1_024;
  return { rss: of('Rss'), pss: of('Pss'), anonymous: of('Anonymous') };
}
