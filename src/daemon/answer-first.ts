import type { Clock, Milliseconds } from '../clock.ts';
import type { Responder } from '../listen/responder.ts';

/** As long as the status server takes to load: who asks a server far away has its answer on the way meanwhile. */
const FIRST_ANSWERS: Milliseconds = 10;

/**
 * Answers those who have asked while the daemon started, before it loads what none of them waits for.
 *
 * Takes what waits in the sockets and resolves when that is answered, or when it takes longer than a server nearby.
 */
export async function answerFirst(
  responder: Pick<Responder, 'drained'>,
  clock: Clock,
): Promise<void> {
  // A turn of the event loop reads the sockets.
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
  await new Promise<void>((resolve) => {
    const timer = clock.after(FIRST_ANSWERS, resolve);
    void responder.drained().then(() => {
      timer.cancel();
      resolve();
    });
  });
}
