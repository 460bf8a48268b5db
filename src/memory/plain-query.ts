import { RrClass, RrType } from '../wire/codes.ts';
import { EDNS_UDP_OCTETS } from '../wire/edns.ts';
import { Flag, HEADER_OCTETS, uint16 } from '../wire/header.ts';
import { encodeName, MAX_LABEL_OCTETS, MAX_NAME_OCTETS, skipName } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
import type { Request } from '../wire/request.ts';

/**
 * The words of a key: the QNAME in lower case, filled up with zeros to a whole word; a word of QTYPE, DO and CD; and
 * one of QCLASS if it is not IN (C1). A name contains its own end, so it is never the beginning of another one.
 */
const MAX_KEY_WORDS = Math.ceil(MAX_NAME_OCTETS / 4) + 2;
const KEY_DO = 1;
const KEY_CD = 2;

/** A question as the stages know it: everything that tells it from others. */
export interface Asked extends Question {
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
}

const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** Bits of the second header word that are usual in a query. */
const USUAL_FLAGS = Flag.RD | Flag.AD | Flag.CD;
/** An OPT without options: root owner, type, size, RCODE and version, flags, RDLENGTH (RFC 6891 §6.1.2). */
const PLAIN_OPT_OCTETS = 11;
/** RFC 1035 §4.2.1. */
const PLAIN_UDP_OCTETS = 512;

/**
 * Reads the queries that libcs send: one question of class IN, followed at most by an OPT without options.
 *
 * One object reads every query of a listener and allocates nothing. Anything unusual is refused here and takes the
 * ordinary path, which can read it or answers with an error; so a refusal is never wrong, only slower.
 */
export class PlainQuery {
  /** The key of the question, in the first {@link wordCount} words. */
  readonly words = new Int32Array(MAX_KEY_WORDS);
  wordCount = 0;
  private readonly last = { qname: '', qtype: -1, qclass: -1, bits: -1 };
  private readonly buffer: LastBuffer;
  /** The hash of the key with the seed; all 32 bits, signed. */
  hash = 0;
  /** Where the question ends, from the message's first octet. */
  end = 0;
  /** RD, AD and CD as the client set them. */
  flags = 0;
  edns = false;
  dnssecOk = false;
  /** How large a reply may be over UDP (L4). */
  udpLimit = 0;
  private readonly seed: number;
  /** Room for the name of {@link asked}, followed by its type. */
  private readonly room = new Uint8Array(MAX_NAME_OCTETS + 4);
  /** The octets of {@link words}, which begin with the name. */
  private readonly nameRoom = new Uint8Array(this.words.buffer);

  /**
   * @param seed - 32 random bits, so that no client can choose names that collide (HashDoS).
   * @param buffer - Shared by readers of the same buffers.
   */
  constructor(seed: number, buffer: LastBuffer = new LastBuffer()) {
    this.seed = seed | 0;
    this.buffer = buffer;
  }

  /**
   * Reads the query at `octets[at, at + length)`.
   *
   * @returns Whether it is a plain one; if not, the fields are not valid.
   */
  read(octets: Uint8Array, at: number, length: number): boolean {
    if (length < HEADER_OCTETS + 5) return false;
    this.flags = uint16(octets, at + 2);
    // QDCOUNT 1, ANCOUNT 0, NSCOUNT 0, ARCOUNT 0 or 1.
    const counts =
      (uint16(octets, at + 4) ^ 1) |
      uint16(octets, at + 6) |
      uint16(octets, at + 8) |
      (octets[at + 10] ?? 0);
    const additional = octets[at + 11] ?? 0;
    if ((this.flags & ~USUAL_FLAGS) !== 0 || counts !== 0 || additional > 1) return false;
    const nameEnd = this.readName(octets, at + HEADER_OCTETS, at + length - 4);
    return nameEnd !== 0 && this.readRest(octets, at, length, nameEnd, additional);
  }

  /** Sets the key to that of a question that was read the ordinary way. */
  of({ question, edns, checkingDisabled }: Request): void {
    const { octets, qclass } = question;
    this.readName(octets, 0, octets.length - 4);
    this.dnssecOk = edns?.dnssecOk ?? false;
    this.flags = checkingDisabled ? Flag.CD : 0;
    this.finish(octets, octets.length - 4, qclass);
  }

  /**
   * Sets the key to that of a question of the stages, which look up the same question several times in a row. The last
   * one is remembered, so a reader for the stages' questions is used for nothing else.
   */
  asked({ qname, qtype, qclass, dnssecOk, checkingDisabled }: Asked): void {
    const { last, room } = this;
    const bits = (dnssecOk ? KEY_DO : 0) | (checkingDisabled ? KEY_CD : 0);
    const isLast = last.qtype === qtype && last.qclass === qclass && last.bits === bits;
    if (isLast && last.qname === qname) return;
    last.qname = qname;
    last.qtype = qtype;
    last.qclass = qclass;
    last.bits = bits;
    const end = writeName(room, qname);
    room[end] = qtype >>> 8;
    room[end + 1] = qtype;
    this.readName(room, 0, end);
    this.dnssecOk = dnssecOk;
    this.flags = checkingDisabled ? Flag.CD : 0;
    this.finish(room, end, qclass);
  }

