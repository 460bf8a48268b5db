import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import type { Test } from 'tap';
import { type Endpoint, parseEndpoint } from '../../src/endpoint.ts';
import { freePort } from '../support/free-port.ts';
import { productEnv } from '../support/product-env.ts';
import type { Identity } from '../upstream/certificates.ts';

const CLI = join(import.meta.dirname, '../../src/cli.ts');
/** A start on a machine that others use. */
const BOUND = 30_000;

/** Debian's unbound with DoT and DoH, which knows `api.corp.example` as 192.0.2.7 and ten thousand more. */
export async function startUnbound(t: Test, { keyFile, certFile }: Identity) {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-unbound-'));
  const [dot, doh] = [await freePort(), await freePort()];
  const file = join(folder, 'unbound.conf');
  const server = [
    `interface: 127.0.0.1@${dot}`,
    `interface: 127.0.0.1@${doh}`,
    `tls-port: ${dot}`,
    `https-port: ${doh}`,
    'http-endpoint: "/dns-query"',
    `tls-service-key: "${keyFile}"`,
    `tls-service-pem: "${certFile}"`,
    'do-daemonize: no',
    'username: ""',
    'chroot: ""',
    'pidfile: ""',
    'use-syslog: no',
    'module-config: "iterator"',
    'local-zone: "corp.example." redirect',
    'local-data: "corp.example. 60 IN A 192.0.2.7"',
  ];
  const lines = server.map((line) => `  ${line}\n`).join('');
  writeFileSync(file, `server:\n${lines}remote-control:\n  control-enable: no\n`);
  const child = spawn('unbound', ['-d', '-c', file], { stdio: 'ignore' });
  killAfter(t, child, folder);
  for (const port of [dot, doh]) await untilListening(port);
  return { dot, doh };
}

/** sidestub with one upstream. */
export async function startSidestub(t: Test, upstream: string) {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-secure-'));
  const file = join(folder, 'sidestub.yaml');
  const settings = {
    listen: { addresses: ['127.0.0.1:0'] },
    search: { suffixes: [] },
    upstreams: [upstream],
    status: { address: 'off' },
    rehearsal: false,
    log: { format: 'json' },
    shutdown: { message: 'off' },
  };
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(settings));
  const { NODE_EXTRA_CA_CERTS: _, ...env } = productEnv();
  const child = spawn(process.execPath, [CLI, 'run', '--config', file], { env });
  killAfter(t, child, folder);
  const log: Record<string, unknown>[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => log.push(JSON.parse(line)));
  const event = async (name: string) => {
    const late = AbortSignal.timeout(BOUND);
    for (;;) {
      const found = log.find((each) => each['event'] === name);
      if (found !== undefined) return found;
      await once(lines, 'line', { signal: late });
    }
  };
  const { addresses } = await event('listening');
  const dns = parseEndpoint((addresses as string[])[0] ?? '', 53);
  if (dns === undefined) throw new Error('listens nowhere');
  return { dns: dns satisfies Endpoint, event };
}

function killAfter(t: Test, child: ChildProcess, folder: string): void {
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
}

async function untilListening(port: number): Promise<void> {
  const deadline = performance.now() + BOUND;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const [event] = await Promise.race([
      once(socket, 'connect').then(() => ['connect']),
      new Promise<string[]>((resolve) => {
        socket.on('error', () => resolve(['error']));
      }),
    ]);
    socket.destroy();
    if (event === 'connect') return;
    if (performance.now() > deadline) throw new Error(`nobody listens on port ${port}`);
    await wait(10);
  }
}
