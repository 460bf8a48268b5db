import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../../src/clock.ts';
import { type Endpoint, formatEndpoint } from '../../../src/endpoint.ts';
import { freePort } from '../../support/free-port.ts';
import { atEnd } from '../../support/lab-end.ts';
import {
  canAsk,
  PEERS,
  type Peer,
  type Place,
  PROGRAMS,
  peerCommand,
  type Upstreams,
} from '../../support/peer-command.ts';
import { productEnv } from '../../support/product-env.ts';
import { Questioner } from '../../support/questioner.ts';

/** Who stands between the clients and the upstreams: nobody, sidestub, or a forwarder of Debian. */
export const CONTESTANTS = ['directly', 'sidestub', ...PEERS] as const;
export type Contestant = (typeof CONTESTANTS)[number];
/** One that is a process. */
export type Forwarder = Exclude<Contestant, 'directly'>;

/** A forwarder that runs. */
export interface Running {
  readonly endpoint: Endpoint;
  readonly pid: number;
  /** Lines of its standard output: sidestub's log. */
  readonly log: readonly string[];
  /** @returns Its exit code, when it has ended; `null` where a signal ended it. */
  readonly exited: Promise<number | null>;
  signal(name: NodeJS.Signals): void;
  /** Kills it, and removes its files. */
  end(): Promise<void>;
}

/** From source, unless the environment names what is to be measured. */
const SOURCE = join(import.meta.dirname, '../../../src/cli.ts');
const START_BOUND: Milliseconds = 30_000;
const POLL: Milliseconds = 20;

/** Whether this machine can start it. */
export function isHere(contestant: Contestant): boolean {
  return !isPeer(contestant) || spawnSync('which', [PROGRAMS[contestant]]).status === 0;
}

/** Whether it can be measured in front of upstreams like these. */
export function canTake(
  contestant: Contestant,
  upstreams: Pick<Upstreams, 'order' | 'tls'>,
): boolean {
  return isPeer(contestant) ? canAsk(contestant, upstreams) : contestant === 'sidestub';
}

function isPeer(contestant: Contestant): contestant is Peer {
  return contestant !== 'directly' && contestant !== 'sidestub';
}

/**
 * Starts a caching forwarder with one thread and its own defaults, and waits for its first answer.
 *
 * @param options.hopeless - No answer is expected: it is waited for until it listens.
 * @param options.cli - What runs in place of sidestub's command line.
 * @param options.settings - sidestub's, on top of its defaults.
 * @throws {Error} If it ends, or does not answer within the bound.
 */
export async function startForwarder(
  forwarder: Forwarder,
  upstreams: Upstreams,
  { hopeless = false, ...own }: OwnOptions & { readonly hopeless?: boolean | undefined } = {},
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), `sidestub-failures-${forwarder}-`));
  const endpoint = { address: '127.0.0.1', port: await freePort() };
  const place = { folder, listen: endpoint };
  const argv = isPeer(forwarder)
    ? peerCommand(forwarder, upstreams, place)
    : sidestubCommand(upstreams, place, own);
  const [program = '', ...args] = argv;
  const { NODE_EXTRA_CA_CERTS: _, ...env } = productEnv();
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const log: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => log.push(line));
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-2_000);
  });
  const exited = exitOf(child);
  const forget = atEnd(() => child.kill('SIGKILL'));
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    forget();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until(child, () => (hopeless ? listens(endpoint) : answers(endpoint)));
  } catch (error) {
    await end();
    throw new Error(`${forwarder}: ${stderr}`, { cause: error });
  }
  const signal = (name: NodeJS.Signals) => void child.kill(name);
  return { endpoint, pid: child.pid ?? -1, log, exited, signal, end };
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

/** @throws {Error} If the process ends, or the bound is over. */
async function until(child: ChildProcess, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + START_BOUND;
  while (!(await holds())) {
    if (child.exitCode !== null) throw new Error(`it ended: ${child.exitCode}`);
    if (performance.now() > deadline) throw new Error('it is not up');
    await wait(POLL);
  }
}

async function answers(endpoint: Endpoint): Promise<boolean> {
  const questioner = await Questioner.towards(endpoint);
  const { ok } = await questioner.single('first.example.com.', { timeout: 200, tries: 1 });
  questioner.close();
  return ok;
}

/** Whether somebody has the UDP port, as the kernel writes it. */
function listens({ port }: Endpoint): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return readFileSync('/proc/net/udp', 'utf8').includes(`:${hex} 00000000:0000`);
}

/** Where sidestub's status server is: the same port of another loopback address. */
export function statusOf({ port }: Endpoint): string {
  return formatEndpoint({ address: '127.0.0.2', port });
}

interface OwnOptions {
  readonly cli?: string | undefined;
  readonly settings?: object | undefined;
}

function sidestubCommand(
  { servers, order, tls }: Upstreams,
  { folder, listen }: Place,
  { cli = process.env['SIDESTUB_CLI'] ?? SOURCE, settings: own }: OwnOptions,
): string[] {
  const urls = servers.map((server) =>
    tls === undefined
      ? `udp://${formatEndpoint(server)}`
      : `tls://${formatEndpoint(server)}?name=${tls.name}&ca=${tls.caFile}`,
  );
  const settings = {
    listen: { addresses: [formatEndpoint(listen)] },
    upstreams: order === 'equal' ? [urls] : urls,
    search: { suffixes: [] },
    status: { address: statusOf(listen) },
    rehearsal: false,
    log: { format: 'json' },
    shutdown: { message: 'off' },
    ...own,
  };
  const file = join(folder, 'sidestub.yaml');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(settings));
  return [process.execPath, cli, 'run', '--config', file];
}
