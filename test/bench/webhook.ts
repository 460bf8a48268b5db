import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { podFiles } from '../kubernetes/inject/pod-files.ts';
import { reviewOf, send } from '../kubernetes/webhook/api-server.ts';
import { startProcess } from '../kubernetes/webhook/start-process.ts';

/** What the goal names: p99 below 50 ms at this rate. */
const REVIEWS_PER_SECOND = 500;
const SECONDS = 10;
/** As many connections as a busy API server keeps. */
const CONNECTIONS = 32;
/** Just in time compilation is not what is measured. */
const WARM_UP_SECONDS = 2;

/**
 * Sends reviews of the pods of test/inject/pods to `sidestub webhook` at an even rate over kept HTTPS connections.
 *
 * A review counts from when it was due, so that a server that falls behind is seen to.
 *
 * @param args - Reviews a second, and seconds.
 */
export async function run([rate = '', span = '']: string[]): Promise<void> {
  const perSecond = Number(rate) || REVIEWS_PER_SECOND;
  const seconds = Number(span) || SECONDS;
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-bench-'));
  const { child, port, certificate } = await startProcess(folder);
  // Its log is nobody's here, and a full pipe would stop it.
  child.stdout?.resume();
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca: certificate.cert });
  try {
    const target = { port, ca: certificate.cert, agent };
    await load(target, perSecond, WARM_UP_SECONDS);
    const delays = await load(target, perSecond, seconds);
    const at = (share: number): string =>
      (delays[Math.min(delays.length - 1, Math.floor(delays.length * share))] ?? 0).toFixed(1);
    process.stdout.write(
      `${delays.length} reviews at ${perSecond}/s: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms\n`,
    );
  } finally {
    agent.destroy();
    child.kill('SIGKILL');
    await once(child, 'exit');
    rmSync(folder, { recursive: true });
  }
}

interface Target {
  readonly port: number;
  readonly ca: string;
  readonly agent: Agent;
}

/** Milliseconds from the due time to the whole answer, ascending. */
async function load(target: Target, perSecond: number, seconds: number): Promise<number[]> {
  const bodies = podFiles().map(({ pod }) => reviewOf(pod));
  const start = performance.now();
  const pending: Promise<number>[] = [];
  const one = async (due: number, body: string): Promise<number> => {
    const { status } = await send({ ...target, body });
    if (status !== 200) throw new Error(`review answered with ${status}`);
    return performance.now() - due;
  };
  while (pending.length < perSecond * seconds) {
    const due = start + (pending.length * 1_000) / perSecond;
    if (due > performance.now()) await new Promise((resolve) => setTimeout(resolve, 1));
    else pending.push(one(due, bodies[pending.length % bodies.length] ?? ''));
  }
  const delays = await Promise.all(pending);
  return delays.toSorted((a, b) => a - b);
}
