import type { AskParts } from './ask-parts.ts';
import { type Reply, refusesEdns } from './reply.ts';
import type { RoundTrips } from './retransmission.ts';
import type { Send } from './send.ts';

/**
 * Records what a reply says about its server: that it is up, how far away it is, and whether it takes an OPT.
 *
 * @param roundTrips - Of the question's class; `undefined` if the round trip says nothing for its timer.
 * @param afterSilence - Whether the question had used up its datagrams in silence.
 */
export function noteReply(
  { health, serverTallies, clock, transportChoice, edns }: AskParts,
  { send, reply }: { readonly send: Send; readonly reply: Reply },
  roundTrips: RoundTrips | undefined,
  afterSilence: boolean,
): void {
  transportChoice.heard(send.transport, afterSilence);
  serverTallies.trouble = undefined;
  health.heard();
  const now = clock.now();
  const elapsed = now - send.at;
  roundTrips?.sample(elapsed, now);
  serverTallies.latency.observe(elapsed / 1000);
  if (send.edns && !refusesEdns(reply)) edns.answered();
}
