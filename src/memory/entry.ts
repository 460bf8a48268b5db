import type { Milliseconds } from '../clock.ts';
import { RING_WORDS } from './entry-ring.ts';

/**
 * Offsets of an entry's fields, in 32-bit words from its start. A hit reads these, the key and the records, and nothing
 * after them: with a million entries each cache line costs more than the copying.
 */
export const FIELDS = {
  ...RING_WORDS,
  /** Two words with a double: a reading of the owner's clock. */
  storedAt: 2,
  /** Four octets: the number of words in the key, the number of uses, and two that the owner defines. */
  octets: 4,
  /** Upper half: RCODE and flags. Lower half: octets of the records. */
  flagsBody: 5,
  answersAuthority: 6,
  additionalTtls: 7,
  /** How many milliseconds after {@link storedAt} the reply may be sent; 0 if it may not. */
  repeat: 8,
  /** The epoch of the cuts when the reply was made; 0 if it does not depend on a cut. */
  cutEpoch: 9,
  /** The key; the records follow it. */
  key: 10,
} as const;

/** In the four octets at {@link FIELDS.octets}. */
export const KEY_WORDS = 4 * FIELDS.octets;
/** How often it was found, up to {@link MAX_USES}. */
export const USES = KEY_WORDS + 1;
/** A number that the owner chose and is given on each hit. */
export const KIND = KEY_WORDS + 2;
/** Its role: {@link ANSWER} or {@link MADE}. */
export const ROLE = KEY_WORDS + 3;

/** Upstream's answer: one for each question. */
export const ANSWER = 1;
/** A reply made by a stage, kept beside upstream's answer if there is one. */
export const MADE = 2;
export type Role = typeof ANSWER | typeof MADE;

/** The last words of an entry, which no hit reads. */
export const TAIL = { fresh: 0, alone: 1, stale: 2, words: 3 } as const;

/** How long an entry may be used, in milliseconds from `storedAt`; only `stale` counts from the end of `fresh`. */
export interface Life {
  readonly storedAt: Milliseconds;
  readonly fresh: Milliseconds;
  /** How much of {@link fresh} counts if the other family has no known address (C2). */
  readonly alone: Milliseconds;
  /** How long after {@link fresh} it may stand in for an upstream that does not answer (C4). */
  readonly stale: Milliseconds;
}
