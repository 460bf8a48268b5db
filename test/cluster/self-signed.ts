import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';

/** Where processes of the node are reached. */
const NODE = '192.168.77.2';

/** A server on the node whose certificate nobody has signed but itself. */
export interface SelfSigned {
  /** `192.168.77.2:PORT` */
  readonly address: string;
  readonly certificate: string;
  readonly server: Server;
}

/** Starts one at a free port. */
export async function serveSelfSigned(
  cluster: Cluster,
  listener: RequestListener,
): Promise<SelfSigned> {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-self-signed-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const subject = ['-subj', '/CN=node', '-addext', `subjectAltName=IP:${NODE}`];
    const out = ['-days', '1', '-keyout', key, '-out', cert];
    await cluster.run(['openssl', 'req', '-x509', ...curve, ...subject, ...out]);
    const certificate = readFileSync(cert, 'utf8');
    const server = createServer({ key: readFileSync(key), cert: certificate }, listener);
    await new Promise<void>((listening) => {
      server.listen(0, NODE, listening);
    });
    const { port } = server.address() as AddressInfo;
    return { address: `${NODE}:${port}`, certificate, server };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
