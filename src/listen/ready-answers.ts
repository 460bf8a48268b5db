import type { Clock, Milliseconds } from '../clock.ts';
import type { Replies } from '../memory/replies.ts';
import { type TypeClass, typeClass } from '../observe/label-sets.ts';
import type { Repeat } from '../resolve/repetition.ts';
import type { Answer, Query } from '../resolve/stage.ts';
import type { AnswerSource, Transport } from '../vocabulary.ts';
import { TCP_OCTETS } from '../wire/render.ts';
import type { Request } from '../wire/request.ts';

/** What is counted of a hit: everything that the stages would have counted. */
export interface Hit {
  readonly type: TypeClass;
  readonly rcode: number;
  readonly source: AnswerSource;
  readonly isExpansion: boolean;
}

export interface ReadyAnswersOptions {
  readonly replies: Replies;
  readonly repeat: Repeat;
  readonly clock: Clock;
  /** Called with `count` equal hits at once, and how long each of them took. */
  readonly onHits: (hit: Hit, transport: Transport, count: number, took: Milliseconds) => void;
}

/**
 * Replies that are sent without asking the stages. It decides which answers become such replies, and counts their hits.
 */
export class ReadyAnswers {
  private readonly options: ReadyAnswersOptions;
  private replies: Replies;
  /** Sum of the epochs of earlier {@link Replies}, so that the epoch never goes back when they are replaced. */
  private past = 0;
  /** Hits that are counted alike; the index is the number that is kept with a reply. */
  private readonly kinds: Hit[] = [];
  private readonly kindNumbers = new Map<string, number>();
  /** Room for a reply that cannot be written over its query. */
  private readonly scratch = new Uint8Array(TCP_OCTETS);

  constructor(options: ReadyAnswersOptions) {
    this.options = options;
    this.replies = options.replies;
  }

  /**
   * Switches to the replies of a new configuration: answers to questions asked under the old one are not repeated (S2).
   */
  replace(replies: Replies): void {
    this.past = this.epoch;
    this.replies = replies;
  }

  /**
   * Read when a question is asked and given to {@link keep}: a proof of that time may be dropped before the answer
   * arrives.
   */
  get epoch(): number {
    return this.past + this.replies.epoch;
  }

  /** Begins a batch. @returns The time, for {@link end}. */
  begin(): Milliseconds {
    const now = this.options.clock.now();
    this.replies.now = now;
    return now;
  }

  /** Answers the queries of a batch over UDP in their places, as {@link Replies.answerAll}. */
  answerAll(octets: Uint8Array, stride: number, lengths: Int32Array, count: number): void {
    this.replies.answerAll(octets, stride, lengths, count);
  }

  /** Ends a batch whose replies were sent, and reports its hits. */
  end(begun: Milliseconds, transport: Transport): void {
    const { clock, onHits } = this.options;
    const took = clock.now() - begun;
    this.replies.takeHits((number, count) => {
      const hit = this.kinds[number];
      if (hit !== undefined) onHits(hit, transport, count, took);
    });
  }

  /** The reply to a single query, in octets of its own; `undefined` if the query must go through the stages. */
  copy(query: Uint8Array, transport: Transport): Uint8Array | undefined {
    // Longer than any question with an OPT: not a plain one.
    if (query.length > MAX_PLAIN_OCTETS) return undefined;
    const begun = this.begin();
    this.scratch.set(query);
    const overTcp = transport === 'tcp';
    const length = this.replies.answer(this.scratch, 0, query.length, TCP_OCTETS, overTcp);
    if (length === 0) return undefined;
    const reply = this.scratch.slice(0, length);
    this.end(begun, transport);
    return reply;
  }

  /** Keeps an answer that a client was given, if it may be repeated. */
  keep(
    given: {
      readonly request: Request;
      readonly query: Query;
      readonly answer: Answer;
      /** The value of {@link epoch} when the question was asked. */
      readonly epoch: number;
    },
    reply: Uint8Array,
  ): void {
    const { repeat } = this.options;
    const { request, query, answer } = given;
    if (given.epoch !== this.epoch) return;
    const repetition = repeat(query, answer);
    if (repetition === undefined) return;
    const { rcode } = answer.message;
    // An answer from upstream is in the cache now: the stages would find it there.
    const source = answer.source === 'upstream' ? 'cache' : answer.source;
    const kind = this.kindOf({ type: typeClass(query.qtype), rcode, source, ...repetition });
    this.begin();
    const { agedAt, until } = repetition;
    const isCut = answer.source === 'cut';
    const isKept = answer.kept === answer.message;
    this.replies.keep(request, reply, {
      message: answer.message,
      storedAt: isKept ? answer.freshAt : undefined,
      age: answer.age,
      agedAt,
      until,
      kind,
      isCut,
    });
  }

  private kindOf({ type, rcode, source, isExpansion }: Hit): number {
    const key = `${type} ${rcode} ${source} ${isExpansion}`;
    const known = this.kindNumbers.get(key);
    if (known !== undefined) return known;
    this.kindNumbers.set(key, this.kinds.length);
    return this.kinds.push({ type, rcode, source, isExpansion }) - 1;
  }
}

/** Header, QNAME, QTYPE, QCLASS, OPT. */
const MAX_PLAIN_OCTETS = 12 + 255 + 4 + 11;
