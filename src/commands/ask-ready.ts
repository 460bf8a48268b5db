import { connect } from 'node:net';
import { type Clock, elapsed, type Milliseconds } from '../clock.ts';
import { type Endpoint, formatEndpoint } from '../endpoint.ts';

/** A list of reasons is short. If another program answers on this port, no more than this is read. */
const MAX_CHARACTERS = 8_192;

/**
 * Asks a status server once whether its daemon is ready.
 *
 * In HTTP/1.0 by hand: a postStart hook and an exec probe are processes of their own, and `node:http` takes a fifth of
 * what such a process takes (npm run bench -- hook).
 *
 * @returns `undefined` when it is, else why not.
 */
export function askReady(
  address: Endpoint,
  { clock, timeout }: { readonly clock: Clock; readonly timeout: Milliseconds },
): Promise<string | undefined> {
  const where = `http://${formatEndpoint(address)}/ready`;
  const done = Promise.withResolvers<string | undefined>();
  const fail = (reason: string): void => done.resolve(`${where}: ${reason}`);
  const socket = connect(address.port, address.address);
  let reply = '';
  socket.setEncoding('utf8');
  socket.on('connect', () => {
    // RFC 1945 §5: the server closes the connection behind its answer, and sends it whole.
    socket.write(`GET /ready HTTP/1.0\r\nHost: ${formatEndpoint(address)}\r\n\r\n`);
  });
  socket.on('data', (part: string) => {
    reply += part;
    if (reply.length > MAX_CHARACTERS) socket.destroy();
  });
  const silent = (): void => {
    fail(`silent for ${timeout} ms`);
    socket.destroy();
  };
  const timer = clock.after(timeout, silent).keepAlive();
  socket.on('error', ({ message }) => fail(message));
  socket.on('close', () => {
    timer.cancel();
    const status = /^HTTP\/1\.\d (\d{3})/.exec(reply)?.[1];
    if (status === '200') done.resolve(undefined);
    else if (status === undefined) fail('it says nothing of HTTP');
    else fail(`${status} ${bodyOf(reply).trim()}`);
  });
  return done.promise;
}

function bodyOf(reply: string): string {
  const head = reply.indexOf('\r\n\r\n');
  return head < 0 ? '' : reply.slice(head + 4);
}

/**
 * The hook and the daemon start at the same moment, so on average half a pause delays the job. An attempt takes a third
 * of a millisecond, less if the connection is refused.
 */
const PAUSE: Milliseconds = 5;
/** A daemon that runs answers at once; one that is stuck is asked again after this. */
const ANSWER_WITHIN: Milliseconds = 900;

/**
 * Asks a daemon's status server again and again until the daemon is ready; the server need not listen yet.
 *
 * @returns `undefined` when it is ready, else the last reason why it was not.
 */
export async function untilReady(
  server: Endpoint,
  { clock, timeout }: { readonly clock: Clock; readonly timeout: Milliseconds },
): Promise<string | undefined> {
  const deadline = clock.now() + timeout;
  for (;;) {
    // The last request may end after the deadline: cut short, its reason would say less than the previous one.
    const reason = await askReady(server, { clock, timeout: ANSWER_WITHIN });
    if (reason === undefined || clock.now() >= deadline) return reason;
    await elapsed(clock, PAUSE, { keepsAlive: true });
  }
}
