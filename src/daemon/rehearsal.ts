import { assembleResolver, type ResolverParts } from '../assemble.ts';
import { Responder } from '../listen/responder.ts';
import type { UpstreamListener } from '../upstream/exchange.ts';
import { Rcode, RrType } from '../wire/codes.ts';
import type { Message } from '../wire/message.ts';
import { joinNames, type Name } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
import { buildQuery } from '../wire/request.ts';
import { ownNegative } from '../wire/soa.ts';

/** How many walks: after about so many the first real lookup takes no longer than the next (npm run bench -- rehearsal). */
const WALKS = 40;
/** RFC 2606 §2: nobody's name, and nothing of it leaves the process. */
const BASE: Name = 'example.com.';

/**
 * Walks names that nobody asked through stages that ask nobody, so that V8 has compiled the path before a job comes.
 *
 * A job's first lookup is the one that counts: without this it takes some milliseconds longer than all that follow.
 * Counters, cache and cuts of the daemon are not touched: it is another resolver that rehearses.
 */
export async function rehearse(
  settings: ResolverParts['settings'],
  clock: ResolverParts['clock'],
): Promise<void> {
  const nothing = { add: () => undefined };
  const zone = settings.cluster.domain ?? '.';
  const denied: Message = ownNegative(Rcode.NXDOMAIN, zone, 1);
  const exists: Message = ownNegative(Rcode.NOERROR, zone, 1);
  const upstream = {
    name: 'rehearsal',
    // What the conformance test looks for exists, so that cuts are rehearsed too.
    ask: ({ qname }: Question, listener: UpstreamListener) => {
      const said = /^(kubernetes\.)?(default\.)?svc\./.test(qname) ? exists : denied;
      // Later, as a server does: what waits for it is rehearsed too.
      setImmediate(() => listener.onAnswer(said));
    },
    close: () => undefined,
  };
  const route = { upstream };
  const resolver = assembleResolver({
    settings,
    clock,
    routes: { routeOf: () => route },
    tallies: {
      cache: { hits: nothing, misses: nothing, evictions: nothing },
      flights: { full: nothing, crowded: nothing },
      unheard: nothing,
      coalesced: nothing,
      repairs: nothing,
      fates: nothing,
      speculations: nothing,
    },
    onVerdict: () => undefined,
    onBug: () => undefined,
  });
  const responder = new Responder({
    resolve: resolver.resolve,
    clock,
    events: {
      asked: () => undefined,
      answered: () => undefined,
      rejected: () => undefined,
      dropped: () => undefined,
      crowded: () => undefined,
      bug: () => undefined,
    },
  });
  resolver.start();
  const from = { transport: 'udp', address: '127.0.0.1' } as const;
  for (let walk = 0; walk < WALKS; walk++) {
    for (const suffix of [...settings.search.suffixes, '.']) {
      for (const qtype of [RrType.A, RrType.AAAA]) {
        const qname = joinNames(`w${walk}.${BASE}`, suffix);
        const query = buildQuery(
          { qname, qtype, qclass: 1 },
          { id: 0, checkingDisabled: false, edns: undefined },
        );
        responder.respond(query, from, () => undefined);
      }
      await responder.drained();
    }
    // Real queries go first: one walk takes a fraction of a millisecond.
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
  resolver.stop();
}
