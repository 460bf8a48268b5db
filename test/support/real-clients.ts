import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ClientLookup } from './lab-client.ts';
import { isOnPath } from './lab-requirements.ts';

/** A program that a job may look names up with. */
export interface RealClient {
  readonly name: string;
  /** Takes names, and writes a line for each. */
  readonly argv: readonly string[];
  /** musl's rules (M5, M6): the only client that ends its search where others go on. */
  readonly isMusl: boolean;
}

/** How one of them comes to be. */
interface Recipe {
  readonly name: string;
  readonly tools: readonly string[];
  /** What a Debian package brings beside programs. */
  readonly header?: string;
  /** @returns What to run. */
  readonly make: (folder: string) => Promise<readonly string[]>;
}

const source = (name: string) => join(import.meta.dirname, 'clients', name);
const LIBC_CLIENT = join(import.meta.dirname, 'client.c');

const RECIPES: readonly Recipe[] = [
  {
    name: 'musl',
    tools: ['musl-gcc'],
    make: (folder) => compiledC(folder, 'musl', ['musl-gcc', '-static'], LIBC_CLIENT),
  },
  {
    name: 'glibc',
    tools: ['gcc'],
    make: (folder) => compiledC(folder, 'glibc', ['gcc'], LIBC_CLIENT),
  },
  {
    name: 'c-ares',
    tools: ['gcc'],
    header: '/usr/include/ares.h',
    make: (folder) => compiledC(folder, 'c-ares', ['gcc'], source('c-ares.c'), '-lcares'),
  },
  {
    name: 'Node dns.lookup',
    tools: [],
    make: async () => [process.execPath, source('node-lookup.mjs')],
  },
  {
    name: 'Node dns.resolve',
    tools: [],
    make: async () => [process.execPath, source('node-resolve.mjs')],
  },
  {
    name: 'Python',
    tools: ['python3'],
    make: async () => [await pythonPath(), source('lookup.py')],
  },
  { name: 'Go', tools: ['go'], make: compiledGo },
  { name: 'Java', tools: ['javac', 'java'], make: compiledJava },
  {
    name: 'busybox nslookup',
    tools: ['busybox'],
    make: async () => ['sh', source('busybox-nslookup.sh')],
  },
];

/** The clients that this machine can run, and why not the others. */
export interface Clients {
  readonly clients: readonly RealClient[];
  /** A sentence each. */
  readonly missing: readonly string[];
}

/**
 * Makes every client that this machine has the tools for.
 *
 * @param folder - Where what is compiled goes.
 */
export async function makeClients(folder: string): Promise<Clients> {
  const missing: string[] = [];
  const possible = RECIPES.filter(({ name, tools, header }) => {
    const lacking = tools.filter((tool) => !isOnPath(tool));
    if (header !== undefined && !existsSync(header)) lacking.push(header);
    if (lacking.length > 0) missing.push(`${name} needs ${lacking.join(' and ')}`);
    return lacking.length === 0;
  });
  const clients = await Promise.all(
    possible.map(async ({ name, make }) => ({
      name,
      argv: await make(folder),
      isMusl: name === 'musl',
    })),
  );
  return { clients, missing };
}

/** What a lookup came to. */
export type Outcome = 'found' | 'not found' | 'try again';

/** How each of them says that it was not told: libc's EAI_AGAIN, and what the others make of SERVFAIL and silence. */
const TEMPORARY =
  /EAI_AGAIN|Could not contact DNS servers|Try again|Temporary failure|temporary|SERVFAIL|TIMEOUT|general failure|[Tt]imeout/;

/** Reads a client's own words. */
export function outcomeOf({ addresses, error }: ClientLookup): Outcome {
  if (addresses.length > 0) return 'found';
  return TEMPORARY.test(error) ? 'try again' : 'not found';
}

const run = promisify(execFile);

async function compiledC(
  folder: string,
  name: string,
  compiler: readonly string[],
  ...sourceAndLibraries: string[]
): Promise<string[]> {
  const program = join(folder, name);
  const [command = '', ...options] = compiler;
  await run(command, [...options, '-O1', '-o', program, ...sourceAndLibraries]);
  return [program];
}

/**
 * One file that imports nothing from outside: no module, no network, no other toolchain. What is compiled of Go's library
 * stays in the user's cache: ten seconds the first time.
 */
async function compiledGo(folder: string): Promise<string[]> {
  const program = join(folder, 'go-client');
  const env = {
    ...process.env,
    CGO_ENABLED: '0',
    GOFLAGS: '-mod=mod',
    GOPROXY: 'off',
    GOTOOLCHAIN: 'local',
  };
  await run('go', ['build', '-o', program, source('lookup.go')], { env });
  return [program];
}

/** Started from a class file: a source file would be compiled at each start. */
async function compiledJava(folder: string): Promise<string[]> {
  await run('javac', ['-d', folder, source('lookup.java')]);
  return ['java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', folder, 'Lookup'];
}

/** The interpreter itself: what stands on the path may be a script that takes longer than the lookup. */
async function pythonPath(): Promise<string> {
  const { stdout } = await run('python3', ['-c', 'import sys; print(sys.executable)']);
  return stdout.trim();
}
