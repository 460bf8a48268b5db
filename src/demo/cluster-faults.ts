import type { Milliseconds } from '../clock.ts';
import { type Endpoint, formatEndpoint } from '../endpoint.ts';
import type { Question } from '../wire/question.ts';
import type { Seconds } from '../wire/record.ts';

/** What goes wrong in a cluster. Each field does one thing; together they compose. */
export interface Faults {
  /** The round trip: how long after a question its answer leaves. */
  delay: Milliseconds | ((question: Question) => Milliseconds);
  /** How many of the next datagrams are lost; counts down to 0. */
  dropNext: number;
  /** The share of datagrams that are lost, 0 to 1. */
  lossRatio: number;
  /** Before this reading of the cluster's clock nothing is answered; `Infinity`: never. */
  silentUntil: Milliseconds;
  /**
   * How often the second datagram from one socket is lost when it follows the first within {@link RACE_WINDOW}, 0 to 1:
   * what conntrack does to the pair behind DNAT.
   */
  raceRatio: number;
  /** Whether a middlebox drops a datagram whose name it has seen within {@link RACE_WINDOW}, from any socket. */
  dropsRepeats: boolean;
  /** How AAAA of a name that has an A record is answered. */
  aaaa: 'pass' | 'nxdomain' | 'servfail' | 'silent';
  /** The answers for names that do not exist, by suffix; the first match counts. */
  missing: readonly MissingUnder[];
  /** In place of every TTL. */
  ttl: Seconds | undefined;
  /** Whether negative answers carry their SOA: without it they may not be cached (RFC 2308 §5). */
  soa: boolean;
}

/** What a server says of names that do not exist, by family, if not NXDOMAIN. */
export interface MissingUnder {
  /** Canonical. */
  readonly suffix: string;
  readonly a?: MissingAnswer;
  readonly aaaa?: MissingAnswer;
}

/** The address of a wildcard record. */
export type MissingAnswer = 'nodata' | 'servfail' | 'silent' | { readonly address: string };

/** Why a question got no answer. */
export type DropReason = 'lost' | 'race' | 'repeat' | 'silent';

/** A cluster in which all is well and answers take no time. */
export function noFaults(): Faults {
  return {
    delay: 0,
    dropNext: 0,
    lossRatio: 0,
    silentUntil: Number.NEGATIVE_INFINITY,
    raceRatio: 0,
    dropsRepeats: false,
    aaaa: 'pass',
    missing: [],
    ttl: undefined,
    soa: true,
  };
}

/** The two packets of a pair leave within microseconds; a later one finds an established conntrack entry. */
const RACE_WINDOW: Milliseconds = 20;
/** nf_conntrack_udp_timeout: a socket that was silent for longer gets a new entry. */
const ENTRY_LIFE: Milliseconds = 30_000;
/** A story has hundreds of sockets, so an eviction is rare; then one datagram fewer is dropped. */
const MAX_ENTRIES = 10_000;

/** Decides which questions never arrive. The same seed and questions give the same result. */
export class Fate {
  private readonly faults: Faults;
  private readonly chance: () => number;
  private readonly sockets = new Map<string, { readonly since: Milliseconds; count: number }>();
  /** When the middlebox last saw a name. */
  private readonly names = new Map<string, Milliseconds>();

  /** @param faults - Read at each question; `dropNext` is counted down. */
  constructor(faults: Faults, seed: number) {
    this.faults = faults;
    this.chance = seededChance(seed);
  }

  /** @returns Why the datagram is lost; `undefined` where it arrives. */
  ofDatagram(peer: Endpoint, now: Milliseconds, qname: string): DropReason | undefined {
    const second = this.isSecond(peer, now);
    if (now < this.faults.silentUntil) return 'silent';
    if (this.faults.dropNext > 0) {
      this.faults.dropNext--;
      return 'lost';
    }
    if (this.faults.dropsRepeats && this.isRepeat(qname, now)) return 'repeat';
    if (second && this.happens(this.faults.raceRatio)) return 'race';
    return this.happens(this.faults.lossRatio) ? 'lost' : undefined;
  }

  /** TCP repairs its own losses, so only a silent server remains. */
  ofStreamQuestion(now: Milliseconds): DropReason | undefined {
    return now < this.faults.silentUntil ? 'silent' : undefined;
  }

  /** A ratio of 0 draws no random number, so that one fault does not change another's sequence. */
  private happens(ratio: number): boolean {
    return ratio > 0 && this.chance() < ratio;
  }

  private isRepeat(qname: string, now: Milliseconds): boolean {
    if (this.names.size >= MAX_ENTRIES) this.names.clear();
    const seen = this.names.get(qname);
    this.names.set(qname, now);
    return seen !== undefined && now - seen < RACE_WINDOW;
  }

  private isSecond(peer: Endpoint, now: Milliseconds): boolean {
    const key = formatEndpoint(peer);
    const socket = this.sockets.get(key);
    if (socket === undefined || now - socket.since > ENTRY_LIFE) {
      if (this.sockets.size >= MAX_ENTRIES) this.sockets.clear();
      this.sockets.set(key, { since: now, count: 1 });
      return false;
    }
    socket.count++;
    return socket.count === 2 && now - socket.since < RACE_WINDOW;
  }
}

/** Mulberry32: uniform in [0, 1), and the same for the same seed on every machine. For tests, not for secrets. */
export function seededChance(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
