import { Flag, putUint16, uint16, uint32 } from '../wire/header.ts';
import type { Message } from '../wire/message.ts';
import type { Request } from '../wire/request.ts';
import { AnswerStore, KEY, OWN_WORDS } from './answer-store.ts';
import {
  canonicalRecords,
  type KeptRecords,
  MAX_KEPT_OCTETS,
  MAX_KEPT_RECORDS,
  PLAIN_OPT,
  recordsOf,
} from './kept-records.ts';
import { PlainQuery } from './plain-query.ts';

/** An entry's own words, from its start. */
const AGED_AT = OWN_WORDS;
const KIND = OWN_WORDS + 2;
const FLAGS = OWN_WORDS + 3;
const ANSWERS = OWN_WORDS + 4;
const AUTHORITY_ADDITIONAL = OWN_WORDS + 5;
/** How many TTLs there are, and how many octets stand behind the question. */
const TTLS_BODY = OWN_WORDS + 6;
/** Of the cuts when the entry was made; 0 where it does not hang on one. */
const CUT_EPOCH = OWN_WORDS + 7;

const LARGEST_ENTRY = 4 * KEY + 260 + 2 * MAX_KEPT_RECORDS + MAX_KEPT_OCTETS;

/** What is kept of an answer beside its octets. */
export interface Keep {
  /** What the reply was made from. */
  readonly message: Message;
  /** Seconds that were taken off its TTLs when `reply` was rendered. */
  readonly age: number;
  /** When its TTLs would have to be aged by a second more; and when it must no longer be repeated. */
  readonly agedAt: number;
  readonly until: number;
  /** A number of the owner's, told again on each hit. */
  readonly kind: number;
  /** Whether it hangs on a cut, so that {@link AnswerTable.dropCuts} ends it. */
  readonly isCut: boolean;
}

/**
 * Final answers, ready to be sent: a question that was answered before is answered in the buffer it came in, behind its
 * own octets, so that ID and case are the client's and nothing is allocated.
 *
 * It says only what the stages would say: whoever keeps an answer here knows for how long that is so. A reply that
 * would not fit, and every query that is not a plain one, is left to the ordinary way.
 */
export class AnswerTable {
  /** The reading of the clock that hits are answered for; set before each batch of them. */
  now = 0;
  private readonly query: PlainQuery;
  private readonly positive: AnswerStore;
  private readonly negative: AnswerStore;
  private readonly hits: Float64Array;
  /** Kinds from here on were never kept. */
  private kindsEnd = 0;
  private cutEpoch = 1;
  private clearings = 0;

  /** @param options.maxKinds - Kinds are 0 up to this. */
  constructor(options: {
    readonly octets: number;
    readonly negativeOctets: number;
    readonly maxKinds: number;
    readonly seed: number;
  }) {
    this.query = new PlainQuery(options.seed);
    this.positive = new AnswerStore(options.octets, LARGEST_ENTRY);
    this.negative = new AnswerStore(options.negativeOctets, LARGEST_ENTRY);
    this.hits = new Float64Array(options.maxKinds);
  }

  /** Changes whenever something is forgotten: what was found out before must not be kept after. */
  get epoch(): number {
    return this.cutEpoch + this.clearings;
  }

  /** Entries and octets of each part, for the gauges (C3). */
  get sizes(): Record<'positive' | 'negative', { entries: number; octets: number }> {
    const size = ({ entries, used }: AnswerStore) => ({ entries, octets: used });
    return { positive: size(this.positive), negative: size(this.negative) };
  }

