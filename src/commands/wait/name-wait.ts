import { type Clock, elapsed, type Milliseconds } from '../../clock.ts';
import type { Client, Step, Walk } from '../../walk/walk.ts';
import { rcodeName } from '../../wire/codes.ts';

/** How to wait for one name. */
export interface NameWaitOptions {
  /** Each of these clients has to find the name: one libc may resolve what another does not. */
  readonly clients: readonly Client[];
  readonly clock: Clock;
  readonly timeout: Milliseconds;
  /** Ends the wait before that. */
  readonly signal?: AbortSignal;
  /** Called after each round in which the name was not found. */
  readonly onRetry?: (name: string, reason: string) => void;
}

/** The result of waiting for one name. */
export interface NameWait {
  readonly name: string;
  readonly resolved: boolean;
  /** From the first client; none if the name was not resolved. */
  readonly addresses: readonly string[];
  readonly rounds: number;
  readonly waited: Milliseconds;
  /** Why it is not resolved, from the last complete round. */
  readonly reason?: string;
}

/**
 * Short, because a daemon answers most of these questions from memory; a service that appears is noticed within this
 * time.
 */
const FIRST_PAUSE: Milliseconds = 100;
/**
 * A name that is still missing after some seconds belongs to a service that is starting: one question a second is
 * enough.
 */
const LONGEST_PAUSE: Milliseconds = 1_000;

/**
 * Waits until every client finds a name, asking again and again; it ends at the timeout whatever servers do.
 *
 * @throws {WireError} If `name` is not a domain name.
 */
export async function waitForName(
  name: string,
  { clients, clock, timeout, signal, onRetry }: NameWaitOptions,
): Promise<NameWait> {
  const started = clock.now();
  const waited = () => clock.now() - started;
  const deadline = new AbortController();
  const end = (): void => deadline.abort(new Error('timeout'));
  const timer = clock.after(timeout, end).keepAlive();
  if (signal?.aborted === true) end();
  signal?.addEventListener('abort', end);
  let reason = `no answer within ${timeout} ms`;
  let rounds = 0;
  try {
    for (let pause = FIRST_PAUSE; !deadline.signal.aborted; pause = longer(pause)) {
      const walks = await walkAll(name, clients, deadline.signal);
      if (walks === undefined) break;
      rounds++;
      const missing = whyNot(clients, walks);
      if (missing === undefined) {
        const [first] = walks;
        return {
          name,
          resolved: true,
          addresses: first?.addresses ?? [],
          rounds,
          waited: waited(),
        };
      }
      reason = missing;
      onRetry?.(name, reason);
      await elapsed(clock, pause, { signal: deadline.signal, keepsAlive: true });
    }
    return { name, resolved: false, addresses: [], rounds, waited: waited(), reason };
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', end);
  }
}

/** `undefined` if time ran out before every walk had ended. */
async function walkAll(
  name: string,
  clients: readonly Client[],
  signal: AbortSignal,
): Promise<readonly Walk[] | undefined> {
  try {
    return await Promise.all(clients.map((client) => client.walk(name, signal)));
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

function whyNot(clients: readonly Client[], walks: readonly Walk[]): string | undefined {
  const failed = walks.findIndex(({ outcome }) => outcome !== 'found');
  const walk = walks[failed];
  if (walk === undefined) return undefined;
  const others = clients.filter((_, index) => walks[index]?.outcome === 'found');
  const finder = others[0];
  const said = walk.steps.at(-1);
  const why = said === undefined ? 'no name to ask for' : whatWasSaid(said);
  if (finder === undefined) return why;
  return `${finder.name} finds it, ${clients[failed]?.name} does not: ${why}`;
}

function whatWasSaid({ name, rcodeA, rcodeAAAA, meaning }: Step): string {
  const word = (rcode: number | undefined): string => {
    if (rcode === undefined) return 'no answer';
    return rcode === 0 ? 'no data' : rcodeName(rcode);
  };
  const shown = name === '.' ? name : name.slice(0, -1);
  // One family has addresses, so the answer for the other one is why the lookup failed.
  if (meaning === 'addresses') return `${shown} has addresses`;
  const [a, aaaa] = [word(rcodeA), word(rcodeAAAA)];
  return a === aaaa ? `${shown}: ${a}` : `${shown}: A ${a}, AAAA ${aaaa}`;
}

function longer(pause: Milliseconds): Milliseconds {
  return Math.min(2 * pause, LONGEST_PAUSE);
}
