import { Rcode, RrType } from '../wire/codes.ts';
import type { Name } from '../wire/name.ts';
import { ownedAddresses } from './answer-addresses.ts';
import { type GlibcReplies, type GlibcThread, glibcExchange } from './glibc-exchange.ts';
import { Inbox } from './inbox.ts';
import { questionPair } from './question-pair.ts';
import type { Reply } from './reply.ts';
import { type Candidate, searchOrder } from './search-order.ts';
import type { Client, ClientOptions, Meaning, Walk } from './walk.ts';
import { type StepResult, WalkLog } from './walk-log.ts';

/** MAXNS (G1). */
const MAX_NAMESERVERS = 3;

/**
 * A model of glibc's `getaddrinfo` (resolv/res_query.c, nss_dns/dns-host.c), version 2.26 to 2.40: rules G1 to G6.
 *
 * It models one thread of one process: after a pair has lost an answer, it asks one question after the other (G1).
 */
export function glibc(options: ClientOptions): Client {
  const thread: GlibcThread = { mode: 'parallel' };
  return {
    name: 'glibc',
    walk: (name, signal) => new Search(options, thread, signal).run(name),
  };
}

/** The result of one candidate, and whether the search ends with it. */
interface Query extends StepResult {
  readonly end: 'search' | 'list' | undefined;
}

const NOTHING_ASKED: Query = {
  replies: [],
  addresses: [],
  meaning: 'no-such-name',
  queries: 0,
  end: undefined,
};

class Search {
  private readonly options: ClientOptions;
  private readonly thread: GlibcThread;
  private readonly signal: AbortSignal | undefined;
  private readonly log: WalkLog;
  /** The results of the search list's candidates that did not end the search. */
  private readonly inList = new Set<Meaning>();

  constructor(options: ClientOptions, thread: GlibcThread, signal: AbortSignal | undefined) {
    this.options = options;
    this.thread = thread;
    this.signal = signal;
    this.log = new WalkLog(options.clock);
  }

  /** `__res_context_search`. */
  async run(name: string): Promise<Walk> {
    const order = searchOrder(name, this.options.facts, { enoughDots: 'as-is-first' });
    const asIs = order.filter(({ suffix }) => suffix === undefined);
    const list = order.filter(({ suffix }) => suffix !== undefined);
    const asIsFirst = order[0]?.suffix === undefined;
    const first = await this.askEach(asIsFirst ? asIs : list);
    if (first.end === 'search') return this.end(first);
    // A timeout ends the list, but the name without a suffix is still tried.
    const second = await this.askEach(asIsFirst ? list : asIs);
    if (second.end === 'search') return this.end(second);
    return this.log.end(outcomeOf(asIsFirst ? first.meaning : this.resultOfListOr(second.meaning)));
  }

  /** @returns The query that ended the search or the list; else the last one. */
  private async askEach(candidates: readonly Candidate[]): Promise<Query> {
    let query = NOTHING_ASKED;
    for (const candidate of candidates) {
      query = await this.log.step(candidate, () => this.ask(candidate.name));
      if (query.end !== undefined) break;
      if (candidate.suffix !== undefined) this.inList.add(query.meaning);
    }
    return query;
  }

  private end({ meaning, addresses }: Query): Walk {
    if (meaning === 'addresses') return this.log.found(addresses);
    return this.log.end(outcomeOf(meaning));
  }

  /**
   * The reported result if the list came first: NODATA from the list, SERVFAIL from the list, else the result of the
   * name without a suffix.
   */
  private resultOfListOr(last: Meaning): Meaning {
    if (this.inList.has('no-data')) return 'no-data';
    return this.inList.has('failure') ? 'failure' : last;
  }

  private async ask(qname: Name): Promise<Query> {
    const { clock, transport, facts } = this.options;
    const inbox = new Inbox(clock, transport, this.signal);
    try {
      const result = await glibcExchange(questionPair(qname, false), {
        clock,
        inbox,
        nameservers: facts.nameservers.slice(0, MAX_NAMESERVERS),
        thread: this.thread,
      });
      return { replies: result.replies, queries: inbox.sent, ...judge(result, qname) };
    } finally {
      inbox.close();
    }
  }
}

type Reading = Pick<Query, 'meaning' | 'addresses' | 'end'>;

/** `__res_context_query`: what both answers mean together, and how the search goes on (G5). */
function judge({ replies, refusal, nobodyThere }: GlibcReplies, qname: Name): Reading {
  const given = replies.filter((reply) => reply !== undefined);
  if (nobodyThere) return without('failure', 'search');
  if (given.length === 0) {
    return without('failure', refusal === Rcode.SERVFAIL ? undefined : 'list');
  }
  if (given.some(hasRecords)) return taken(replies, qname);
  // The first error RCODE is the result of the pair.
  const rcode = given.find(({ header }) => header.rcode !== Rcode.NOERROR)?.header.rcode;
  if (rcode === undefined) return without('no-data');
  return rcode === Rcode.NXDOMAIN ? without('no-such-name') : without('failure', 'list');
}

/** G5: any record in an answer ends the search, even a single CNAME; the addresses are looked for afterwards (G6). */
function taken([a, aaaa]: GlibcReplies['replies'], qname: Name): Reading {
  const addresses = [
    ...ownedAddresses(a?.answer ?? [], qname, RrType.A),
    ...ownedAddresses(aaaa?.answer ?? [], qname, RrType.AAAA),
  ];
  if (addresses.length === 0) return without('no-data', 'search');
  return { meaning: 'addresses', addresses, end: 'search' };
}

function hasRecords({ header }: Reply): boolean {
  return header.rcode === Rcode.NOERROR && header.ancount > 0;
}

function without(meaning: Meaning, end?: Query['end']): Reading {
  return { meaning, addresses: [], end };
}

function outcomeOf(meaning: Meaning): Walk['outcome'] {
  if (meaning === 'addresses') return 'found';
  return meaning === 'failure' ? 'try-again' : 'not-found';
}
