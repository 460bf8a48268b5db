import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what kernels give to clients: there no socket that asks can take a port before the server does. */
const FIRST = 15_000;
const COUNT = 15_000;
/** Far more than are ever taken at a time. */
const TRIES = 100;

/** A port of 127.0.0.1 that is free over UDP and TCP. @throws {Error} If none is found. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = FIRST + randomInt(COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${FIRST} on`);
}

async function isFree(port: number): Promise<boolean> {
  const udp = createSocket('udp4');
  const tcp = createServer();
  try {
    const bound = [once(udp, 'listening'), once(tcp, 'listening')];
    udp.bind(port, '127.0.0.1');
    tcp.listen(port, '127.0.0.1');
    await Promise.all(bound);
    return true;
  } catch {
    return false;
  } finally {
    udp.close();
    tcp.close();
  }
}
