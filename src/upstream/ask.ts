import type { Milliseconds, Timer } from '../clock.ts';
import type { TcpFallback, UpstreamTransport } from '../vocabulary.ts';
import type { Message } from '../wire/message.ts';
import { afterSockets } from './after-sockets.ts';
import type { AskListener, AskParts } from './ask-parts.ts';
import { EarliestTimer } from './earliest-timer.ts';
import { type Outgoing, UpstreamError, type UpstreamFailure } from './exchange.ts';
import { FallbackReply } from './fallback-reply.ts';
import { RefusedSends } from './refused-sends.ts';
import { asTruncated, type Reply, refusesEdns, saysSomething, withoutAd } from './reply.ts';
import {
  MAX_SENDS,
  PARTIAL_WAIT,
  ResendTokens,
  type RoundTrips,
  SECOND_OPINION,
  TCP_RESEND,
} from './retransmission.ts';
import { Send, type SendOwner, Sends } from './send.ts';
import { noteReply } from './server-notes.ts';
import { DEADLINE, LAST, LATE, SILENCE, TCP_SILENCE, UDP_EVICTABLE_AFTER } from './timeouts.ts';
import type { Suspicion } from './transport.ts';
import { Unanswered } from './unanswered.ts';

/**
 * One question at one server, from its first send to its answer.
 *
 * Over UDP it is sent at once and again when the timer fires; the third round sends it over TCP, and the fourth once
 * more. The third datagram is sent as soon as the server is known to be up, since the others were lost then; else it is
 * saved for the end of an outage, and so is the last TCP (U2). Every datagram has its own socket, all of them listen, and
 * the first reply that matches wins. A silent server is waited for until the deadline.
 */
export class Ask implements SendOwner {
  private readonly parts: AskParts;
  private readonly roundTrips: RoundTrips;
  private readonly question: Outgoing;
  private readonly listener: AskListener;
  private readonly startedAt: Milliseconds;
  private readonly timeout: Milliseconds;
  private readonly first: UpstreamTransport;
  private readonly sends: Sends;
  private deadline: Timer | undefined;
  private silence: Timer | undefined;
  private round: Pick<Timer, 'cancel'> | undefined;
  /** Ends the wait for a better reply than a truncated or unreadable one. */
  private betterWait: EarliestTimer | undefined;
  private rounds = 1;
  private original: Send | undefined;
  private originalAnswered = false;
  private readonly tokens: ResendTokens;
  private slow = false;
  private heard = false;
  private settled = false;
  private readonly fallback = new FallbackReply();
  private readonly unanswered: Unanswered;
  private refused: RefusedSends | undefined;
  private refusedTcp: RefusedSends | undefined;

  /** @param roundTrips - Of the question's class. */
  constructor(parts: AskParts, roundTrips: RoundTrips, question: Outgoing, listener: AskListener) {
    this.parts = parts;
    this.roundTrips = roundTrips;
    this.question = question;
    this.listener = listener;
    this.startedAt = parts.clock.now();
    this.sends = new Sends(this.startedAt);
    this.timeout = roundTrips.timeout;
    this.tokens = new ResendTokens(parts.budget, this.startedAt);
    this.unanswered = new Unanswered(parts, this.sends, this.fallback);
    parts.asks.add(this);
    this.first = parts.transportChoice.first;
    this.original = this.send(this.first);
    if (this.first === 'udp') this.nextRoundAfter(this.timeout);
    else if (this.first === 'tcp') this.rescueAfter(Math.max(this.timeout, TCP_SILENCE));
    else this.watch();
  }

  /**
   * Starts the timers of deadline and silence once the first timer has fired: most questions are answered before, and
   * unused timers would be a tenth of their cost.
   */
  private watch(): void {
    if (this.deadline !== undefined) return;
    const elapsed = this.parts.clock.now() - this.startedAt;
    this.deadline = this.parts.clock.after(DEADLINE - elapsed, () => this.conclude('timeout'));
    this.silence = this.parts.clock.after(SILENCE - elapsed, () => this.onSilence());
  }

  /** Ends the question without calling the listener: another server has answered. */
  cancel(): void {
    if (this.settled) return;
    if (this.slow && !this.heard) {
      this.unanswered.count(this.startedAt);
      // A server whose equals always answer first would never be measured, and so be chosen for ever.
      const now = this.parts.clock.now();
      this.roundTrips.sampleAtLeast(now - this.startedAt, now);
    }
    this.settle();
  }

  /** A client has asked again, so this sends again, unless UDP has used up its sends (L5). */
  again(): void {
    if (this.settled || this.betterWait !== undefined) return;
    const isDue = this.sends.takeRepeat(this.parts.clock.now(), this.timeout);
    if (isDue) this.send(this.first, Number.POSITIVE_INFINITY);
  }

