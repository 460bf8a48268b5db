import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { monotonicClock } from '../../src/clock.ts';
import { type Cluster, startCluster } from '../../src/demo/cluster.ts';
import type { World } from '../../src/demo/cluster-world.ts';
import { DEMO_WORLD, POD_SEARCH } from '../../src/demo/cluster-world.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../../src/endpoint.ts';
import { musl } from '../../src/walk/musl.ts';
import { socketTransport } from '../../src/walk/socket-transport.ts';
import type { Walk } from '../../src/walk/walk.ts';
import { productEnv } from '../support/product-env.ts';

/** One line of the daemon's log. */
export type LogEvent = Readonly<Record<string, unknown>>;

/** `sidestub run` as a process of its own, in front of a cluster in this one. */
export interface RunningSidestub {
  readonly pid: number;
  readonly cluster: Cluster;
  readonly log: readonly LogEvent[];
  readonly dns: Endpoint;
  /** `http://127.0.0.1:PORT` of its status server. */
  readonly url: string;
  /** Looks a name up as musl does, with the search list of a job's pod. */
  lookup(name: string): Promise<Walk>;
  /** Resolves with the first such event, also one that has been. @throws {Error} If it does not come. */
  event(name: string): Promise<LogEvent>;
  /** SIGHUP; what comes of it is an event. */
  reload(): void;
  /** SIGTERM, and what it left. */
  stop(): Promise<{ readonly code: number | null; readonly stderr: string }>;
}

/** What this helper needs of a tap test. */
interface Test {
  teardown(undo: () => unknown): void;
}

/** Node's start on a machine that others use. */
const BOUND = 30_000;

/**
 * Starts it on free ports of the loopback, and waits until the cluster zone is tested.
 *
 * @param settings - As the configuration file has them, on top of those that the test needs.
 * @param cli - The program: the sources, unless the test means another.
 */
export async function startSidestub(
  t: Test,
  {
    settings = {},
    folder = scratch(t),
    cli = CLI,
    world = DEMO_WORLD,
  }: { settings?: object; folder?: string; cli?: string; world?: World } = {},
): Promise<RunningSidestub> {
  const cluster = await startCluster({
    endpoints: [{ address: '127.0.0.1', port: 0 }],
    world,
    faults: { delay: 5 },
    clock: monotonicClock,
  });
  t.teardown(() => cluster.close());
  const child = spawn(
    // Through env(1): tap adds a loader to every Node child.
    'env',
    [
      '-u',
      'NODE_OPTIONS',
      process.execPath,
      cli,
      'run',
      '--config',
      config(folder, cluster, settings),
    ],
    {
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const exited = once(child, 'exit');
  const errors = text(child.stderr);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const log: LogEvent[] = [];
  const lines = createInterface({ input: child.stdout });
  const drained = once(lines, 'close');
  lines.on('line', (line) => log.push(JSON.parse(line)));
  const event = async (name: string): Promise<LogEvent> => {
    const late = AbortSignal.timeout(BOUND);
    for (;;) {
      const found = log.find((each) => each['event'] === name);
      if (found !== undefined) return found;
      if (child.exitCode !== null) throw new Error(`no event ${name}: ${await errors}`);
      await Promise.race([once(lines, 'line', { signal: late }), exited]);
    }
  };
  await event('conformance');
  const { addresses, status } = await event('listening');
  const dns = parseEndpoint((addresses as string[])[0] ?? '', 53);
  if (dns === undefined) throw new Error('listens nowhere');
  const facts = { nameservers: [dns], ...POD_SEARCH };
  const client = musl({ facts, clock: monotonicClock, transport: socketTransport }, '1.2.5');
  return {
    // env(1) has become the program.
    pid: child.pid ?? 0,
    cluster,
    log,
    dns,
    url: `http://${status}`,
    lookup: (name) => client.walk(name),
    event,
    reload: () => {
      child.kill('SIGHUP');
    },
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = await exited;
      // The last line may be read after the process has gone.
      await drained;
      return { code, stderr: await errors };
    },
  };
}

/** A folder that goes with the test. */
export function scratch(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** As users start it, without what tap puts into every child. */
export function environment(): NodeJS.ProcessEnv {
  const env = productEnv();
  return env;
}

export const CLI = join(import.meta.dirname, '../../src/cli.ts');

function config(folder: string, { endpoints }: Cluster, settings: object): string {
  const path = join(folder, 'sidestub.yaml');
  const base = {
    listen: { addresses: ['127.0.0.1:0'] },
    upstreams: endpoints.map(formatEndpoint),
    search: { suffixes: POD_SEARCH.search, ndots: POD_SEARCH.ndots },
    status: { address: '127.0.0.1:0' },
    log: { format: 'json' },
    shutdown: { message: 'off' },
  };
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(merged(base, settings)));
  return path;
}

/** The sections of both, `more` winning setting by setting. */
function merged(base: object, more: object): object {
  const sections: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(more)) {
    const below = sections[name];
    const isSection = typeof below === 'object' && !Array.isArray(below) && !Array.isArray(value);
    sections[name] = isSection ? { ...below, ...value } : value;
  }
  return sections;
}
