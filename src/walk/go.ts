import type { Milliseconds } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';
import { Rcode } from '../wire/codes.ts';
import type { Name } from '../wire/name.ts';
import { addressesOf } from './answer-addresses.ts';
import { Inbox } from './inbox.ts';
import { type PairQuestion, questionPair } from './question-pair.ts';
import { answersQuestion, isLame, type Reply, readReply } from './reply.ts';
import { searchOrder } from './search-order.ts';
import type { Client, ClientOptions, Meaning } from './walk.ts';
import { type StepResult, WalkLog } from './walk-log.ts';

/** For each nameserver, transport and attempt. */
const TIMEOUT: Milliseconds = 5_000;
const ATTEMPTS = 2;
const MAX_NAMESERVERS = 3;

/**
 * A model of Go's own resolver (net/dnsclient_unix.go, `goLookupIPCNAMEOrder`): A and AAAA at the same time from
 * sockets of their own; the search continues after every failure, and any address ends it.
 */
export function go(options: ClientOptions): Client {
  return {
    name: 'Go',
    async walk(name, signal) {
      const log = new WalkLog(options.clock);
      let asIs: Meaning = 'failure';
      const order = searchOrder(name, options.facts, { enoughDots: 'as-is-first' });
      for (const candidate of order) {
        const { meaning, addresses } = await log.step(candidate, () =>
          askBoth(candidate.name, options, signal),
        );
        if (meaning === 'addresses') return log.found(addresses);
        if (candidate.suffix === undefined) asIs = meaning;
      }
      // The reported error is that of the name as it was written.
      return log.end(asIs === 'failure' ? 'try-again' : 'not-found');
    },
  };
}

/** The result of one family. */
interface Lane {
  readonly reply?: Reply;
  readonly queries: number;
}

async function askBoth(
  qname: Name,
  options: ClientOptions,
  signal: AbortSignal | undefined,
): Promise<StepResult> {
  const pair = questionPair(qname, true);
  const lanes = await Promise.all(pair.map((question) => askOne(question, options, signal)));
  const addresses = pair.flatMap(({ qtype }, i) =>
    addressesOf(lanes[i]?.reply?.answer ?? [], qtype),
  );
  return {
    replies: lanes.map(({ reply }) => reply),
    queries: lanes.reduce((sum, { queries }) => sum + queries, 0),
    addresses,
    meaning: addresses.length > 0 ? 'addresses' : meaningWithout(lanes),
  };
}

/** A failure of either family is the result of the pair; without one, a denial is. */
function meaningWithout(lanes: readonly Lane[]): Meaning {
  if (lanes.at(-1)?.reply === undefined || lanes[0]?.reply === undefined) return 'failure';
  const denied = lanes.some(({ reply }) => reply?.header.rcode === Rcode.NXDOMAIN);
  return denied ? 'no-such-name' : 'no-data';
}

/**
 * `tryOneName`: an answer that says something about the name ends it; after a failure the next server is asked, for two
 * rounds.
 */
async function askOne(
  question: PairQuestion,
  { facts, clock, transport }: ClientOptions,
  signal: AbortSignal | undefined,
): Promise<Lane> {
  const inbox = new Inbox(clock, transport, signal);
  const nameservers = facts.nameservers.slice(0, MAX_NAMESERVERS);
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      for (const nameserver of nameservers) {
        const reply = await roundTrip(question, nameserver, inbox, () => clock.now() + TIMEOUT);
        if (reply !== undefined && isConclusive(reply)) return { reply, queries: inbox.sent };
      }
    }
    return { queries: inbox.sent };
  } finally {
    inbox.close();
  }
}

/** One server over UDP, and over TCP after TC, each with the whole timeout. */
async function roundTrip(
  question: PairQuestion,
  nameserver: Endpoint,
  inbox: Inbox,
  deadline: () => Milliseconds,
): Promise<Reply | undefined> {
  for (const transport of ['udp', 'tcp'] as const) {
    const socket = inbox[transport](nameserver);
    socket.send(question.octets, nameserver);
    const reply = await replyTo(question, inbox, deadline());
    socket.close();
    if (reply?.truncated !== true) return reply;
  }
  return undefined;
}

/** A reply that matches neither ID nor question is ignored, and the wait goes on. */
async function replyTo(
  question: PairQuestion,
  inbox: Inbox,
  until: Milliseconds,
): Promise<Reply | undefined> {
  for (;;) {
    const arrival = await inbox.wait(until);
    if (arrival?.message === undefined) return undefined;
    const reply = readReply(arrival.message.octets);
    if (reply !== undefined && answersQuestion(reply, question)) return reply;
  }
}

/** `checkHeader`: NOERROR that is not a lame referral, or NXDOMAIN. */
function isConclusive(reply: Reply): boolean {
  const { rcode } = reply.header;
  return rcode === Rcode.NXDOMAIN || (rcode === Rcode.NOERROR && !isLame(reply));
}
