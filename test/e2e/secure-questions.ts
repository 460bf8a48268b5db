import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Test } from 'tap';
import { monotonicClock } from '../../src/clock.ts';
import type { Endpoint } from '../../src/endpoint.ts';
import { parseServerAddress } from '../../src/upstream/server-address.ts';
import { upstreamFor } from '../../src/upstream/upstreams.ts';
import { readResponse } from '../../src/wire/message.ts';
import { queryOctets } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { PLENTY } from '../upstream/loopback.ts';
import { promised } from '../upstream/promised.ts';

/** An upstream of one server, in real time. */
export function askOver(t: Test, url: string) {
  const tallies = createUpstreamTallies();
  const upstream = promised(
    upstreamFor({
      servers: [[parseServerAddress(url)]],
      order: { kind: 'serial' },
      clock: monotonicClock,
      tallies,
      udpSockets: PLENTY,
    }),
  );
  t.teardown(() => upstream.close());
  return { upstream, tallies };
}

/** The addresses that a daemon gives for a name, asked as a libc does. @throws {Error} With the RCODE if it gives none. */
export async function askSidestub({ port, address }: Endpoint, qname: string): Promise<string[]> {
  const socket = createSocket('udp4');
  try {
    socket.send(queryOctets(qname), port, address);
    const late = AbortSignal.timeout(10_000);
    const [octets] = (await once(socket, 'message', { signal: late })) as [Buffer];
    const { rcode, answer } = readResponse(octets).message;
    if (rcode !== 0) throw new Error(`RCODE ${rcode}`);
    return answer.map(({ rdata }) => rdata.join('.'));
  } finally {
    socket.close();
  }
}
