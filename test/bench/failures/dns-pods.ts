// The DNS pods of a rollout, each at an address of its own: told by JSON lines to listen, or to go.
import { createInterface } from 'node:readline';
import type { Endpoint } from '../../../src/endpoint.ts';
import {
  type FailingUpstream,
  startFailingUpstream,
  type Weather,
} from '../../support/failing-upstream.ts';

/** What they are started with. */
export interface DnsPodsConfig {
  readonly endpoints: readonly Endpoint[];
  /** So many of them run at first. */
  readonly running: number;
  readonly weather: Partial<Weather>;
}

/** The process of one pod starts, or ends. */
export interface DnsPodCommand {
  readonly pod: number;
  readonly runs: boolean;
}

const say = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`);

const { endpoints, running, weather }: DnsPodsConfig = JSON.parse(process.argv[2] ?? '{}');
const pods: FailingUpstream[] = [];
for (const [i, at] of endpoints.entries()) {
  pods.push(await startFailingUpstream({ ...weather, at, number: i + 1 }));
}
for (const pod of pods.slice(running)) await pod.close();
let commands = 0;
say({ done: commands });

for await (const line of createInterface({ input: process.stdin })) {
  const { pod, runs }: DnsPodCommand = JSON.parse(line);
  if (runs) await pods[pod]?.accept();
  else await pods[pod]?.close();
  say({ done: ++commands });
}
// The lab is gone.
for (const pod of pods) await pod.close();
