import type { Milliseconds } from '../clock.ts';

/** U2: libc gives up at 5 s, and the answer has to reach it before. */
export const DEADLINE: Milliseconds = 4_500;
/**
 * U1: how long a server may be silent before another one is asked; a slow recursion is done by then, and a lost
 * datagram resent.
 */
export const SILENCE: Milliseconds = 1_000;

/**
 * How long a kept TCP connection may be silent with a question unanswered before others are used. Above the 200 ms
 * after which the kernel has resent a lost segment; longer silence means that the server is gone, or a slow recursion.
 */
export const TCP_SILENCE: Milliseconds = 250;

/** S1: a datagram in flight for this long gives its socket to a newer question. */
export const UDP_EVICTABLE_AFTER: Milliseconds = 200;

/** L5: how far apart a client's queries must be for each to add a datagram. */
export const AGAIN: Milliseconds = 1_000;

/**
 * When the last datagram of an unanswered question is sent: late, so that it reaches a server that was away for three
 * seconds, and early enough for its answer to arrive before the deadline (U2).
 */
export const LATE: Milliseconds = 3_600;

/**
 * When TCP is tried for the last time: as late as leaves it a handshake and a round trip. A server that answers anything
 * before is asked at once (U2).
 */
export const LAST: Milliseconds = 4_200;
