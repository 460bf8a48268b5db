import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { productEnv } from '../../support/product-env.ts';
import { makeCertificate, type TestCertificate } from './test-certificates.ts';

const PROCESS = fileURLToPath(new URL('webhook-process.ts', import.meta.url));
const RESOLV_CONF = `search own.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.96.0.10
`;

/** One line of its log. */
export interface LogEvent {
  readonly event: string;
  readonly address?: string;
  readonly status?: string;
}

/** `sidestub webhook`, started and listening; whoever started it ends it. */
export interface WebhookProcess {
  readonly child: ChildProcess;
  readonly certificate: TestCertificate;
  readonly listening: LogEvent;
  readonly port: number;
  readonly statusPort: number;
  /** The next event of that name; what comes before it is passed over. */
  event(name: string): Promise<LogEvent>;
}

/**
 * Starts it with a certificate and a resolv.conf of its own, on ports that the kernel chooses.
 *
 * @param folder - Empty, for its files.
 */
export async function startProcess(
  folder: string,
  words: readonly string[] = [],
): Promise<WebhookProcess> {
  const certificate = makeCertificate(folder, 'tls');
  const resolvConf = join(folder, 'resolv.conf');
  writeFileSync(resolvConf, RESOLV_CONF);
  const { cert, key } = certificate.files;
  const own = ['--address', '127.0.0.1:0', '--metrics', '127.0.0.1:0', '--resolv-conf', resolvConf];
  const child = spawn(
    process.execPath,
    [PROCESS, '--tls-cert', cert, '--tls-key', key, ...own, ...words],
    {
      // tap's own loader, and authorities of the machine, are no part of it.
      env: { ...productEnv(), NODE_EXTRA_CA_CERTS: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const event = async (name: string): Promise<LogEvent> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`ended without ${name}`);
      const parsed = JSON.parse(value) as LogEvent;
      if (parsed.event === name) return parsed;
    }
  };
  const listening = await event('listening');
  const portOf = (address = '') => Number(address.split(':').at(-1));
  const { address, status } = listening;
  return {
    child,
    certificate,
    listening,
    port: portOf(address),
    statusPort: portOf(status),
    event,
  };
}
