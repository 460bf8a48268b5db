import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Check } from '../check.ts';
import { type Cluster, podObject } from '../cluster.ts';
import { injectedPod } from '../injected.ts';
import { first } from '../priority.ts';

const ROUNDS = 10;
/** What a job may lose by having a sidecar, on a machine that has nothing else to do. */
const GOAL_MS = 300;

export const start: Check = {
  name: 'start',
  shows:
    "how much later a job's first line comes than without sidestub (medians of 10; the goal is 300 ms)",
  run: async (cluster, findings) => {
    const namespace = await cluster.namespace('start');
    const without: number[] = [];
    const withSidecar: number[] = [];
    await first(async () => {
      for (let round = 0; round < ROUNDS; round++) {
        // In turn, so that what else the machine does meets both.
        without.push(await firstLine(cluster, namespace, `plain-${round}`, podObject));
        withSidecar.push(await firstLine(cluster, namespace, `sidecar-${round}`, injectedPod));
      }
    });
    const [plain, sidecar] = [median(without), median(withSidecar)];
    const later = Math.round(sidecar - plain);
    // A startup probe made it two to three times. Milliseconds depend on what else the machine does.
    findings.holds(
      sidecar < 2 * plain,
      'less than twice as late',
      `${Math.round(plain)} ms without, ${Math.round(sidecar)} ms with it`,
    );
    const verdict = later <= GOAL_MS ? 'met' : 'not met';
    findings.note(`${later} ms later; the goal of ${GOAL_MS} ms is ${verdict}`);
    findings.note(`without: ${without.map(Math.round).join(' ')}`);
    findings.note(`with: ${withSidecar.map(Math.round).join(' ')}`);
    await cluster.kubectl(`delete namespace ${namespace} --wait=false`);
  },
};

/** From the start of `kubectl apply` to the first line that the job writes, by the clock of the container's log. */
export async function firstLine(
  cluster: Cluster,
  namespace: string,
  name: string,
  make: typeof podObject,
): Promise<number> {
  const pod = make({ name, namespace, command: ['echo', 'first'] });
  const begun = Date.now();
  await cluster.kubectl('apply -f -', { input: JSON.stringify(pod) });
  const { metadata } = await cluster.pod(namespace, name);
  const file = join('/run/node/podlogs', `${namespace}_${name}_${metadata.uid}`, 'main/0.log');
  const line = await cluster.until(`first line of ${name}`, async () => firstLineOf(file));
  await cluster.kubectl(`-n ${namespace} delete pod ${name} --wait=false --grace-period=0 --force`);
  // The end of one pod must not be part of the start of the next.
  await wait(1_000);
  return Date.parse(line.split(' ')[0] ?? '') - begun;
}

function firstLineOf(file: string): string | undefined {
  try {
    readdirSync(join(file, '..'));
    return readFileSync(file, 'utf8').split('\n')[0] || undefined;
  } catch {
    return undefined;
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle - 0.5)] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}
