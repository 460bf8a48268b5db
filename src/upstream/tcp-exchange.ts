import { connect } from 'node:net';
import type { Clock } from '../clock.ts';
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
  const server = {
    transport: 'tcp',
    name,
    padded: false,
    silenceLimit: TCP_SILENCE,
    generation: 0,
    // A numeric address is connected to without a lookup.
    dial: (onOpen: () => void) =>
      connect({ host: endpoint.address, port: endpoint.port, noDelay: true }, onOpen),
  } as const;
  return streamTransport(server, clock, tallies, maxWaiting);
}
