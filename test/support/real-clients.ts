import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A program that a job may look names up with. */
export interface RealClient {
  readonly name: string;
  /** Takes names, and writes a line for each. */
  readonly argv: readonly string[];
  /** musl's rules (M5, M6): the only client that ends its search where others go on. */
  readonly isMusl: boolean;
}

/** Programs that have to be there for all of {@link buildClients}. */
export const CLIENT_TOOLS = ['musl-gcc', 'gcc', 'python3', 'busybox', 'go', 'javac', 'java'];

const SOURCES = join(import.meta.dirname, 'clients');
const run = promisify(execFile);

/**
 * Makes every client that this machine has the tools for.
 *
 * @param folder - Where what is compiled goes.
 * @param has - Whether a tool is there.
 */
export async function buildClients(
  folder: string,
  has: (tool: string) => boolean,
): Promise<RealClient[]> {
  const source = (name: string) => join(SOURCES, name);
  const client = (name: string, ...argv: string[]) => ({ name, argv, isMusl: name === 'musl' });
  const made: Promise<RealClient>[] = [
    compiled('musl-gcc', [
      '-static',
      '-O1',
      '-o',
      join(folder, 'musl'),
      join(SOURCES, '../client.c'),
    ]).then(() => client('musl', join(folder, 'musl'))),
    compiled('gcc', ['-O1', '-o', join(folder, 'glibc'), join(SOURCES, '../client.c')]).then(() =>
      client('glibc', join(folder, 'glibc')),
    ),
    Promise.resolve(client('Node dns.lookup', process.execPath, source('node-lookup.mjs'))),
    Promise.resolve(client('Node dns.resolve', process.execPath, source('node-resolve.mjs'))),
  ];
  if (has('python3'))
    made.push(pythonPath().then((path) => client('Python', path, source('lookup.py'))));
  if (has('busybox')) made.push(Promise.resolve(client('busybox', 'sh', source('busybox.sh'))));
  if (has('go')) {
    const program = join(folder, 'go-client');
    // One file that imports nothing from outside: no module, no network, no other toolchain.
    const env = { CGO_ENABLED: '0', GO111MODULE: 'off', GOTOOLCHAIN: 'local' };
    made.push(
      compiled('go', ['build', '-o', program, source('lookup.go')], env).then(() =>
        client('Go', program),
      ),
    );
  }
  if (has('javac') && has('java')) {
    made.push(
      compiled('javac', ['-d', folder, source('lookup.java')]).then(() =>
        client('Java', 'java', '-XX:TieredStopAtLevel=1', '-cp', folder, 'Lookup'),
      ),
    );
  }
  return Promise.all(made);
}

async function compiled(tool: string, args: string[], env: object = {}): Promise<void> {
  await run(tool, args, { env: { ...process.env, ...env } });
}

/** The interpreter itself: what stands on the path may be a script that takes longer than the lookup. */
async function pythonPath(): Promise<string> {
  const { stdout } = await run('python3', ['-c', 'import sys; print(sys.executable)']);
  return stdout.trim();
}
