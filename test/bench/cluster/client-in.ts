import type { ApiObject } from '../../cluster/api.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { containerOf, processOf } from './containers.ts';

/** A program in a pod's first container, started from the node: `kubectl exec` would take longer than any lookup. */
export interface ClientIn {
  /** Milliseconds of one getaddrinfo, found or not. */
  lookUp(name: string): Promise<number>;
  run(...words: readonly string[]): Promise<string>;
}

export async function clientIn(cluster: Cluster, pod: ApiObject): Promise<ClientIn> {
  const pid = await processOf(cluster, containerOf(pod, 'main'));
  const inside = ['nsenter', `--target=${pid}`, '--mount', '--net', '--'];
  const run = async (...words: readonly string[]): Promise<string> => {
    const { stdout } = await cluster.run([...inside, ...words], { mayFail: true });
    return stdout;
  };
  return {
    run,
    lookUp: async (name) => {
      const text = await run('/usr/bin/gai', name);
      const [, ms] = text.split(' ');
      if (ms === undefined) throw new Error(`gai ${name}: ${text}`);
      return Number(ms);
    },
  };
}