  /** The name in the key, on the wire and in lower case; the next question overwrites it. */
  get name(): Uint8Array {
    const { nameRoom } = this;
    return nameRoom.subarray(0, skipName(nameRoom, 0));
  }

  /**
   * Folds the name into the key; the four octets after it must be readable.
   *
   * @returns Its end; 0 if it is not a plain name that ends before `limit`.
   */
  private readName(octets: Uint8Array, from: number, limit: number): number {
    let end = from;
    for (;;) {
      const length = octets[end] ?? 0;
      if (length > MAX_LABEL_OCTETS || end + length >= limit) return 0;
      if (end - from + length >= MAX_NAME_OCTETS) return 0;
      end += 1 + length;
      if (length === 0) break;
    }
    const { words, buffer } = this;
    if (octets !== buffer.octets) buffer.look(octets);
    const { view } = buffer;
    const whole = (end - from) >> 2;
    for (let i = 0; i < whole; i++) words[i] = fold(view.getInt32(from + 4 * i, true));
    this.wordCount = whole;
    const rest = (end - from) & 3;
    if (rest > 0) {
      const part = view.getInt32(from + 4 * whole, true) & ((1 << (8 * rest)) - 1);
      words[this.wordCount++] = fold(part);
    }
    return end;
  }

  private readRest(
    octets: Uint8Array,
    at: number,
    length: number,
    nameEnd: number,
    additional: number,
  ): boolean {
    if (uint16(octets, nameEnd + 2) !== RrClass.IN) return false;
    const end = nameEnd + 4;
    this.edns = additional === 1;
    this.end = end - at;
    if (this.edns) {
      if (length !== this.end + PLAIN_OPT_OCTETS || !this.readOpt(octets, end)) return false;
    } else {
      if (length !== this.end) return false;
      this.dnssecOk = false;
      this.udpLimit = PLAIN_UDP_OCTETS;
    }
    this.finish(octets, nameEnd, RrClass.IN);
    return true;
  }

  private readOpt(octets: Uint8Array, at: number): boolean {
    // Owner root, type OPT; extended RCODE and version 0; no flag but DO; no options.
    const odd =
      (octets[at] ?? 0) |
      (uint16(octets, at + 1) ^ RrType.OPT) |
      uint16(octets, at + 5) |
      (uint16(octets, at + 7) & 0x7fff) |
      uint16(octets, at + 9);
    if (odd !== 0) return false;
    this.dnssecOk = octets[at + 7] !== 0;
    const size = uint16(octets, at + 3);
    this.udpLimit = Math.min(Math.max(size, PLAIN_UDP_OCTETS), EDNS_UDP_OCTETS);
    return true;
  }

  /** Sets the key to that of an entry, which another reader made. */
  load(words: Int32Array, from: number, count: number): void {
    for (let i = 0; i < count; i++) this.words[i] = words[from + i] ?? 0;
    this.wordCount = count;
    this.hash = hashOf(this.words, count, this.seed);
  }

  private finish(octets: Uint8Array, typeAt: number, qclass: number): void {
    const bits = (this.dnssecOk ? KEY_DO : 0) | ((this.flags & Flag.CD) !== 0 ? KEY_CD : 0);
    this.words[this.wordCount++] = (uint16(octets, typeAt) << 8) | bits;
    if (qclass !== RrClass.IN) this.words[this.wordCount++] = qclass;
    this.hash = hashOf(this.words, this.wordCount, this.seed);
  }
}

/** The buffer that was read last and a view of it, kept because every batch is in the same buffer. */
export class LastBuffer {
  octets: Uint8Array = new Uint8Array();
  view: DataView = new DataView(this.octets.buffer);

  look(octets: Uint8Array): void {
    this.octets = octets;
    this.view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  }
}

/** Writes a canonical name. @returns Its end; the root is followed by one more zero, which no reader of names sees. */
function writeName(to: Uint8Array, qname: string): number {
  let lengthAt = 0;
  for (let i = 0; i < qname.length; i++) {
    const octet = qname.charCodeAt(i);
    if (octet === BACKSLASH) {
      const octets = encodeName(qname);
      to.set(octets);
      return octets.length;
    }
    to[i + 1] = octet;
    if (octet !== DOT) continue;
    to[lengthAt] = i - lengthAt;
    lengthAt = i + 1;
  }
  to[lengthAt] = 0;
  return lengthAt + 1;
}

/**
 * ASCII letters to lower case in four octets at once; other octets are unchanged (RFC 4343 §3). Length octets are at
 * most 63, below the letters.
 */
function fold(word: number): number {
  const low = word & 0x7f7f7f7f;
  // The top bit of each octet: set for octets from `A` to `Z` alone.
  const isUpper = (low + 0x3f3f3f3f) & ~(low + 0x25252525) & ~word & 0x80808080;
  return word | (isUpper >>> 2);
}

/** MurmurHash3 over whole words: its mixing is enough for a table whose buckets are bounded and whose seed is secret. */
function hashOf(words: Int32Array, count: number, seed: number): number {
  let hash = seed;
  for (let i = 0; i < count; i++) {
    let word = Math.imul(words[i] ?? 0, 0xcc9e2d51);
    word = Math.imul((word << 15) | (word >>> 17), 0x1b873593);
    hash ^= word;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash ^= count;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
