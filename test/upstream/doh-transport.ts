import type { Test } from 'tap';
import { httpsTransport } from '../../src/upstream/https-exchange.ts';
import type { Reply } from '../../src/upstream/reply.ts';
import { parseServerAddress } from '../../src/upstream/server-address.ts';
import type { Transport } from '../../src/upstream/transport.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { outgoing } from './loopback.ts';

/** What a DoH server of a test says. */
export const truth = message({ answer: [a('api.example.', '192.0.2.1')] });

/** A transport to a server on the loopback. */
export function transportTo(t: Test, url: string) {
  const address = parseServerAddress(url);
  if (address.transport !== 'https') throw new Error('not https');
  const clock = new HandClock();
  const tallies = createUpstreamTallies();
  const transport = httpsTransport(address, clock, tallies);
  t.teardown(() => transport.close());
  return { transport, clock, tallies, address };
}

/** Asks what may be sent three times (U2). */
export function ask(transport: Transport, qname = 'api.example.'): Promise<Reply> {
  let left = 2;
  return new Promise((onReply, onFailure) => {
    transport.send(outgoing(qname), true, { onReply, onFailure, takeSend: () => left-- > 0 });
  });
}