  /**
   * The server has answered another question after it was silent: what is overdue was lost, and is sent again (U2).
   *
   * @param silentSince - When it last replied before: earlier than this question, and all of its datagrams were lost.
   */
  onServerBack(silentSince: Milliseconds): void {
    const wasSilent = silentSince < this.startedAt;
    const isOverdue = this.sends.isOverdue(this.parts.clock.now(), this.timeout);
    if (this.heard || (this.rounds <= 2 && !(wasSilent && isOverdue))) return;
    if (wasSilent && this.first === 'udp') this.sends.forgetRepeats();
    if (!this.resend() && wasSilent) this.send('tcp');
  }

  /** @returns Whether a datagram was left. */
  private resend(withEdns = this.wantsOpt('udp')): boolean {
    if (this.send('udp', MAX_SENDS, withEdns) === undefined) return false;
    this.parts.tallies.retransmissions.add();
    return true;
  }

  private send(
    transport: UpstreamTransport,
    limit = MAX_SENDS,
    withEdns = this.wantsOpt(transport),
  ): Send | undefined {
    const { clock, transports } = this.parts;
    const carrier = transports[transport];
    if (carrier === undefined || !this.sends.mayGo(transport, limit)) return undefined;
    const now = clock.now();
    const send = new Send(this, this.sends, { transport, at: now, edns: withEdns });
    this.sends.add(send);
    send.exchange = carrier.send(this.question, withEdns, send);
    if (transport !== 'tcp') this.sends.lastAt = now;
    return send;
  }

  private wantsOpt(transport: UpstreamTransport): boolean {
    if (this.fallback.refusal !== undefined) return false;
    return this.sends.wantsOpt(transport, this.parts.edns, this.question.dnssecOk);
  }

  private nextRoundAfter(delay: Milliseconds): void {
    this.round = afterSockets(this.parts.clock, delay, () => this.onRound());
  }

  private onRound(): void {
    this.round = undefined;
    this.watch();
    this.reportSlow();
    const wait = this.sends.waitWithoutToken(this.parts.clock.now());
    if (!this.tokens.take() && wait > 0) this.nextRoundAfter(wait);
    else this.sendRound();
  }

  private sendRound(): void {
    this.rounds++;
    if (this.rounds === 2) {
      if (!this.listener.takeResend()) this.send('udp');
      this.parts.tallies.retransmissions.add();
      this.nextRoundAfter(2 * this.timeout);
    } else if (this.rounds === 3) {
      // If the resend went to another server, this one has not used its second datagram.
      if (this.isThere || this.sends.count('udp') < 2) this.resend();
      this.refusedTcp = new RefusedSends(this.parts.clock, () => this.send('tcp'), this.timeout);
      this.startTcp('silence');
      this.nextRoundAfter(TCP_RESEND);
    } else if (this.rounds === 4) {
      if (this.isThere) this.resend();
      // If a server restarts or a backend goes away, the first connection may have failed.
      this.send('tcp');
      this.nextRoundAfter(Math.max(TCP_RESEND, this.startedAt + LATE - this.parts.clock.now()));
    } else {
      this.sendLate();
    }
  }

  /** In an outage that does not end: the datagram that was kept for its end, and then TCP. */
  private sendLate(): void {
    const isLast = this.rounds > 5;
    if (!isLast) this.resend();
    if (isLast || this.first === 'tcp') this.send('tcp');
    if (!isLast) this.nextRoundAfter(LAST - LATE);
  }

  /** Whether the server has answered any question since this one was asked: then our datagrams were lost. */
  private get isThere(): boolean {
    return this.parts.health.lastReplyAt > this.startedAt;
  }

  onReply(send: Send, reply: Reply): void {
    this.sends.remove(send);
    this.heard = true;
    if (send === this.original) this.originalAnswered = true;
    // The other transport's time, connection setup included, says nothing for the timer or the choice.
    const roundTrips = send.transport === this.first ? this.roundTrips : undefined;
    const afterSilence = this.rounds > 2 && this.betterWait === undefined;
    noteReply(this.parts, { send, reply }, roundTrips, afterSilence);
    if (reply.truncated && send.transport === 'udp') this.onTruncated(send, reply.message);
    else if (send.edns && refusesEdns(reply)) this.onEdnsRefused(send, reply);
    else if (reply.truncated && !saysSomething(reply.message)) this.conclude('malformed');
    else this.onAnswer(send, reply);
  }

