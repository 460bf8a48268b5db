import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Check } from '../check.ts';
import { type Cluster, type PodSpec, podObject } from '../cluster.ts';
import { injectedPod } from '../injected.ts';
import { first } from '../priority.ts';

const ROUNDS = 10;
/** Of the pods that tell what of the delay is whose: a part has fewer, the goal is not judged by it. */
const PART_ROUNDS = 6;
/** What a job may lose by having a sidecar, on a machine that has nothing else to do. */
const GOAL_MS = 300;

interface Way {
  readonly name: string;
  readonly rounds: number;
  readonly make: (spec: PodSpec) => object;
}

/** The first two are the ones that are compared. */
const WAYS: readonly Way[] = [
  { name: 'without', rounds: ROUNDS, make: podObject },
  { name: 'with', rounds: ROUNDS, make: injectedPod },
  { name: 'no-gate', rounds: PART_ROUNDS, make: withSidecar(({ lifecycle: _, ...rest }) => rest) },
  {
    name: 'gate-that-ends-at-once',
    rounds: PART_ROUNDS,
    make: withSidecar((sidecar) => ({ ...sidecar, lifecycle: hook('node', '--version') })),
  },
  {
    name: 'no-rehearsal',
    rounds: PART_ROUNDS,
    make: withSidecar((sidecar) => ({
      ...sidecar,
      env: [...(sidecar['env'] ?? []), { name: 'SIDESTUB_REHEARSAL', value: 'false' }],
    })),
  },
];

export const start: Check = {
  name: 'start',
  shows:
    "how much later a job's first line comes than without sidestub (medians of 10; the goal is 300 ms)",
  run: async (cluster, findings) => {
    const namespace = await cluster.namespace('start');
    const times = WAYS.map((): number[] => []);
    await first(async () => {
      for (let round = 0; round < ROUNDS; round++) {
        // In turn, so that what else the machine does meets all of them.
        for (const [index, { name, rounds, make }] of WAYS.entries()) {
          if (round >= rounds) continue;
          times[index]?.push(await firstLine(cluster, namespace, `${name}-${round}`, make));
        }
      }
    });
    const [plain = 0, sidecar = 0] = times.map(median);
    const later = Math.round(sidecar - plain);
    // A startup probe made it two to three times. Milliseconds depend on what else the machine does.
    findings.holds(
      sidecar < 2 * plain,
      'less than twice as late',
      `${Math.round(plain)} ms without, ${Math.round(sidecar)} ms with it`,
    );
    const verdict = later <= GOAL_MS ? 'met' : 'not met';
    findings.note(`${later} ms later; the goal of ${GOAL_MS} ms is ${verdict}`);
    for (const [index, { name }] of WAYS.entries()) {
      const own = times[index] ?? [];
      const shown = own.map(Math.round).join(' ');
      findings.note(`${name}: ${Math.round(median(own) - plain)} ms later: ${shown}`);
    }
    await cluster.kubectl(`delete namespace ${namespace} --wait=false`);
  },
};

type Sidecar = Readonly<Record<string, unknown>> & { readonly env?: readonly object[] };

/** A pod as injection makes it, but for its sidecar. */
function withSidecar(change: (sidecar: Sidecar) => Sidecar): Way['make'] {
  return (spec) => {
    const pod = injectedPod(spec) as { spec: { initContainers: Sidecar[] } };
    const [sidecar, ...others] = pod.spec.initContainers;
    if (sidecar === undefined) throw new Error('no sidecar');
    return { ...pod, spec: { ...pod.spec, initContainers: [change(sidecar), ...others] } };
  };
}

function hook(...command: readonly string[]): object {
  return { postStart: { exec: { command } } };
}

/** From the start of `kubectl apply` to the first line that the job writes, by the clock of the container's log. */
export async function firstLine(
  cluster: Cluster,
  namespace: string,
  name: string,
  make: Way['make'],
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
