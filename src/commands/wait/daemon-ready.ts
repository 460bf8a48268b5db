import type { Clock, Milliseconds } from '../../clock.ts';
import type { Endpoint } from '../../endpoint.ts';
import { askReady } from '../ask-ready.ts';

/** The hook and the daemon start at the same moment: each pause is time that the job waits. */
const PAUSE: Milliseconds = 20;
/** A daemon that is there answers at once; one that is stuck is asked again. */
const PATIENCE: Milliseconds = 900;

/**
 * Asks a daemon's status server until it is ready, from before it listens.
 *
 * @returns `undefined` when it is ready, else why it was not at the end.
 */
export async function untilReady(
  server: Endpoint,
  { clock, timeout }: { readonly clock: Clock; readonly timeout: Milliseconds },
): Promise<string | undefined> {
  const deadline = clock.now() + timeout;
  for (;;) {
    // The last one may end after the deadline: cut short it would say less than the one before it.
    const reason = await askReady(server, { clock, timeout: PATIENCE });
    if (reason === undefined || clock.now() >= deadline) return reason;
    await new Promise<void>((resolve) => {
      clock.after(PAUSE, resolve).keepAlive();
    });
  }
}
