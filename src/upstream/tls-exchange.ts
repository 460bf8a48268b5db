import type { Clock } from '../clock.ts';
import type { TlsAddress } from './server-address.ts';
import { streamTransport } from './stream-transport.ts';
import { SILENCE } from './timeouts.ts';
import { TlsDialer } from './tls-dialer.ts';
import type { Transport } from './transport.ts';
import type { UpstreamTallies } from './upstream-tallies.ts';

/** Carries messages over a kept TLS connection, and only to a server that is authenticated (DoT, RFC 7858; U5). */
export function tlsTransport(
  address: TlsAddress,
  clock: Clock,
  tallies: UpstreamTallies,
): Transport {
  const dialer = new TlsDialer(address, [], clock);
  const server = {
    transport: 'tls',
    name: address.name,
    padded: true,
    // A handshake costs more than a datagram, and there is no other transport to fall back to.
    silenceLimit: SILENCE,
    get generation() {
      return dialer.generation;
    },
    dial: (onOpen: () => void) => dialer.dial(onOpen),
  } as const;
  return streamTransport(server, clock, tallies);
}
