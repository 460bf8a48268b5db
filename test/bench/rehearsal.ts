import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Milliseconds, monotonicClock } from '../../src/clock.ts';
import { type Cluster, startCluster } from '../../src/demo/cluster.ts';
import { DEMO_WORLD } from '../../src/demo/cluster-world.ts';
import { RrType } from '../../src/wire/codes.ts';
import { queryOctets } from '../support/messages.ts';
import { productEnv } from '../support/product-env.ts';

const SUFFIXES = ['job.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'corp.example'];
const BASE = 'git.example.com';
const ROUNDS = 15;
const RTT: Milliseconds = 20;
const CLI = join(import.meta.dirname, '../../dist/cli.js');

/**
 * The first lookup of a daemon's life, with and without the rehearsal, in turns: medians of {@link ROUNDS} daemons each,
 * cluster DNS 20 ms away.
 */
export async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-bench-'));
  const cluster = await startCluster({
    endpoints: [{ address: '127.0.0.1', port: 0 }],
    world: DEMO_WORLD,
    faults: { delay: RTT },
    clock: monotonicClock,
  });
  const times: Record<'true' | 'false', Milliseconds[]> = { true: [], false: [] };
  try {
    const conf = join(folder, 'resolv.conf');
    writeFileSync(conf, `search ${SUFFIXES.join(' ')}\nnameserver 192.0.2.1\noptions ndots:5\n`);
    for (let round = 0; round < ROUNDS; round++) {
      for (const rehearsal of ['true', 'false'] as const) {
        times[rehearsal].push(await firstLookup(cluster, conf, rehearsal));
      }
    }
  } finally {
    await cluster.close();
    rmSync(folder, { recursive: true });
  }
  for (const [rehearsal, taken] of Object.entries(times)) {
    const sorted = taken.toSorted((a, b) => a - b);
    const median = sorted[sorted.length >> 1] ?? Number.NaN;
    const best = sorted[0] ?? Number.NaN;
    process.stdout.write(
      `rehearsal: ${rehearsal}: median ${median.toFixed(1)} ms, best ${best.toFixed(1)} ms\n`,
    );
  }
}

async function firstLookup(
  cluster: Cluster,
  resolvConf: string,
  rehearsal: string,
): Promise<Milliseconds> {
  const upstream = `127.0.0.1:${cluster.endpoints[0]?.port}`;
  const argv = [CLI, 'run', '--listen', '127.0.0.1:0', '--metrics', 'off', '--upstream', upstream];
  const env = productEnv();
  const daemon = spawn(process.execPath, [...argv, '--resolv-conf', resolvConf], {
    env: { ...env, SIDESTUB_REHEARSAL: rehearsal, SIDESTUB_LOG_FORMAT: 'json' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const port = await portOnceConforming(daemon.stdout);
    // The rehearsal runs beside the test of the zone and ends soon after it.
    await new Promise((resolve) => setTimeout(resolve, 500));
    return await walk(port);
  } finally {
    daemon.kill();
    await once(daemon, 'exit');
  }
}

async function portOnceConforming(stdout: NodeJS.ReadableStream): Promise<number> {
  let port = 0;
  for await (const line of createInterface({ input: stdout })) {
    const event = JSON.parse(line);
    if (event.event === 'listening') port = Number(event.addresses[0].split(':').at(-1));
    if (event.event === 'conformance' && event.verdict === 'conforming') return port;
  }
  throw new Error('the daemon ended before it knew its zone');
}

/** Both questions of each step at once, as libc does; every step but the last is denied. */
async function walk(port: number): Promise<Milliseconds> {
  const socket = createSocket('udp4');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const started = performance.now();
  for (const suffix of [...SUFFIXES, '']) {
    const name = suffix === '' ? BASE : `${BASE}.${suffix}`;
    const first = once(socket, 'message');
    socket.send(queryOctets(name, RrType.A));
    socket.send(queryOctets(name, RrType.AAAA));
    await first;
    await once(socket, 'message');
  }
  const elapsed = performance.now() - started;
  socket.close();
  return elapsed;
}