  /**
   * Answers the query at `octets[at, at + length)` in its place.
   *
   * @param room - How many octets there are from `at` on.
   * @param overTcp - Whether only `room` limits the reply.
   * @returns The reply's length; 0 where the query has to go the ordinary way, its octets then unchanged.
   */
  answer(octets: Uint8Array, at: number, length: number, room: number, overTcp: boolean): number {
    const { query } = this;
    if (!query.read(octets, at, length)) return 0;
    let store = this.positive;
    let entry = this.find(store);
    if (entry < 0) {
      store = this.negative;
      entry = this.find(store);
    }
    if (entry < 0) return 0;
    const { words } = store;
    const word = entry >> 2;
    const bodyLength = (words[word + TTLS_BODY] ?? 0) & 0xffff;
    const size = query.end + bodyLength + (query.edns ? PLAIN_OPT.length : 0);
    if (size > room || (!overTcp && size > query.udpLimit)) return 0;
    this.write(store, entry, octets, at);
    const kind = words[word + KIND] ?? 0;
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
   * Keeps what has been answered to `request`.
   *
   * @param reply - What went to the client; nothing of it is kept but a copy.
   */
  keep(request: Request, reply: Uint8Array, answer: Keep): void {
    const { query } = this;
    query.of(request);
    const records =
      recordsOf(request, reply, answer.message) ??
      canonicalRecords(request, answer.message, answer.age);
    const isPositive = answer.message.rcode === 0 && answer.message.answer.length > 0;
    const store = isPositive ? this.positive : this.negative;
    // What was said before is true no longer, whether or not there is room for what is.
    (isPositive ? this.negative : this.positive).delete(query);
    if (records === undefined) store.delete(query);
    else this.insert(store, records, answer);
  }

  private insert(store: AnswerStore, records: KeptRecords, answer: Keep): void {
    const { query } = this;
    const { ttls, octets, counts } = records;
    const behindKey = 2 * ttls.length + octets.length;
    const at = store.insert(query, behindKey, answer.until, this.now);
    if (at < 0) return;
    const word = at >> 2;
    const { authoritative, authenticData, rcode } = answer.message;
    store.doubles[(word + AGED_AT) >> 1] = answer.agedAt;
    store.words[word + KIND] = answer.kind;
    this.kindsEnd = Math.max(this.kindsEnd, answer.kind + 1);
    store.words[word + FLAGS] =
      (authoritative ? Flag.AA : 0) | (authenticData ? Flag.AD : 0) | rcode;
    store.words[word + ANSWERS] = counts[0];
    store.words[word + AUTHORITY_ADDITIONAL] = (counts[1] << 16) | counts[2];
    store.words[word + TTLS_BODY] = (ttls.length << 16) | octets.length;
    store.words[word + CUT_EPOCH] = answer.isCut ? this.cutEpoch : 0;
    const ttlsAt = at + 4 * (KEY + query.wordCount);
    for (const [i, offset] of ttls.entries()) putUint16(store.octets, ttlsAt + 2 * i, offset);
    store.octets.set(octets, ttlsAt + 2 * ttls.length);
  }

  /** Ends every entry that hangs on a cut: the proofs are gone, or a server contradicted them (N3). */
  dropCuts(): void {
    this.cutEpoch++;
  }

  /** Forgets everything: the configuration is another one. */
  clear(): void {
    this.clearings++;
    this.positive.clear();
    this.negative.clear();
  }

  /** Where the entry for the query that was read stands; -1 where there is none that may be told. */
  private find(store: AnswerStore): number {
    const entry = store.find(this.query, this.now);
    if (entry < 0) return -1;
    const epoch = store.words[(entry >> 2) + CUT_EPOCH] ?? 0;
    return epoch === 0 || epoch === this.cutEpoch ? entry : -1;
  }

  /** Header and what stands behind the question; the question is the client's. */
  private write(store: AnswerStore, entry: number, octets: Uint8Array, at: number): void {
    const { query } = this;
    const { words } = store;
    const word = entry >> 2;
    const kept = words[word + FLAGS] ?? 0;
    const counts = words[word + AUTHORITY_ADDITIONAL] ?? 0;
    // RFC 6840 §5.8: AD goes only to a client that shows it understands it.
    const wantsAd = (query.flags & Flag.AD) !== 0 || query.dnssecOk;
    const flags =
      Flag.QR | Flag.RA | (query.flags & (Flag.RD | Flag.CD)) | (wantsAd ? kept : kept & ~Flag.AD);
    putUint16(octets, at + 2, flags);
    putUint16(octets, at + 6, words[word + ANSWERS] ?? 0);
    putUint16(octets, at + 8, counts >>> 16);
    putUint16(octets, at + 10, (counts & 0xffff) + (query.edns ? 1 : 0));
    const end = this.writeBody(store, entry, octets, at + query.end);
    if (query.edns) writeOpt(octets, end, query.dnssecOk);
  }

  /** Copies the records and ages them. @returns Where they end. */
  private writeBody(store: AnswerStore, entry: number, octets: Uint8Array, to: number): number {
    const kept = store.octets;
    const word = entry >> 2;
    const lengths = store.words[word + TTLS_BODY] ?? 0;
    const ttlsAt = entry + 4 * (KEY + this.query.wordCount);
    const bodyAt = ttlsAt + 2 * (lengths >>> 16);
    const length = lengths & 0xffff;
    for (let i = 0; i < length; i++) octets[to + i] = kept[bodyAt + i] ?? 0;
    const agedAt = store.doubles[(word + AGED_AT) >> 1] ?? 0;
    const age = Math.max(0, Math.floor((this.now - agedAt) / 1000)) | 0;
    for (let at = ttlsAt; at < bodyAt; at += 2) {
      const ttlAt = to + uint16(kept, at);
      const ttl = Math.max(0, uint32(octets, ttlAt) - age);
      putUint16(octets, ttlAt, ttl >>> 16);
      putUint16(octets, ttlAt + 2, ttl & 0xffff);
    }
    return to + length;
  }
}

/** RFC 6891 §6.1.2; what `optRecord` makes, in place. */
function writeOpt(octets: Uint8Array, at: number, dnssecOk: boolean): void {
  for (let i = 0; i < PLAIN_OPT.length; i++) octets[at + i] = PLAIN_OPT[i] ?? 0;
  if (dnssecOk) octets[at + 7] = 0x80;
}
