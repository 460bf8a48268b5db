import { setTimeout as wait } from 'node:timers/promises';
import { firstLine, median } from '../../cluster/checks/start.ts';
import type { Cluster, podObject } from '../../cluster/cluster.ts';
import { clientIn } from './client-in.ts';
import type { Parts, StartCell } from './measured.ts';
import { NAMESPACE, podOf, WATCHED, type Way } from './ways.ts';

const ROUNDS = 10;
const SERVICES = 3;

/** How late a job's first line comes, and how soon a service is found that is made while its name is asked for. */
export async function measureStart(
  cluster: Cluster,
  daemon: string,
  say: (line: string) => void,
): Promise<Parts['start']> {
  const times = new Map<Way, number[]>(WATCHED.map((way) => [way, []]));
  for (let round = 0; round < ROUNDS; round++) {
    // In turn, so that what else the machine does meets all of them.
    for (const [way, own] of times) {
      const make: typeof podObject = (spec) => podOf(way, 'musl', daemon, spec);
      own.push(await firstLine(cluster, NAMESPACE, `line-${way}-${round}`, make));
    }
  }
  say('start: first lines');
  const cells: StartCell[] = [];
  for (const [way, all] of times) {
    cells.push({ way, firstLine: median(all), service: await newService(cluster, daemon, way) });
  }
  say('start: new services');
  return { cells };
}

async function newService(cluster: Cluster, daemon: string, way: Way): Promise<number> {
  const pod = `until-${way}`;
  const path = `/api/v1/namespaces/${NAMESPACE}`;
  await cluster.api.post(`${path}/pods`, podOf(way, 'musl', daemon, { name: pod }));
  const client = await clientIn(cluster, await cluster.podReady(NAMESPACE, pod));
  const all: number[] = [];
  for (let number = 0; number < SERVICES; number++) {
    const name = `made-${way}-${number}`;
    const found = client.run('/usr/bin/until', '20', '30', name);
    await wait(1_500);
    const metadata = { name, namespace: NAMESPACE };
    const spec = { ports: [{ port: 80 }] };
    await cluster.api.post(`${path}/services`, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec,
    });
    const made = Date.now();
    const resolved = /resolved (\d+)/.exec(await found)?.[1];
    all.push(resolved === undefined ? 30_000 : Math.max(0, Number(resolved) - made));
  }
  await cluster.kubectl(`-n ${NAMESPACE} delete pod ${pod} --wait=false --grace-period=0 --force`);
  return median(all);
}
