import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../src/clock.ts';
import { resolvConf, writeEtc } from '../support/lab-client.ts';
import { spawnIn } from '../support/lab-process.ts';
import { outcomeOf } from '../support/real-clients.ts';
import { type Daemons, startDaemons } from './daemons.ts';
import type { Draw } from './draw.ts';
import type { Pair, Result } from './law.ts';
import { CLUSTER_SECONDS, UNMADE_SECONDS } from './reply-octets.ts';
import type { Slot, Slots } from './slots.ts';

/** The programs by the client's name: those that this machine can run. */
export type Programs = ReadonlyMap<string, readonly string[]>;

/** What trials are run with. */
export interface Laboratory {
  readonly slots: Slots;
  readonly programs: Programs;
  /** The sidestub that is tried. */
  readonly cli: string;
}

/** This repository's sidestub, or what `SIDESTUB_CLI` names. */
export function cliToTry(): string {
  const { SIDESTUB_CLI: cli = join(import.meta.dirname, '../../dist/cli.js') } = process.env;
  return cli;
}

const LISTS = {
  plain: { search: ['example.net'], ndots: 1 },
  Kubernetes: { search: ['job.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], ndots: 5 },
} as const;

/** What is later than the law looks at, and a little: nobody waits for libc's ten seconds. */
const GIVEN_UP: Milliseconds = 4_600;
/** How long a denial may be believed of a name that is made: as its SOA says, and for 250 ms of a service's (C2). */
function deniedFor({ name, list }: Draw): Milliseconds | undefined {
  if (name === 'made') return 1_000 * UNMADE_SECONDS + A_LITTLE;
  if (name !== 'made service' && name !== 'made elsewhere') return undefined;
  // Where the list names no cluster, it is a name as any other.
  return list === 'Kubernetes' ? 250 + A_LITTLE : 1_000 * CLUSTER_SECONDS + A_LITTLE;
}

const A_LITTLE: Milliseconds = 100;

let trials = 0;

/** Runs a draw: each client directly and through sidestub at the same time, over an upstream that does what the draw says. */
export async function runTrial(
  draw: Draw,
  slot: Slot,
  { slots, programs, cli }: Laboratory,
): Promise<Pair[]> {
  const { servers, routes, nodeDaemon } = draw;
  const folder = mkdtempSync(join(tmpdir(), 'never-worse-'));
  const nameservers = slot.servers.slice(0, servers.length);
  const list = LISTS[draw.list];
  const etcOf = (name: string, addresses: readonly string[]) => {
    const etc = join(folder, name);
    mkdirSync(etc);
    writeEtc(etc, resolvConf(addresses, list));
    return etc;
  };
  const etc = { direct: etcOf('direct', nameservers), through: etcOf('through', ['127.0.0.1']) };
  const number = ++trials;
  const clients = draw.clients.filter((client) => programs.has(client));
  const askAll = () =>
    Promise.all(
      clients.map(async (client) => {
        const argv = programs.get(client) ?? [];
        const name = nameFor(draw, client, number);
        const [direct, through] = await Promise.all([
          ask(slot, etc.direct, argv, name),
          ask(slot, etc.through, argv, name),
        ]);
        return { client, direct, through };
      }),
    );
  await slots.open(slot, servers, routes);
  let daemons: Daemons | undefined;
  try {
    daemons = await startDaemons(slot, { cli, folder, nameservers, list, nodeDaemon });
    if (draw.warm) await warmUp(slot, etc.through, programs);
    const denied = deniedFor(draw);
    if (denied !== undefined) {
      await askAll();
      await wait(denied);
    }
    await slots.start(slot, servers);
    return await askAll();
  } finally {
    await daemons?.end();
    await slots.close(slot, servers);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A name that nobody has asked for: clients share sidestub, and one must not find what another has found. */
function nameFor({ name, list }: Draw, client: string, number: number): string {
  const label = `${client.toLowerCase().replace(/[^a-z]/g, '')}-${number}`;
  const isShort = list === 'Kubernetes';
  switch (name) {
    case 'service':
      return isShort ? `svc-${label}` : `svc-${label}.job.svc.cluster.local`;
    case 'made service':
      return isShort ? `made-${label}` : `made-${label}.job.svc.cluster.local`;
    case 'made elsewhere':
      return isShort ? `made-${label}.other` : `made-${label}.other.svc.cluster.local`;
    case 'elsewhere':
      return isShort ? `svc-${label}.other` : `svc-${label}.other.svc.cluster.local`;
    case 'in dev':
      return isShort ? `svc-${label}.dev` : `svc-${label}.dev.svc.cluster.local`;
    default:
      return `${label}.${name}.example.com`;
  }
}

/** One lookup, found or not: the code has run, and what is known of the servers is what a pod knows that has been asking. */
async function warmUp(slot: Slot, etc: string, programs: Programs): Promise<void> {
  const client = programs.get('glibc') ?? [...programs.values()][0] ?? [];
  await ask(slot, etc, client, `warm-${++trials}.both.example.com`);
}

async function ask(
  slot: Slot,
  etc: string,
  client: readonly string[],
  name: string,
): Promise<Result> {
  let result: Result | undefined;
  const argv = ['sh', '-ec', BIND_AND_RUN, etc, ...client, name];
  const started = performance.now();
  const child = spawnIn(slot.namespace, argv, (line) => {
    const lookup = JSON.parse(line);
    result = { outcome: outcomeOf(lookup), ...lookup };
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), GIVEN_UP);
  const { code, stderr } = await child.exited;
  clearTimeout(timer);
  if (result !== undefined) return result;
  if (code !== null) throw new Error(`${client.join(' ')} failed: ${stderr}`);
  return {
    outcome: 'try again',
    addresses: [],
    ms: performance.now() - started,
    error: 'still asking',
  };
}

const BIND_AND_RUN = `for file in resolv.conf hosts nsswitch.conf; do mount --bind "$0/$file" /etc/$file; done; exec "$@"`;