  private onAnswer(send: Send, reply: Reply): void {
    // Only an answer shows that the server refused the OPT, and not the question.
    const wasTheOpt = !send.edns && this.fallback.refusal?.edns === false && !refusesEdns(reply);
    if (wasTheOpt) this.parts.edns.refuse();
    else if (!send.edns && this.sends.hasSilentOpt(send.transport)) this.parts.edns.droppedOpt();
    if (this.rounds > 1 && !this.originalAnswered) this.parts.tallies.rescues.add();
    this.answer(reply.truncated ? asTruncated(reply.message) : reply.message);
  }

  private onEdnsRefused({ transport }: Send, reply: Reply): void {
    if (this.fallback.refusal === undefined) {
      this.fallback.refusal = reply;
      this.parts.tallies.ednsFallbacks.add();
      if (this.sends.hasPlainOut(transport) || this.send(transport) !== undefined) return;
    }
    // This one was sent before the refusal was known; one without EDNS may still be in flight.
    if (this.sends.out === 0) this.answer(reply.message);
  }

  private onTruncated(send: Send, message: Message): void {
    this.fallback.noteTruncated(message, send.edns || this.parts.edns.isRefused);
    this.leaveUdp('truncated', send);
  }

  onSuspicion(send: Send, suspicion: Suspicion): void {
    if (suspicion !== 'malformed') {
      this.unanswered.isMismatched = true;
      // U3: an attacker who guesses cannot follow to TCP; the first true reply wins.
      if (suspicion === 'wrong-id') this.startTcp('wrong-id');
      return;
    }
    this.heard = true;
    this.parts.health.heard();
    this.onMalformed(send);
    this.leaveUdp('malformed', send);
    if (!this.settled && this.fallback.isUnread) this.listener.onUnread();
  }

  /** Asks without an OPT: some servers put their answer after the query's (U4). @returns Whether it was sent. */
  private onMalformed({ edns, transport, partial }: Send): boolean {
    this.fallback.noteMalformed(partial);
    if (edns) this.sends.uselessOpt = true;
    if (!edns || this.wantsOpt(transport) || this.sends.hasPlainOut(transport)) return false;
    return this.send(transport) !== undefined;
  }

  /**
   * Asks once more where TCP brings nothing. One unreadable reply may be forged, two hardly are (U3). A reply that is cut
   * to nothing has more room with an OPT, whatever is remembered of the server (U4).
   */
  private askAgain(): void {
    const needsOpt = this.fallback.takeOpt(this.sends);
    if (!needsOpt && (!this.fallback.mayBeForged || this.sends.awaitsPlain('udp'))) return;
    if (needsOpt && !this.sends.isOut('tcp')) this.betterWait?.set(PARTIAL_WAIT);
    this.resend(needsOpt || this.wantsOpt('udp'));
  }

  /** The server has replied, and will not reply better over UDP: from now on TCP alone is tried. */
  private leaveUdp(cause: TcpFallback, { at, edns }: Send): void {
    // A server that drops an OPT over UDP may do so over TCP as well (U4).
    if (!edns && this.sends.hasSilentOpt('udp')) this.sends.uselessOpt = true;
    this.stopRounds();
    // Connections that were refused or silent in an outage say nothing about a server that is back: it gets one more.
    const now = this.parts.clock.now();
    const isWaited = this.sends.isOut('tcp', now - TCP_SILENCE);
    const isBack = this.rounds > 2 && this.betterWait === undefined && !isWaited;
    this.startTcp(cause, isBack);
    this.betterWait ??= new EarliestTimer(this.parts.clock, () => this.conclude('timeout'));
    this.betterWait.set(this.fallback.waitAfter(at - this.startedAt, now - at));
    if (!this.sends.isOut('tcp') && !this.fallback.mayImprove(this.sends)) this.conclude('network');
    else if (this.fallback.mayBeForged || this.fallback.needsOpt(this.sends))
      this.round = this.parts.clock.after(SECOND_OPINION, () => this.askAgain());
  }

  private startTcp(cause: TcpFallback, mayGoAgain = false): void {
    if ((mayGoAgain || this.sends.count('tcp') === 0) && this.send('tcp') !== undefined)
      this.parts.tallies.tcpFallbacks.add(cause);
  }

  onFailure(send: Send, error: Error): void {
    this.sends.remove(send);
    const reason = error instanceof UpstreamError ? error.reason : undefined;
    if (reason === undefined || reason === 'closed') this.fail(error);
    else if (reason === 'malformed' && this.onMalformed(send)) return;
    else if (send.transport !== 'udp') this.onStreamFailure(send, reason, error);
    else if (reason === 'full') this.onNoSocket(send, error);
    else this.onRefused(reason, error);
  }

