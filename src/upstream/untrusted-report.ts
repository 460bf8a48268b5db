import type { Clock, Milliseconds } from '../clock.ts';
import { UpstreamError } from './exchange.ts';
import type { Transport } from './transport.ts';

/**
 * Reports why a server is not trusted, with the facts of its certificate: at once, and again each minute while it
 * lasts. The client only learns that it is so; this is for the operator, who can correct it.
 */
export function reportUntrusted(
  transport: Transport,
  clock: Clock,
  tell: (message: string) => void,
): Transport {
  let quietUntil: Milliseconds = Number.NEGATIVE_INFINITY;
  const onFailure = (error: Error) => {
    if (!(error instanceof UpstreamError) || error.reason !== 'untrusted') return;
    const now = clock.now();
    if (now < quietUntil) return;
    quietUntil = now + TELL_EVERY;
    tell(error.message);
  };
  return {
    send: (question, edns, listener) =>
      transport.send(question, edns, {
        onReply: (reply) => listener.onReply(reply),
        onSuspicion: (suspicion, partial) => listener.onSuspicion?.(suspicion, partial),
        takeSend: () => listener.takeSend?.() === true,
        onFailure: (error) => {
          onFailure(error);
          listener.onFailure(error);
        },
      }),
    close: () => transport.close(),
  };
}

/** Often enough to be noticed, and no flood at a thousand questions a second (S1). */
const TELL_EVERY: Milliseconds = 60_000;
