import type { Clock, Milliseconds } from '../clock.ts';
import type { UpstreamTransport } from '../vocabulary.ts';
import type { Message } from '../wire/message.ts';
import type { EdnsMemory } from './edns-memory.ts';
import type { Health } from './health.ts';
import type { ResendBudget } from './retransmission.ts';
import type { Transport } from './transport.ts';
import type { TransportChoice } from './transport-choice.ts';
import type { ServerTallies, UpstreamTallies } from './upstream-tallies.ts';

/** Waits for one server's answer. Exactly one of `onAnswer` and `onFailure` is called, once, unless it is cancelled. */
export interface AskListener {
  onAnswer(message: Message): void;
  onFailure(error: Error): void;
  /**
   * The other question of the pair need not wait any more: this one's timer fired, or it went over to TCP (F2). At most
   * once.
   */
  onSlow(): void;
  /**
   * A datagram was refused on this machine, or by ICMP: it counts as lost, and the question goes on at this server
   * (U2).
   */
  onRefused(): void;
  /**
   * The server's reply cannot be read, not even in part: it is asked over TCP, and gets less time than a silent one.
   */
  onUnread(): void;
  /** The first resend is due. If this returns true, it goes to another server instead, and this one keeps listening. */
  takeResend(): boolean;
}

/** What the questions of one server share. */
export interface AskParts {
  readonly name: string;
  readonly transportChoice: TransportChoice;
  /** Whether no attacker on the way to the server can set AD. */
  readonly trustsAd: boolean;
  /** A transport that is absent is never used: over TLS nothing ever falls back to clear text. */
  readonly transports: Transports;
  readonly clock: Clock;
  readonly budget: ResendBudget;
  readonly edns: EdnsMemory;
  readonly health: Health;
  /** The questions in flight: called when the server replies again. */
  readonly asks: Set<{ onServerBack(silentSince: Milliseconds): void }>;
  readonly tallies: UpstreamTallies;
  readonly serverTallies: ServerTallies;
}

/** The transports to one server. */
export type Transports = Readonly<Partial<Record<UpstreamTransport, Transport>>>;
