import type { Milliseconds } from '../clock.ts';

/** U2: libc gives up at 5 s, and the answer has to reach it before. */
export const DEADLINE: Milliseconds = 4_500;
/** U1: how long silence lasts before somebody else is asked; a slow recursion is over, a lost datagram long resent. */
export const SILENCE: Milliseconds = 1_000;

/**
 * How long a kept TCP connection may owe an answer before it is worked around. Above the 200 ms after which the kernel
 * has repaired a lost segment; what lasts longer is a connection whose server is gone, or a slow recursion.
 */
export const TCP_SILENCE: Milliseconds = 250;

/** S1: a datagram that has been out for so long gives its socket to a newer question. */
export const UDP_EVICTABLE_AFTER: Milliseconds = 200;

/** L5: how old the last datagram is when a client's next query adds one. */
export const AGAIN: Milliseconds = 1_000;

/**
 * When an outage is asked into for the last time: late, so that it finds a server that was away for three seconds, and
 * early enough for the answer to be back before the deadline (U2).
 */
export const LATE: Milliseconds = 3_600;
