import { Rcode, RrType } from '../wire/codes.ts';
import { addressesOf } from './answer-addresses.ts';
import { Inbox } from './inbox.ts';
import { muslExchange } from './musl-exchange.ts';
import { questionPair } from './question-pair.ts';
import type { Reply } from './reply.ts';
import { searchOrder } from './search-order.ts';
import type { Client, ClientOptions, Meaning } from './walk.ts';
import { type StepResult, WalkLog } from './walk-log.ts';

/**
 * The releases between which lookups changed: 1.2.0 stands for all before 1.2.1 (Alpine 3.12 and older), 1.2.3 for
 * 1.2.1 to 1.2.3 (until Alpine 3.17 and Debian 12), 1.2.5 for 1.2.4 and newer.
 */
export type MuslVersion = '1.2.0' | '1.2.3' | '1.2.5';

/** The behaviours that differ between these releases. */
interface MuslRules {
  /** M5: NXDOMAIN for one family denies the name, and both families have to be answered. */
  readonly bothFamilies: boolean;
  /** M7: TCP on TC. */
  readonly tcp: boolean;
  /** M7: `search .` breaks lookups. */
  readonly rootEnds: boolean;
}

const RULES: Readonly<Record<MuslVersion, MuslRules>> = {
  '1.2.0': { bothFamilies: false, tcp: false, rootEnds: true },
  '1.2.3': { bothFamilies: true, tcp: false, rootEnds: true },
  '1.2.5': { bothFamilies: true, tcp: true, rootEnds: false },
};

/** M1. */
const MAX_NAMESERVERS = 3;
/** M3: MAXADDRS. */
const MAX_ADDRESSES = 48;

/** A model of musl's `getaddrinfo` (src/network/lookup_name.c, `name_from_dns_search`): rules M1 to M8. */
export function musl(options: ClientOptions, version: MuslVersion): Client {
  const { facts, clock } = options;
  const rules = RULES[version];
  return {
    name: `musl ${version}`,
    async walk(name, signal) {
      const log = new WalkLog(clock);
      const order = { enoughDots: 'as-is-only', rootEnds: rules.rootEnds } as const;
      for (const candidate of searchOrder(name, facts, order)) {
        const { meaning, addresses } = await log.step(candidate, () =>
          askPair(candidate.name, options, rules, signal),
        );
        if (meaning === 'addresses') return log.found(addresses);
        // M6: the search continues only after a denial.
        if (meaning !== 'no-such-name') {
          return log.end(meaning === 'failure' ? 'try-again' : 'not-found');
        }
      }
      return log.end('not-found');
    },
  };
}

async function askPair(
  qname: string,
  { facts, clock, transport }: ClientOptions,
  rules: MuslRules,
  signal: AbortSignal | undefined,
): Promise<StepResult> {
  const inbox = new Inbox(clock, transport, signal);
  try {
    const replies = await muslExchange(questionPair(qname, false), {
      clock,
      inbox,
      nameservers: facts.nameservers.slice(0, MAX_NAMESERVERS),
      tcp: rules.tcp,
    });
    const read = rules.bothFamilies ? newMeaning(replies) : oldMeaning(replies);
    return { replies, queries: inbox.sent, ...read };
  } finally {
    inbox.close();
  }
}

type Reading = Pick<StepResult, 'meaning' | 'addresses'>;

/** M5, since 1.2.1: the first of A and AAAA that is not NOERROR decides, whatever the other one is. */
function newMeaning(replies: readonly (Reply | undefined)[]): Reading {
  for (const reply of replies) {
    if (reply === undefined) return without('failure');
    if (reply.header.rcode === Rcode.NXDOMAIN) return without('no-such-name');
  }
  const [a, aaaa] = replies;
  const addresses = [
    ...addressesOf(a?.answer ?? [], RrType.A),
    ...addressesOf(aaaa?.answer ?? [], RrType.AAAA),
  ];
  return addressesOr(addresses, 'no-data');
}

/** M5, until 1.2.0: any address is enough, of either family and from either answer; without one, A decides. */
function oldMeaning(replies: readonly (Reply | undefined)[]): Reading {
  const answers = replies.map((reply) => reply?.answer ?? []);
  const addresses = [RrType.A, RrType.AAAA].flatMap((qtype) => addressesOf(answers.flat(), qtype));
  const [a] = replies;
  if (a === undefined) return addressesOr(addresses, 'failure');
  return addressesOr(addresses, a.header.rcode === Rcode.NXDOMAIN ? 'no-such-name' : 'no-data');
}

function addressesOr(addresses: readonly string[], otherwise: Meaning): Reading {
  if (addresses.length === 0) return without(otherwise);
  return { meaning: 'addresses', addresses: addresses.slice(0, MAX_ADDRESSES) };
}

function without(meaning: Meaning): Reading {
  return { meaning, addresses: [] };
}
