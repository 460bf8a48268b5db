import { median } from '../../cluster/checks/start.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { clientIn } from './client-in.ts';
import { questionsSeen } from './core-dns.ts';
import type { LookupCell, Parts } from './measured.ts';
import { LIBC_NAMES, type Libc, NAMESPACE, podOf, WAYS, type Way } from './ways.ts';

const ROUNDS = 3;
const WARM_LOOKUPS = 3;

/** A name of each sort, and another of the same sort. Numbered where no cache may have the name from another pod. */
const SORTS: Readonly<Record<string, (n: number) => readonly [string, string]>> = {
  external: (n) => [`n${n}.example.net`, `n${n + 1}.example.net`],
  corporate: (n) => [`n${n}.corp.example`, `n${n + 1}.corp.example`],
  'same namespace': () => ['bench-a', 'bench-b'],
  'other namespace': () => ['bench-a.other', 'bench-b.other'],
  headless: () => ['headless', 'headless-b'],
  ExternalName: () => ['alias', 'alias-b'],
  nowhere: (n) => [`x${n}.example.org`, `x${n + 1}.example.org`],
};

/** Fresh pods, one lookup after the other: the first of its sort, the next of that sort, and the first again. */
export async function measureLookups(
  cluster: Cluster,
  daemon: string,
  say: (line: string) => void,
): Promise<Parts['lookups']> {
  const all: LookupCell[] = [];
  let number = 100;
  for (let round = 0; round < ROUNDS; round++) {
    for (const libc of LIBC_NAMES) {
      for (const way of WAYS) {
        number += 2;
        all.push(...(await measurePod({ cluster, daemon, way, libc, round, number })));
      }
    }
    say(`lookups: round ${round + 1} of ${ROUNDS}`);
  }
  return { cells: [...Map.groupBy(all, cellName).values()].map(medianOf) };
}

function cellName({ libc, sort, phase, way }: LookupCell): string {
  return `${libc} ${sort} ${phase} ${way}`;
}

function medianOf([first, ...others]: readonly LookupCell[]): LookupCell {
  if (first === undefined) throw new Error('no figure');
  const all = [first, ...others];
  const ms = median(all.map((cell) => cell.ms));
  return { ...first, ms, questions: median(all.map(({ questions }) => questions)) };
}

interface PodToMeasure {
  readonly cluster: Cluster;
  readonly daemon: string;
  readonly way: Way;
  readonly libc: Libc;
  readonly round: number;
  readonly number: number;
}

async function measurePod(pod: PodToMeasure): Promise<LookupCell[]> {
  const { cluster, daemon, way, libc, round, number } = pod;
  const cells: LookupCell[] = [];
  const name = `bench-${way}-${libc}-${round}`;
  const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
  await cluster.api.post(path, podOf(way, libc, daemon, { name }));
  const client = await clientIn(cluster, await cluster.podReady(NAMESPACE, name));
  for (const [sort, namesOf] of Object.entries(SORTS)) {
    const lookUp = async (phase: LookupCell['phase'], asked: string): Promise<void> => {
      const before = await questionsSeen(cluster);
      const ms = await client.lookUp(asked);
      const questions = (await questionsSeen(cluster)) - before;
      cells.push({ libc, sort, phase, way, ms, questions });
    };
    const [first, second] = namesOf(number);
    await lookUp('cold', first);
    await lookUp('next', second);
    for (let i = 0; i < WARM_LOOKUPS; i++) await lookUp('warm', first);
  }
  await cluster.kubectl(`-n ${NAMESPACE} delete pod ${name} --wait=false --grace-period=0 --force`);
  return cells;
}
