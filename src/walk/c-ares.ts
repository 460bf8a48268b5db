import { Rcode, RrType } from '../wire/codes.ts';
import { countLabels, type Name } from '../wire/name.ts';
import { addressesOf } from './answer-addresses.ts';
import { type CaresReplies, caresExchange, ServerPace } from './c-ares-exchange.ts';
import { Inbox } from './inbox.ts';
import { questionPair } from './question-pair.ts';
import { searchOrder } from './search-order.ts';
import type { Client, ClientOptions, Meaning, Walk } from './walk.ts';
import { type StepResult, WalkLog } from './walk-log.ts';

/**
 * A model of c-ares' `ares_getaddrinfo` (ares_getaddrinfo.c, ares_process.c), which curl and Node's `dns.resolve` use:
 * a timeout of two seconds at first, then one derived from the server's response times.
 *
 * It models one channel that is used repeatedly, so it remembers those times. The answer cache and cookies of c-ares
 * are left out.
 */
export function cares(options: ClientOptions): Client {
  const paces = options.facts.nameservers.map(() => new ServerPace());
  return {
    name: 'c-ares',
    walk: (name, signal) => search(name, options, paces, signal),
  };
}

async function search(
  name: string,
  options: ClientOptions,
  paces: readonly ServerPace[],
  signal: AbortSignal | undefined,
): Promise<Walk> {
  const log = new WalkLog(options.clock);
  for (const candidate of searchOrder(name, options.facts, { enoughDots: 'as-is-first' })) {
    const { meaning, addresses } = await log.step(candidate, () =>
      askPair(candidate.name, options, paces, signal),
    );
    if (meaning === 'addresses') return log.found(addresses);
    // A failure ends the search, except for a name of one label, which resolvers fail as a matter of policy.
    if (meaning === 'failure' && countLabels(candidate.name) > 1) return log.end('try-again');
  }
  return log.end('not-found');
}

async function askPair(
  qname: Name,
  { facts, clock, transport }: ClientOptions,
  paces: readonly ServerPace[],
  signal: AbortSignal | undefined,
): Promise<StepResult> {
  const inbox = new Inbox(clock, transport, signal);
  try {
    const { nameservers } = facts;
    const result = await caresExchange(questionPair(qname, true), {
      clock,
      inbox,
      nameservers,
      paces,
    });
    const addresses = addressesIn(result);
    const meaning = addresses.length > 0 ? 'addresses' : meaningWithout(result);
    return { replies: result.replies, queries: inbox.sent, addresses, meaning };
  } finally {
    inbox.close();
  }
}

function addressesIn({ replies: [a, aaaa] }: CaresReplies): string[] {
  return [
    ...addressesOf(a?.answer ?? [], RrType.A),
    ...addressesOf(aaaa?.answer ?? [], RrType.AAAA),
  ];
}

/** `host_callback`: the status of the question that ended last is the status of the pair. */
function meaningWithout({ last }: CaresReplies): Meaning {
  if (last?.header.rcode === Rcode.NXDOMAIN) return 'no-such-name';
  return last?.header.rcode === Rcode.NOERROR ? 'no-data' : 'failure';
}
