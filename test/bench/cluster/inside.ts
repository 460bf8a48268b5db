// The half of `npm run bench -- cluster` that runs inside the node: measures parts, and writes what it has measured.
import { writeFileSync } from 'node:fs';
import { Cluster } from '../../cluster/cluster.ts';
import { startNodeLocal } from '../../cluster/node-local-dns.ts';
import { first, joinNode } from '../../cluster/priority.ts';
import { startAutopath } from './autopath.ts';
import { measureCost } from './cost.ts';
import { measureStart } from './first-lines.ts';
import { measureOutage, measureRollouts } from './load.ts';
import { measureLookups } from './lookups.ts';
import { PARTS } from './measured.ts';
import { makeServices } from './services.ts';

const MEASURES = {
  lookups: measureLookups,
  cost: measureCost,
  start: measureStart,
  rollouts: measureRollouts,
  outage: measureOutage,
} as const;

joinNode();
const [file = '', ...chosen] = process.argv.slice(2);
const cluster = new Cluster();
const say = (line: string): void => {
  process.stdout.write(`  ${line}\n`);
};
const daemon = await prepare();
const measured: Record<string, object> = {};
for (const part of PARTS) {
  if (!chosen.includes(part)) continue;
  const { [part]: measure } = MEASURES;
  measured[part] = await first((): Promise<object> => measure(cluster, daemon, say));
  writeFileSync(file, JSON.stringify(measured));
}
cluster.api.close();

/** Starts what the ways need. @returns The address of the node daemon's service. */
async function prepare(): Promise<string> {
  if ((await cluster.kubectl('get namespace nodelocal --ignore-not-found')).trim() !== '') {
    throw new Error('this node has been measured on already: npm run cluster -- down');
  }
  await cluster.documented('kubectl apply -k k8s/namespace');
  await cluster.documented('kubectl apply -k k8s/node/service-local');
  await cluster.kubectl('-n sidestub rollout status ds/sidestub-node --timeout=90s');
  await startNodeLocal(cluster);
  await startAutopath(cluster);
  await makeServices(cluster);
  const words = '-n sidestub get service sidestub-node -o jsonpath={.spec.clusterIP}';
  return (await cluster.kubectl(words)).trim();
}
