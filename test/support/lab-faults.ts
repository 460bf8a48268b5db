import type { Milliseconds } from '../../src/clock.ts';
import type { Faults } from '../../src/demo/cluster-faults.ts';
import type { World } from '../../src/demo/cluster-world.ts';
import type { Endpoint } from '../../src/endpoint.ts';

/** What a DNS pod is started with. */
export interface ServerConfig {
  readonly endpoints: readonly Endpoint[];
  readonly world: World;
  readonly seed: number;
}

/** Faults as they travel to the DNS pods: no functions, and silence as a span instead of a reading of a clock. */
export interface LabFaults extends Partial<Omit<Faults, 'delay' | 'silentUntil' | 'dropNext'>> {
  delay?: Milliseconds;
  silentFor?: Milliseconds;
}
