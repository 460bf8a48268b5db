// The cluster DNS of one DNS pod: started by the lab inside the pod's namespace, told what to do by JSON lines.
import { createInterface } from 'node:readline';
import { type Clock, monotonicClock } from '../../src/clock.ts';
import { type Asked, startCluster } from '../../src/demo/cluster.ts';
import { noFaults } from '../../src/demo/cluster-faults.ts';
import type { World } from '../../src/demo/cluster-world.ts';
import type { LabFaults, ServerConfig } from './lab-faults.ts';

/** CLOCK_MONOTONIC: the same reading in every process, unlike performance.now(), so that logs can be merged. */
const machineClock: Clock = {
  now: () => Number(process.hrtime.bigint()) / 1e6,
  after: monotonicClock.after,
};

interface Command {
  readonly faults?: LabFaults;
  /** Another cluster in place of this one. */
  readonly world?: World;
  /** This cluster, in which something was made or deleted. */
  readonly changed?: World;
}

const say = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`);

const config: ServerConfig = JSON.parse(process.argv[2] ?? '{}');
const options = { ...config, clock: machineClock, onAsked: (asked: Asked) => say({ asked }) };
let cluster = await startCluster(options);
let commands = 0;
say({ done: commands });

for await (const line of createInterface({ input: process.stdin })) {
  const { faults, world, changed }: Command = JSON.parse(line);
  if (changed !== undefined) Object.assign(options, { world: changed });
  if (world !== undefined) {
    await cluster.close();
    Object.assign(options, { world });
    cluster = await startCluster(options);
  }
  if (faults !== undefined) {
    const { silentFor, ...rest } = faults;
    const silentUntil =
      silentFor === undefined ? {} : { silentUntil: machineClock.now() + silentFor };
    Object.assign(cluster.faults, noFaults(), rest, silentUntil);
  }
  // Its place in the output says that every question that came before has been told.
  say({ done: ++commands });
}
// The lab is gone.
await cluster.close();
