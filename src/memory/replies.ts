import type { Milliseconds } from '../clock.ts';
import { Rcode } from '../wire/codes.ts';
import { Flag, putUint16, uint16, uint32 } from '../wire/header.ts';
import type { Message } from '../wire/message.ts';
import type { Request } from '../wire/request.ts';
import type { AnswerMemory } from './answer-memory.ts';
import { ANSWER, FIELDS, KIND, type Life, MADE, type Role } from './entry.ts';
import type { EntryParts } from './entry-parts.ts';
import type { EntryStore } from './entry-store.ts';
import {
  canonicalRecords,
  hasRecords,
  type KeptRecords,
  keptOctets,
  PLAIN_OPT,
  packedRecords,
  putRecords,
  recordsOf,
} from './kept-records.ts';
import { PlainQuery } from './plain-query.ts';
import { ReplyBatch } from './reply-batch.ts';

/**
 * One more than the largest kind: kinds are kept in an octet. Fewer are needed: seven classes of types, two RCODEs,
 * four sources and two more.
 */
const MAX_KINDS = 256;
/**
 * So many octets of entries, with an index half as large, are more than the processor's nearer caches hold: from 40,000
 * names on, looking them up together is faster (`npm run bench -- table`).
 */
const LARGE = 4 * 1024 * 1024;

/** Facts about a reply that its octets do not say. */
export interface Keep {
  /** The message that was rendered. */
  readonly message: Message;
  /** Seconds that were taken off its TTLs when `reply` was rendered. */
  readonly age: number;
  /** When its TTLs would have to be aged by a second more; and when it must no longer be repeated. */
  readonly agedAt: Milliseconds;
  readonly until: Milliseconds;
  /** A number chosen by the owner and reported on each hit. */
  readonly kind: number;
  /** Whether it depends on a cut, so that {@link Replies.dropCuts} ends it. */
  readonly isCut: boolean;
  /** When the memory stored the message, if it is upstream's answer; absent for one that a stage made. */
  readonly storedAt?: Milliseconds | undefined;
}

/**
 * Replies that are ready to be sent. A question that was answered before is answered in the buffer in which it arrived,
 * so that ID and case are the client's and nothing is allocated.
 *
 * A reply says only what the stages would say: its owner knows how long that holds. A reply that does not fit, and
 * every query that is not a plain one, is left to the ordinary path.
 */
export class Replies {
  /** The time for which hits are answered; set before each batch of them. */
  now: Milliseconds = 0;
  /** Reads the query that is answered or kept. */
  private query: PlainQuery;
  /** Reads the queries of a batch together; empty until the memory is large. */
  private batch: ReplyBatch;
  private readonly seed: number;
  private readonly parts: EntryParts;
  private readonly hits = new Float64Array(MAX_KINDS);
  /** One more than the largest kind that was ever kept. */
  private kindsEnd = 0;
  private cutEpoch = 1;

  constructor({ parts, seed }: AnswerMemory) {
    this.query = new PlainQuery(seed);
    this.batch = new ReplyBatch(parts, seed, 0);
    this.seed = seed;
    this.parts = parts;
  }

  /** Changes whenever cuts are dropped: an answer from before must not be kept after that. */
  get epoch(): number {
    return this.cutEpoch;
  }

  /**
   * Answers the query at `octets[at, at + length)` in its place.
   *
   * @param room - How many octets there are from `at` on.
   * @param overTcp - Whether only `room` limits the reply.
   * @returns The reply's length; 0 if the query must take the ordinary path; its octets are then unchanged.
   */
  answer(octets: Uint8Array, at: number, length: number, room: number, overTcp: boolean): number {
    const { query } = this;
    if (!query.read(octets, at, length)) return 0;
    const entry = this.parts.findReply(query, this.now, this.cutEpoch);
    return entry < 0 ? 0 : this.reply(entry, octets, at, room, overTcp);
  }

