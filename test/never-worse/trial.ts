import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../src/clock.ts';
import { resolvConf, writeEtc } from '../support/lab-client.ts';
import { type LabProcess, spawnIn } from '../support/lab-process.ts';
import { outcomeOf } from '../support/real-clients.ts';
import type { Draw } from './draw.ts';
import type { Pair, Result } from './law.ts';
import type { Slot, Slots } from './slots.ts';

/** The programs by the client's name: those that this machine can run. */
export type Programs = ReadonlyMap<string, readonly string[]>;

const LISTS = {
  plain: { search: ['example.net'], ndots: 1 },
  Kubernetes: { search: ['job.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], ndots: 5 },
} as const;

/** What is later than the law looks at, and a little: nobody waits for libc's ten seconds. */
const GIVEN_UP: Milliseconds = 4_600;
/** Node's start on a machine that others use. */
const START_BOUND: Milliseconds = 30_000;

let trials = 0;

/** Runs a draw: each client directly and through sidestub at the same time, over an upstream that does what the draw says. */
export async function runTrial(
  draw: Draw,
  slot: Slot,
  slots: Slots,
  programs: Programs,
): Promise<Pair[]> {
  const { servers } = draw;
  const folder = mkdtempSync(join(tmpdir(), 'never-worse-'));
  const addresses = slot.servers.slice(0, servers.length);
  const etcOf = (name: string, nameservers: readonly string[]) => {
    const etc = join(folder, name);
    mkdirSync(etc);
    writeEtc(etc, resolvConf(nameservers, LISTS[draw.list]));
    return etc;
  };
  const etc = { direct: etcOf('direct', addresses), through: etcOf('through', ['127.0.0.1']) };
  await slots.open(slot, servers);
  let daemon: LabProcess | undefined;
  try {
    daemon = await startSidestub(slot, folder, join(etc.direct, 'resolv.conf'));
    const names = draw.clients.filter((client) => programs.has(client));
    if (draw.warm) await warmUp(slot, etc.through, programs);
    await slots.start(slot, servers);
    const number = ++trials;
    return await Promise.all(
      names.map(async (client) => {
        const argv = programs.get(client) ?? [];
        const name = nameFor(draw, client, number);
        const [direct, through] = await Promise.all([
          ask(slot, etc.direct, argv, name),
          ask(slot, etc.through, argv, name),
        ]);
        return { client, direct, through };
      }),
    );
  } finally {
    daemon?.kill('SIGKILL');
    await daemon?.exited;
    await slots.close(slot, servers);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A name that nobody has asked for: clients share sidestub, and one must not find what another has found. */
function nameFor({ name, list }: Draw, client: string, number: number): string {
  const label = `${client.toLowerCase().replace(/[^a-z]/g, '')}-${number}`;
  if (name === 'service')
    return list === 'Kubernetes' ? `svc-${label}` : `svc-${label}.job.svc.cluster.local`;
  return `${label}.${name}.example.com`;
}

async function startSidestub(slot: Slot, folder: string, resolv: string): Promise<LabProcess> {
  const { SIDESTUB_CLI: cli = join(import.meta.dirname, '../../dist/cli.js') } = process.env;
  const up = Promise.withResolvers<void>();
  const config = join(folder, 'sidestub.yaml');
  writeFileSync(config, 'log: { format: json }');
  const flags = ['--config', config, '--listen', '127.0.0.1:53', '--resolv-conf', resolv];
  const daemon = spawnIn(slot.namespace, [process.execPath, cli, 'run', ...flags], (line) => {
    if (line.includes('"listening"')) up.resolve();
  });
  void daemon.exited.then(({ stderr }) => up.reject(new Error(`sidestub ended: ${stderr}`)));
  const late = wait(START_BOUND, undefined, { ref: false }).then(() => {
    throw new Error(`sidestub does not listen after ${START_BOUND} ms`);
  });
  await Promise.race([up.promise, late]);
  return daemon;
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