  /**
   * It counts as lost: the next one may be sent, or meet another server behind the same address. It waits for the
   * timer, or the same full table or missing route would refuse it (U2, F5).
   */
  private onRefused(reason: UpstreamFailure, error: Error): void {
    this.unanswered.noteRefusal(error);
    this.listener.onRefused();
    if (reason === 'local') this.sends.noteRefusedHere();
    if (reason === 'local' && !this.settled) {
      this.refused ??= new RefusedSends(this.parts.clock, () => this.send('udp'));
      this.refused.note();
    }
    if (this.sends.out === 0 && !this.mayResend) this.conclude(reason, error);
  }

  private get mayResend(): boolean {
    return (
      (this.round !== undefined && this.sends.count('udp') > 0) || this.refused?.isDue === true
    );
  }

  /** S1: if no socket is left, TCP has one for many questions; one that lost its socket to a newer one is over. */
  private onNoSocket(send: Send, error: Error): void {
    if (this.sends.out > 0) return;
    const wasEvicted = this.parts.clock.now() - send.at >= UDP_EVICTABLE_AFTER;
    if (this.sends.count('tcp') === 0 && !wasEvicted) this.leaveUdp('full', send);
    else this.conclude('full', error);
  }

  private onStreamFailure({ partial }: Send, reason: UpstreamFailure, error: Error): void {
    this.sends.noteRefusal(error);
    const retries = this.betterWait === undefined ? this.refusedTcp : undefined;
    if (reason === 'refused' && retries !== undefined && this.tokens.take()) retries.note();
    if (reason === 'malformed') this.fallback.noteOverTcp(partial, this.betterWait === undefined);
    if (this.fallback.mayImprove(this.sends)) {
      this.askAgain();
      return;
    }
    const spoken = this.fallback.truncated !== undefined || this.fallback.malformed;
    const hasRescue = this.parts.transports.udp !== undefined && this.sends.count('udp') === 0;
    if (reason === 'network' && hasRescue) this.rescue();
    else if (spoken || (this.sends.out === 0 && !this.mayResend)) this.conclude(reason, error);
  }

  private onSilence(): void {
    if (this.isThere && this.rounds > 2) this.resend();
    if (!this.heard) this.unanswered.count(this.startedAt);
    if (this.first === 'tcp') this.rescue();
    else if (this.first !== 'udp') this.leaveConnection();
  }

  /** Before a second of silence, as far as tokens allow: a slow recursion is not asked twice (U2). */
  private rescueAfter(delay: Milliseconds): void {
    this.round = this.parts.clock.after(delay, () => {
      this.watch();
      if (this.tokens.take()) this.rescue();
    });
  }

  /** A `tcp://` server that is silent over TCP may answer over UDP. */
  private rescue(): void {
    if (this.sends.count('udp') > 0) return;
    this.stopRounds();
    this.send('udp');
    this.nextRoundAfter(this.timeout);
  }

  /** Sends again on a new connection: behind the kept one, the server may be gone without notice. */
  private leaveConnection(): void {
    if (this.heard) return;
    this.reportSlow();
    // In a later turn than the transport's own timer for the same silence, which gives up the kept connection.
    this.round = this.parts.clock.after(0, () => this.send(this.first));
  }

  private stopRounds(): void {
    this.reportSlow();
    this.round?.cancel();
    this.round = undefined;
    for (const retries of [this.refused, this.refusedTcp]) retries?.cancel();
  }

  private reportSlow(): void {
    if (this.slow) return;
    this.slow = true;
    this.listener.onSlow();
  }

  /** No better reply will come: a truncated or damaged one is the answer, if it says anything. */
  private conclude(reason: UpstreamFailure, error?: Error): void {
    // If there was no room here, nothing shows that the server is silent.
    if (!this.heard && reason !== 'full') this.unanswered.count(this.startedAt);
    const { message } = this.fallback;
    if (message !== undefined) this.answer(message);
    else this.fail(this.unanswered.why(reason, error));
  }

  private answer(message: Message): void {
    this.settle();
    this.listener.onAnswer(this.parts.trustsAd ? message : withoutAd(message));
  }

  private fail(error: Error): void {
    if (this.settled) return;
    this.settle();
    this.listener.onFailure(error);
  }

  private settle(): void {
    this.settled = true;
    for (const timer of [this.deadline, this.silence, this.round, this.betterWait]) timer?.cancel();
    for (const retries of [this.refused, this.refusedTcp]) retries?.cancel();
    this.parts.asks.delete(this);
    this.sends.close();
    if (!this.originalAnswered) this.tokens.giveBack();
  }
}