  /**
   * Answers the queries of a batch over UDP, each in its place: query `i` at `octets[i * stride]`, where it has that much
   * room.
   *
   * @param lengths - Of each query, 0 for one to leave alone. It becomes the length of the reply; 0 if the query must
   *   take the ordinary path.
   */
  answerAll(octets: Uint8Array, stride: number, lengths: Int32Array, count: number): void {
    if (count > 1 && this.parts.used >= LARGE) {
      this.answerTogether(octets, stride, lengths, count);
      return;
    }
    for (let i = 0; i < count; i++) {
      lengths[i] = this.answer(octets, i * stride, lengths[i] ?? 0, stride, false);
    }
  }

  private answerTogether(
    octets: Uint8Array,
    stride: number,
    lengths: Int32Array,
    count: number,
  ): void {
    const { parts, now, cutEpoch } = this;
    if (count > this.batch.queries.length) {
      this.batch = new ReplyBatch(parts, this.seed, Math.floor(octets.length / stride));
    }
    const { queries, numbers, slots } = this.batch;
    const plain = this.batch.lookUp(octets, stride, lengths, count);
    for (let i = 0; i < plain; i++) {
      this.query = queries[i] ?? this.query;
      const entry = parts.findReplyFrom(slots[i] ?? -1, this.query, now, cutEpoch);
      if (entry < 0) continue;
      const number = numbers[i] ?? 0;
      lengths[number] = this.reply(entry, octets, number * stride, stride, false);
    }
  }

  /** Writes the entry's reply over the query if there is room. @returns Its length, or 0. */
  private reply(
    entry: number,
    octets: Uint8Array,
    at: number,
    room: number,
    overTcp: boolean,
  ): number {
    const { query } = this;
    const store = this.parts.found;
    const bodyLength = (store.words[(entry >> 2) + FIELDS.flagsBody] ?? 0) & 0xffff;
    const size = query.end + bodyLength + (query.edns ? PLAIN_OPT.length : 0);
    if (size > room || (!overTcp && size > query.udpLimit)) return 0;
    this.write(store, entry, octets, at);
    const kind = store.octets[entry + KIND] ?? 0;
    this.hits[kind] = (this.hits[kind] ?? 0) + 1;
    return size;
  }

  /** Calls `tell` with each kind that was hit since the last call, and how often. */
  takeHits(tell: (kind: number, count: number) => void): void {
    const { hits } = this;
    for (let kind = 0; kind < this.kindsEnd; kind++) {
      const count = hits[kind] ?? 0;
      if (count === 0) continue;
      hits[kind] = 0;
      tell(kind, count);
    }
  }

  /**
   * Lets the answer to `request` be repeated from now on.
   *
   * @param reply - The reply that the client was sent; it is copied.
   */
  keep(request: Request, reply: Uint8Array, answer: Keep): void {
    const { query, parts } = this;
    query.of(request);
    this.kindsEnd = Math.max(this.kindsEnd, answer.kind + 1);
    // The old reply is outdated, whether or not there is room for the new one.
    parts.delete(query, MADE);
    if (answer.storedAt === undefined) this.keepMade(request, reply, answer);
    else this.keepKnown(request, reply, answer, answer.storedAt);
  }

  /** Keeps a reply that a stage made or changed, beside upstream's answer. */
  private keepMade(request: Request, reply: Uint8Array, answer: Keep): void {
    this.parts.unready(this.query);
    const { message, age, agedAt, until } = answer;
    const records = recordsOf(request, reply, message) ?? canonicalRecords(request, message, age);
    if (records === undefined) return;
    const isPositive = message.rcode === Rcode.NOERROR && message.answer.length > 0;
    const fresh = Math.max(0, until - agedAt);
    const life = { storedAt: agedAt, fresh, alone: fresh, stale: 0 };
    this.insert(this.parts.of(isPositive), MADE, { records, life, answer });
  }

