import type { BoundSocket, Server } from 'node:net';
import { type Endpoint, isIpv6Address } from './endpoint.ts';

export interface ListenAtOptions {
  /** Whether `::` leaves IPv4 to others. */
  readonly ipv6Only?: boolean;
  /** Whether others may listen there too, as the threads of one process do. */
  readonly reusePort?: boolean;
}

/** Bounded, since none may be free at all; two in a row that are taken are rare. */
const PORT_CHOICES = 16;

/**
 * Binds UDP and TCP on one port. Of the ports that the kernel chooses for the one, few are taken for the other: then it
 * chooses again.
 *
 * @param port - What was asked for: 0 lets the kernel choose.
 * @param bind - Binds both, or leaves none bound and rejects as `bind` fails.
 */
export async function onOnePort<Bound>(port: number, bind: () => Promise<Bound>): Promise<Bound> {
  for (let choice = 1; ; choice++) {
    try {
      return await bind();
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (port !== 0 || !taken || choice === PORT_CHOICES) throw error;
    }
  }
}

/** Node has it since version 26; `null` makes this work as on an older one. */
type Binds = typeof BoundSocket | undefined | null;

/**
 * Makes a server listen on an address; the result is reported by its events.
 *
 * The socket is bound here if Node allows that: `server.listen` looks the address up first, as if it were a name, and
 * loads `node:dns` for that, which takes 8 ms of a start.
 *
 * @throws {NodeJS.ErrnoException} As `bind` fails, if it is bound here; otherwise the server emits the error.
 */
export function listenAt(
  server: Server,
  { address: host, port }: Endpoint,
  { ipv6Only = false, reusePort = false }: ListenAtOptions = {},
  Bound: Binds = process.getBuiltinModule('node:net').BoundSocket,
): void {
  const options = { host, port, ipv6Only: ipv6Only && isIpv6Address(host), reusePort };
  if (Bound == null) server.listen({ ...options, exclusive: true });
  else server.listen(new Bound(options));
}
