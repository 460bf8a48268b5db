import type { Milliseconds } from '../clock.ts';
import type { Again, UpstreamFailure } from '../upstream/exchange.ts';
import type { AnswerSource } from '../vocabulary.ts';
import { RrClass, RrType } from '../wire/codes.ts';
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
  /** What the name may become if it is denied; set by the search stage for expansions in the cluster zone (C2, N9). */
  readonly denialKind?: DenialKind;
  /**
   * Asked in advance: its answer is kept for the walk even with TTL 0 (N4), and it is the first to be refused when room
   * is short (S1).
   */
  readonly speculative?: boolean;
  /** Our own question, and no client's: it goes upstream with the mark that says so (N7). */
  readonly probe?: boolean;
  /** Another sidestub's own question: answered with upstream's answer, and never repaired (N7). */
  readonly fromProbe?: boolean;
  /** Asked to refresh an answer that is still in the cache, so not answered from there (C5). */
  readonly refresh?: boolean;
  /** Lets those that join the question make it send once more (L5). */
  readonly again?: Again;
}

/** A name that a client's search list produced: base + suffix. */
export interface Expansion {
  readonly base: Name;
  readonly suffix: Name;
  /** Whether the suffix lies in the cluster zone: cuts exist only there (N3). */
  readonly inZone: boolean;
}

/**
 * What a denied name in the cluster zone may become (C2, N3).
 *
 * `brief`: a service, an endpoint or a namespace, which may be created at any moment. `usual`: hardly anything, though
 * its base does not end in a top-level domain. `tld`: hardly anything, since its base does.
 */
export type DenialKind = 'brief' | 'usual' | 'tld';

/** An answer on its way back up: it is never changed; the listener renders it for its client. */
export interface Answer {
  readonly message: Message;
  readonly source: Source;
  /** Whole seconds that the message has spent in the cache: taken off its TTLs when it is rendered (C2). */
  readonly age: Seconds;
  /** When {@link age} was 0, on the program's clock; absent if that is not known. */
  readonly freshAt?: Milliseconds;
  /** The message as upstream sent it and the memory keeps it. A stage that replaces {@link message} leaves it. */
  readonly kept?: Message;
  readonly ede?: Ede;
  /** Why upstream did not answer, if this SERVFAIL was made for that. */
  readonly failure?: UpstreamFailure;
  /** A remembered failure that was upstream's own SERVFAIL. */
  readonly wasSaid?: boolean;
  /** The point of the cut that gave this answer (N3). */
  readonly proof?: Name;
}

/**
 * Waits for the answer to a query. Exactly one of the two is called, once, perhaps before the {@link Resolve} that was
 * asked returns.
 */
export interface Asker {
  onAnswer(answer: Answer): void;
  /** @param error - No answer exists: an error that {@link Stage}s above turn into an answer. */
  onFailure(error: unknown): void;
}

/** Answers a query: every asker is called exactly once. */
export type Resolve = (query: Query, asker: Asker) => void;

/** One step of the path: it answers itself or asks `next`. */
export type Stage = (next: Resolve) => Resolve;

/** Chains the stages, in the order in which a query meets them, before the last one. */
export function pipeline(stages: readonly Stage[], last: Resolve): Resolve {
  return stages.reduceRight((next, stage) => stage(next), last);
}

/**
 * Asks with a promise: for paths that few questions take, and that read better with `await`. Where every question
 * passes, a stage is a listener, since promises are a large part of what a miss costs (decision 11).
 */
export function asking(resolve: Resolve): (query: Query) => Promise<Answer> {
  return (query) =>
    new Promise((onAnswer, onFailure) => {
      resolve(query, { onAnswer, onFailure });
    });
}

/** Gives an asker the outcome of a promise. */
export function tell(asker: Asker, answer: Promise<Answer>): void {
  answer.then((value) => asker.onAnswer(value)).catch((error: unknown) => asker.onFailure(error));
}

/**
 * Ignores the outcome: for questions asked only so that later ones find the answer. A failure is counted where it
 * occurs.
 */
export const NOBODY: Asker = {
  onAnswer: () => undefined,
  onFailure: () => undefined,
};

/** Equal for queries that one upstream answer serves (C1, L5). */
export function queryKey(query: Query): string {
  const bits = (query.dnssecOk ? 2 : 0) | (query.checkingDisabled ? 1 : 0);
  return `${query.qtype} ${query.qclass} ${bits} ${query.qname}`;
}

/** Whether a question is one half of a pair. */
export function isAddressQuery({ qtype, qclass }: Query): boolean {
  return qclass === RrClass.IN && (qtype === RrType.A || qtype === RrType.AAAA);
}

/** The other half of a pair. */
export function siblingOf(query: Query): Query {
  return { ...query, qtype: query.qtype === RrType.A ? RrType.AAAA : RrType.A };
}

/** A query that the program asks on its own. */
export function ownQuery(qname: Name, qtype: number, more: Partial<Query> = {}): Query {
  return { qname, qtype, qclass: 1, dnssecOk: false, checkingDisabled: false, ...more };
}