  /** Keeps a reply made from upstream's answer, if the memory still has that answer. */
  private keepKnown(request: Request, reply: Uint8Array, answer: Keep, storedAt: number): void {
    const at = this.parts.find(this.query, ANSWER);
    if (at < 0) return;
    const store = this.parts.found;
    const life = store.lifeOf(at);
    if (life.storedAt !== storedAt) return;
    const { message, age } = answer;
    // The kept TTLs must be those of the message, so a reply that has aged is rendered once more.
    const whole = age === 0 ? recordsOf(request, reply, message) : undefined;
    const records = whole ?? canonicalRecords(request, message, 0);
    if (records === undefined) return;
    if (hasRecords(store, at, records)) {
      this.ready(store, at, answer);
      return;
    }
    // Until now the stored names were written in full, and a reply has them compressed. If the records differ in any
    // other way, the message is not the stored answer.
    const packed = packedRecords(message, this.query.name);
    if (packed !== undefined && hasRecords(store, at, packed)) {
      this.insert(store, ANSWER, { records, life, answer });
    }
  }

  private insert(
    store: EntryStore,
    role: Role,
    { records, life, answer }: { records: KeptRecords; life: Life; answer: Keep },
  ): void {
    const at = store.insert(this.query, role, keptOctets(records), life, this.now);
    if (at < 0) return;
    putRecords(store, at, records, answer.message);
    this.ready(store, at, answer);
  }

  private ready(store: EntryStore, at: number, { until, kind, isCut }: Keep): void {
    const { storedAt } = store.lifeOf(at);
    store.ready(at, until - storedAt, kind, isCut ? this.cutEpoch : 0);
  }

  /** Removes every entry that depends on a cut: the proofs are gone, or a server contradicted them (N3). */
  dropCuts(): void {
    this.cutEpoch++;
  }

  /** Writes the header and everything after the question; the question is the client's own. */
  private write(store: EntryStore, entry: number, octets: Uint8Array, at: number): void {
    const { query } = this;
    const { words } = store;
    const word = entry >> 2;
    const kept = (words[word + FIELDS.flagsBody] ?? 0) >>> 16;
    const answersAuthority = words[word + FIELDS.answersAuthority] ?? 0;
    const additional = (words[word + FIELDS.additionalTtls] ?? 0) >>> 16;
    // RFC 6840 §5.8: AD goes only to a client that shows it understands it.
    const wantsAd = (query.flags & Flag.AD) !== 0 || query.dnssecOk;
    const flags =
      Flag.QR | Flag.RA | (query.flags & (Flag.RD | Flag.CD)) | (wantsAd ? kept : kept & ~Flag.AD);
    putUint16(octets, at + 2, flags);
    putUint16(octets, at + 6, answersAuthority >>> 16);
    putUint16(octets, at + 8, answersAuthority & 0xffff);
    putUint16(octets, at + 10, additional + (query.edns ? 1 : 0));
    const end = this.writeBody(store, entry, octets, at + query.end);
    if (query.edns) writeOpt(octets, end, query.dnssecOk);
  }

  /** Copies the records and ages them. @returns The end of the records. */
  private writeBody(store: EntryStore, entry: number, octets: Uint8Array, to: number): number {
    const kept = store.octets;
    const word = entry >> 2;
    const ttlsAt = entry + 4 * (FIELDS.key + this.query.wordCount);
    const bodyAt = ttlsAt + 2 * ((store.words[word + FIELDS.additionalTtls] ?? 0) & 0xffff);
    const length = (store.words[word + FIELDS.flagsBody] ?? 0) & 0xffff;
    for (let i = 0; i < length; i++) octets[to + i] = kept[bodyAt + i] ?? 0;
    const storedAt = store.doubles[(word + FIELDS.storedAt) >> 1] ?? 0;
    const age = Math.max(0, Math.floor((this.now - storedAt) / 1000)) | 0;
    for (let at = ttlsAt; at < bodyAt; at += 2) {
      const ttlAt = to + uint16(kept, at);
      const ttl = Math.max(0, uint32(octets, ttlAt) - age);
      putUint16(octets, ttlAt, ttl >>> 16);
      putUint16(octets, ttlAt + 2, ttl & 0xffff);
    }
    return to + length;
  }
}

/** RFC 6891 §6.1.2; writes in place what `optRecord` makes. */
function writeOpt(octets: Uint8Array, at: number, dnssecOk: boolean): void {
  for (let i = 0; i < PLAIN_OPT.length; i++) octets[at + i] = PLAIN_OPT[i] ?? 0;
  if (dnssecOk) octets[at + 7] = 0x80;
}
