import { connect } from 'node:net';
import type { Clock, Milliseconds } from '../clock.ts';
import type { ServerAddress } from './server-address.ts';
import { streamTransport } from './stream-transport.ts';
import { TCP_SILENCE } from './timeouts.ts';
import type { Transport } from './transport.ts';
import type { UpstreamTallies } from './upstream-tallies.ts';

/** Carries messages over a kept TCP connection, in clear text (RFC 7766). */
export function tcpTransport(
  { endpoint, name }: Pick<ServerAddress, 'endpoint' | 'name'>,
  clock: Clock,
  tallies: UpstreamTallies,
  maxWaiting?: number,
): Transport {
  let handshake = REDIAL;
  const server = {
    transport: 'tcp',
    name,
    padded: false,
    silenceLimit: TCP_SILENCE,
    generation: 0,
    get redialAfter() {
      return redialAfter(handshake);
    },
    dial: (onOpen: () => void) => {
      const dialledAt = clock.now();
      // A numeric address is connected to without a lookup.
      return connect({ host: endpoint.address, port: endpoint.port, noDelay: true }, () => {
        handshake = clock.now() - dialledAt;
        onOpen();
      });
    },
  } as const;
  return streamTransport(server, clock, tallies, maxWaiting);
}

/** How long a socket may take to open before another one is tried, by how long the last one took (U2). */
export function redialAfter(handshake: Milliseconds): Milliseconds {
  return Math.min(TCP_SILENCE, Math.max(REDIAL, 2 * handshake));
}

/** U2: as soon as a datagram may be resent. The kernel sends a lost SYN again after 1 s, and by the same DNAT choice. */
const REDIAL: Milliseconds = 30;
