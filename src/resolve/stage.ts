import type { Milliseconds } from '../clock.ts';
import type { AnswerSource } from '../observe/label-sets.ts';
import type { Again } from '../upstream/exchange.ts';
import type { Ede } from '../wire/edns.ts';
import type { Message } from '../wire/message.ts';
import type { Name } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
import type { Seconds } from '../wire/record.ts';

/** Where an answer came from, for metrics and `explain`. */
export type Source = AnswerSource;

/** A question on its way down the stages: a value, copied to change it. */
export interface Query extends Question {
  /** DO and CD change what an upstream answers, so they are part of a question's identity (C1). */
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
  /** The address that asked; absent where the program asks itself. */
  readonly client?: string;
  /** Set by the search stage where QNAME is `base` + `suffix`. */
  readonly expansion?: Expansion;
  /**
   * Asked before anyone wanted it: what it brings is held for its walk even with TTL 0 (N4), and it is the first to be
   * given up when room is short (S1).
   */
  readonly speculative?: boolean;
  /** Our own question, and no client's: it goes upstream with the mark that says so (N7). */
  readonly probe?: boolean;
  /** Another sidestub's own question: answered with upstream's own word, and never repaired (N7). */
  readonly fromProbe?: boolean;
  /** Asked to renew what the cache still has: not answered from it (C5). */
  readonly refresh?: boolean;
  /** Lets those that join the question make it send once more (L5). */
  readonly again?: Again;
}

/** A name that a client's search list made. */
export interface Expansion {
  readonly base: Name;
  readonly suffix: Name;
  /** Whether the suffix lies in the cluster zone: only there do cuts stand (N3). */
  readonly inZone: boolean;
}

/** What goes back up: nobody changes it; the listener renders it for its client. */
export interface Answer {
  readonly message: Message;
  readonly source: Source;
  /** Whole seconds that the message has spent in the cache: taken off its TTLs when it is rendered (C2). */
  readonly age: Seconds;
  /** When {@link age} was 0, on the program's clock; absent where nobody noted it. */
  readonly freshAt?: Milliseconds;
  readonly ede?: Ede;
  /** A failure that is remembered, of a question that was refused on its way: no word of upstream's (F5). */
  readonly wasRefused?: boolean;
  /** The name whose denial a cut's answer stands on (N3). */
  readonly proof?: Name;
}

/** Answers a query, or rejects with an error that {@link Stage}s above turn into an answer. */
export type Resolve = (query: Query) => Promise<Answer>;

/** One step of the path: it answers itself or asks `next`. */
export type Stage = (next: Resolve) => Resolve;

/** Stages in the order a query meets them, over what answers in the end. */
export function pipeline(stages: readonly Stage[], last: Resolve): Resolve {
  return stages.reduceRight((next, stage) => stage(next), last);
}

/** Equal for queries that one upstream answer serves (C1, L5). */
export function queryKey(query: Query): string {
  const bits = (query.dnssecOk ? 2 : 0) | (query.checkingDisabled ? 1 : 0);
  return `${query.qtype} ${query.qclass} ${bits} ${query.qname}`;
}

/** A query that the program asks on its own. */
export function ownQuery(qname: Name, qtype: number, more: Partial<Query> = {}): Query {
  return { qname, qtype, qclass: 1, dnssecOk: false, checkingDisabled: false, ...more };
}
