import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Milliseconds } from '../../src/clock.ts';
import { spawnIn } from './lab-process.ts';

/** A C library whose resolver a test uses. */
export type Libc = 'musl' | 'glibc';

/** One lookup, as the program that made it saw it. */
export interface ClientLookup {
  readonly name: string;
  readonly ms: Milliseconds;
  readonly addresses: readonly string[];
  /** In the client's own words; empty where it has addresses. */
  readonly error: string;
}

/** One getaddrinfo. */
export interface Lookup extends ClientLookup {
  /** getaddrinfo's return value: 0 where the name resolved. `error` is its text. */
  readonly rc: number;
  /** CLOCK_MONOTONIC when it began: comparable with the times of the DNS pods. */
  readonly at: Milliseconds;
}

/** What a resolv.conf says beside its nameservers. */
export interface ClientList {
  readonly search: readonly string[];
  readonly ndots: number;
}

/** The search list of a job's pod, with a corporate suffix from the node. */
export const SEARCH = [
  'job.svc.cluster.local',
  'svc.cluster.local',
  'cluster.local',
  'corp.example',
];

/** A resolv.conf as kubelet writes it, for the given nameservers. */
export function resolvConf(
  nameservers: readonly string[],
  { search, ndots }: ClientList = { search: SEARCH, ndots: 5 },
): string {
  const servers = nameservers.map((address) => `nameserver ${address}\n`).join('');
  return `${servers}search ${search.join(' ')}\noptions ndots:${ndots}\n`;
}

/**
 * Compiles the client for both libcs: static for musl, as programs on Alpine see it; dynamic for glibc, since its
 * resolver is loaded at run time.
 *
 * @param folder - Where the programs go.
 */
export function compileClients(folder: string): Readonly<Record<Libc, string>> {
  const source = join(import.meta.dirname, 'client.c');
  const musl = join(folder, 'client-musl');
  const glibc = join(folder, 'client-glibc');
  execFileSync('musl-gcc', ['-static', '-O1', '-o', musl, source]);
  execFileSync('gcc', ['-O1', '-o', glibc, source]);
  return { musl, glibc };
}

/**
 * Looks names up one after the other in one process.
 *
 * @param pod - The namespace.
 * @param etc - A folder with the resolv.conf, hosts and nsswitch.conf that this process is to see. They are bound over
 *   those of the machine in the mount namespace that `ip netns exec` has made for it: nothing outside changes.
 * @param client - A program that takes names as arguments and writes a JSON line for each.
 */
export async function lookUp<Line extends ClientLookup>(
  pod: string,
  etc: string,
  client: readonly string[],
  names: readonly string[],
): Promise<Line[]> {
  const lookups: Line[] = [];
  // Without a name some clients would read standard input.
  if (names.length === 0) return lookups;
  const argv = ['sh', '-ec', BIND_AND_RUN, etc, ...client, ...names];
  const child = spawnIn(pod, argv, (line) => lookups.push(JSON.parse(line)));
  child.endInput();
  const { code, stderr } = await child.exited;
  if (code !== 0 || lookups.length !== names.length) {
    throw new Error(`${client.join(' ')} failed: ${stderr}`);
  }
  return lookups;
}

const ETC_FILES = ['resolv.conf', 'hosts', 'nsswitch.conf'];
const BIND_AND_RUN = `${ETC_FILES.map((file) => `mount --bind "$0/${file}" /etc/${file}`).join('; ')}; exec "$@"`;

/** Writes the folder that {@link lookUp} binds. */
export function writeEtc(folder: string, resolv: string): void {
  writeFileSync(join(folder, 'resolv.conf'), resolv);
  writeFileSync(join(folder, 'hosts'), '127.0.0.1 localhost\n::1 localhost\n');
  writeFileSync(join(folder, 'nsswitch.conf'), 'hosts: files dns\n');
}
