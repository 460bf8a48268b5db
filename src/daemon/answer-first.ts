import type { Clock, Milliseconds } from '../clock.ts';
import type { Responder } from '../listen/responder.ts';

/** About as long as the status server takes to load. The answer of a more distant server arrives while that loads. */
const FIRST_ANSWERS: Milliseconds = 10;

/**
 * Answers clients that asked while the daemon started, before it loads parts that none of them needs.
 *
 * Reads what waits in the sockets and resolves when that is answered, or when it takes longer than a nearby server
 * would.
 */
export async function answerFirst(
  responder: Pick<Responder, 'drained'>,
  clock: Clock,
): Promise<void> {
  // The event loop reads the sockets before it calls this: the queries that wait there are then with the responder.
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
