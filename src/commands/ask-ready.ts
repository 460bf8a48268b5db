import { get } from 'node:http';
import type { Clock, Milliseconds } from '../clock.ts';
import { type Endpoint, formatEndpoint } from '../endpoint.ts';

/** A list of reasons is short; whatever else answers there is not read to its end. */
const MAX_BODY_CHARACTERS = 4_096;

/**
 * Asks a status server once whether its daemon is ready.
 *
 * @returns `undefined` when it is, else why not.
 */
export function askReady(
  address: Endpoint,
  { clock, timeout }: { readonly clock: Clock; readonly timeout: Milliseconds },
): Promise<string | undefined> {
  const where = `http://${formatEndpoint(address)}/ready`;
  return new Promise((resolve) => {
    const fail = (reason: string): void => resolve(`${where}: ${reason}`);
    // No kept connection: the process ends with the answer.
    const request = get({
      host: address.address,
      port: address.port,
      path: '/ready',
      agent: false,
    });
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        body = (body + part).slice(0, MAX_BODY_CHARACTERS);
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(undefined);
        else fail(`${response.statusCode} ${body.trim()}`);
      });
    });
    const silent = (): void => {
      fail(`silent for ${timeout} ms`);
      request.destroy();
    };
    const timer = clock.after(timeout, silent).keepAlive();
    request.on('error', ({ message }) => fail(message));
    request.on('close', () => timer.cancel());
  });
}

/** The hook and the daemon start at the same moment, so that each pause delays the job. */
const PAUSE: Milliseconds = 20;
/** A daemon that runs answers at once; one that is stuck is asked again after this. */
const ANSWER_WITHIN: Milliseconds = 900;

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
    // The last request may end after the deadline: cut short, it would tell less than the one before.
    const reason = await askReady(server, { clock, timeout: ANSWER_WITHIN });
    if (reason === undefined || clock.now() >= deadline) return reason;
    await new Promise<void>((resolve) => {
      clock.after(PAUSE, resolve).keepAlive();
    });
  }
}
