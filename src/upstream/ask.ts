import type { Milliseconds, Timer } from '../clock.ts';
import type { TcpFallback, UpstreamTransport } from '../vocabulary.ts';
import type { Message } from '../wire/message.ts';
import type { AskListener, AskParts } from './ask-parts.ts';
import { EarliestTimer } from './earliest-timer.ts';
import { type Outgoing, UpstreamError, type UpstreamFailure } from './exchange.ts';
import { FallbackReply } from './fallback-reply.ts';
import { RefusedSends } from './refused-sends.ts';
import { asTruncated, type Reply, refusesEdns, saysSomething, withoutAd } from './reply.ts';
import { MAX_SENDS, RESEND_WITHOUT_TOKEN, type RoundTrips, TCP_RESEND } from './retransmission.ts';
import { Send, type SendOwner, Sends } from './send.ts';
import { AGAIN, DEADLINE, LATE, SILENCE, TCP_SILENCE, UDP_EVICTABLE_AFTER } from './timeouts.ts';
import type { Suspicion } from './transport.ts';
import { Unanswered } from './unanswered.ts';

/**
 * One question at one server, from its first send to its answer.
 *
 * Over UDP it goes out at once and again when the timer fires; TCP joins at the third round, and once more a moment later.
 * The third datagram leaves as soon as the server is known to be there, since it is loss then; else it is kept for an
 * outage and leaves late, with the last TCP (U2). Every datagram has its own socket, all of them listen, and the first
 * reply that matches wins. Silence spends sends, never the wait: it ends at the deadline.
 */
export class Ask implements SendOwner {
  private readonly parts: AskParts;
  private readonly roundTrips: RoundTrips;
  private readonly question: Outgoing;
  private readonly listener: AskListener;
  private readonly startedAt: Milliseconds;
  private readonly timeout: Milliseconds;
  private readonly first: UpstreamTransport;
  private readonly sends = new Sends();
  private deadline: Timer | undefined;
  private silence: Timer | undefined;
  private round: Timer | undefined;
  /** What is malformed twice is not waited for like what is so once. */
  private betterWait: EarliestTimer | undefined;
  private rounds = 1;
  private original: Send | undefined;
  private originalAnswered = false;
  private tokens = 0;
  private lastSentAt: Milliseconds = 0;
  private slow = false;
  private heard = false;
  private missed = false;
  private settled = false;
  private readonly fallback = new FallbackReply();
  private readonly unanswered = new Unanswered();
  private refused: RefusedSends | undefined;

  /** @param roundTrips - Of the question's class. */
  constructor(parts: AskParts, roundTrips: RoundTrips, question: Outgoing, listener: AskListener) {
    this.parts = parts;
    this.roundTrips = roundTrips;
    this.question = question;
    this.listener = listener;
    this.startedAt = parts.clock.now();
    this.timeout = roundTrips.timeout;
    parts.budget.earn();
    parts.asks.add(this);
    this.first = parts.transportChoice.first;
    this.original = this.send(this.first);
    if (this.first === 'udp') this.nextRoundAfter(this.timeout);
    else if (this.first === 'tcp') this.rescueAfter(Math.max(this.timeout, TCP_SILENCE));
    else this.watch();
  }

  /**
   * Watches deadline and silence, from when the first timer has fired: that is shorter than silence, and nearly every
   * question is answered before it. Unused timers would be a tenth of a question's cost.
   */
  private watch(): void {
    if (this.deadline !== undefined) return;
    const { clock } = this.parts;
    const elapsed = clock.now() - this.startedAt;
    this.deadline = clock.after(DEADLINE - elapsed, () => this.conclude('timeout'));
    this.silence = clock.after(SILENCE - elapsed, () => this.onSilence());
  }

  /** Ends the question without calling the listener: another server has answered. */
  cancel(): void {
    if (this.settled) return;
    if (this.slow && !this.heard) {
      this.countMissed();
      // A server that others keep overtaking would never be measured, and so be chosen for ever.
      const now = this.parts.clock.now();
      this.roundTrips.sampleAtLeast(now - this.startedAt, now);
    }
    this.settle();
  }

  /** A client has asked again, so this sends again, unless UDP has used up its sends (L5). */
  again(): void {
    if (this.betterWait !== undefined || this.parts.clock.now() - this.lastSentAt < AGAIN) return;
    this.send(this.first, Number.POSITIVE_INFINITY);
  }

  /**
   * The server answers other questions, so it is not away and our datagram was lost: the third one is sent now (U2).
   */
  onServerHeard(): void {
    if (this.rounds > 2 && !this.heard) this.sendThird();
  }

  private sendThird(): void {
    if (this.send('udp') !== undefined) this.parts.tallies.retransmissions.add();
  }

  private send(transport: UpstreamTransport, limit = MAX_SENDS): Send | undefined {
    const { clock, transports } = this.parts;
    const carrier = transports[transport];
    if (carrier === undefined || !this.sends.mayGo(transport, limit)) return undefined;
    const now = clock.now();
    const withEdns = this.wantsOpt(transport);
    const send = new Send(this, transport, now, withEdns);
    send.exchange = carrier.send(this.question, withEdns, send);
    if (transport !== 'tcp' || this.first === 'tcp') this.lastSentAt = now;
    this.sends.add(send);
    return send;
  }

  /** After a send whose OPT brought nothing, all go without, unless the client needs it: some servers drop an OPT (U4). */
  private wantsOpt(transport: UpstreamTransport): boolean {
    if (this.fallback.refusal !== undefined || !this.parts.edns.usable) return false;
    const mayBePlain = (transport === 'udp' || transport === 'tcp') && !this.question.dnssecOk;
    return !(mayBePlain && this.sends.hasSilentOpt(transport));
  }

  /** RFC 9520 §3.1: what a transport sends again by itself counts as well; a refused connection does not. */
  takeSend(transport: UpstreamTransport): boolean {
    return this.sends.take(transport, MAX_SENDS + this.sends.refusedConnections);
  }

  private nextRoundAfter(delay: Milliseconds): void {
    this.round = this.parts.clock.after(delay, () => this.onRound());
  }

  private onRound(): void {
    this.round = undefined;
    this.watch();
    this.reportSlow();
    const wait = this.waitForToken();
    if (wait > 0) {
      this.nextRoundAfter(wait);
      return;
    }
    this.rounds++;
    if (this.rounds === 2) {
      if (!this.listener.takeResend()) this.send('udp');
      this.parts.tallies.retransmissions.add();
      this.nextRoundAfter(2 * this.timeout);
    } else if (this.rounds === 3) {
      // If another server took the resend over, this one still has a datagram left.
      if (this.isThere || this.sends.count('udp') < 2) this.sendThird();
      this.startTcp('silence');
      this.nextRoundAfter(TCP_RESEND);
    } else if (this.rounds === 4) {
      if (this.isThere) this.sendThird();
      // Where a server restarts, or a backend goes, the first connection may have led nowhere.
      this.send('tcp');
      this.nextRoundAfter(Math.max(TCP_RESEND, this.startedAt + LATE - this.parts.clock.now()));
    } else {
      this.sendThird();
      this.send('tcp');
    }
  }

  /** Whether the server has answered anything since this was asked: what is missing is lost then, and no outage. */
  private get isThere(): boolean {
    return this.parts.health.lastReplyAt > this.startedAt;
  }

  private waitForToken(): Milliseconds {
    const { budget, clock } = this.parts;
    if (!budget.take()) return this.lastSentAt + RESEND_WITHOUT_TOKEN - clock.now();
    this.tokens++;
    return 0;
  }

  onReply(send: Send, reply: Reply): void {
    this.sends.remove(send);
    this.heard = true;
    if (send === this.original) this.originalAnswered = true;
    const { health, serverTallies, clock, transportChoice } = this.parts;
    transportChoice.heard(send.transport, this.rounds > 2 && this.betterWait === undefined);
    serverTallies.trouble = undefined;
    health.heard();
    const now = clock.now();
    const elapsed = now - send.at;
    // What the other transport takes, connection setup included, says nothing about the timer or the choice.
    if (send.transport === this.first) this.roundTrips.sample(elapsed, now);
    serverTallies.latency.observe(elapsed / 1000);
    if (send.edns && !refusesEdns(reply)) this.parts.edns.answered();
    if (reply.truncated && send.transport === 'udp') this.onTruncated(send, reply.message);
    else if (send.edns && refusesEdns(reply)) this.onEdnsRefused(send, reply);
    else if (reply.truncated && !saysSomething(reply.message)) this.conclude('malformed');
    else this.onAnswer(send, reply);
  }

  private onAnswer(send: Send, reply: Reply): void {
    // Only an answer shows that it was the OPT, and not the question, that the server could not take.
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
    // Sent with EDNS before the refusal was known; what goes without is still out.
    if (this.sends.out === 0) this.answer(reply.message);
  }

  private onTruncated(send: Send, message: Message): void {
    this.fallback.truncated ??= message;
    // What is silent to an OPT over UDP may be so over TCP as well (U4).
    if (!send.edns && this.sends.hasSilentOpt('udp')) this.sends.uselessOpt = true;
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
    if (!this.settled && this.fallback.message === undefined) this.listener.onUnread();
  }

  /** Some servers put their answer after the query's OPT: those are asked without (U4). @returns Whether this was. */
  private onMalformed({ edns, transport, partial }: Send): boolean {
    this.fallback.partial ??= partial;
    this.fallback.malformedReplies++;
    if (edns) this.sends.uselessOpt = true;
    if (!edns || this.wantsOpt(transport) || this.sends.hasPlainOut(transport)) return false;
    return this.send(transport) !== undefined;
  }

  /** The server has spoken, and over UDP it will not say anything better: no more datagrams, TCP or nothing. */
  private leaveUdp(cause: TcpFallback, { at }: Send): void {
    this.stopRounds();
    this.reportSlow();
    // Connections that were refused during an outage say nothing about a server that is back: that is asked once more.
    const isBack = this.rounds > 2 && this.betterWait === undefined && !this.sends.isOut('tcp');
    this.startTcp(cause, isBack ? MAX_SENDS + this.sends.refusedConnections : 1);
    this.betterWait ??= new EarliestTimer(this.parts.clock, () => this.conclude('timeout'));
    this.betterWait.set(this.fallback.waitAfter(at - this.startedAt));
    const isItsWord = this.fallback.malformedOverTcp && this.isItsWord(undefined);
    if (!this.sends.isOut('tcp') && (isItsWord || !this.mayStillCome)) this.conclude('network');
  }

  /** U3: a malformed datagram may be forged; without TCP the true reply can still arrive on the same socket. */
  private get mayStillCome(): boolean {
    return this.fallback.truncated === undefined && this.sends.isOut('udp');
  }

  /**
   * Over TCP only the server can have sent it, so what is whole of it counts (U3). Where nothing is, UDP may still bring
   * something better: the query without an OPT, or what follows a damaged reply (U4).
   */
  private isItsWord(partial: Message | undefined): boolean {
    if (partial !== undefined || this.betterWait === undefined) return true;
    return this.fallback.partial === undefined && !this.sends.awaitsPlain('udp');
  }

  private startTcp(cause: TcpFallback, limit = 1): void {
    if (this.send('tcp', limit) !== undefined) this.parts.tallies.tcpFallbacks.add(cause);
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
    const isRound = this.sends.count('udp') > 0 && this.round !== undefined;
    return isRound || this.refused?.isDue === true;
  }

  /** S1: where there is no socket, TCP has one for many questions; what has given way to a newer question is over. */
  private onNoSocket(send: Send, error: Error): void {
    if (this.sends.out > 0) return;
    const wasEvicted = this.parts.clock.now() - send.at >= UDP_EVICTABLE_AFTER;
    if (this.sends.count('tcp') === 0 && !wasEvicted) this.leaveUdp('full', send);
    else this.conclude('full', error);
  }

  private onStreamFailure({ partial }: Send, reason: UpstreamFailure, error: Error): void {
    if (reason === 'refused') this.sends.refusedConnections++;
    this.fallback.noteStreamFailure(reason);
    this.betterWait?.set(this.fallback.waitAfter(0));
    const isItsWord = reason === 'malformed' && this.isItsWord(partial);
    if (this.mayStillCome && !isItsWord) return;
    this.fallback.partial = partial ?? this.fallback.partial;
    const spoken = this.fallback.truncated !== undefined || this.fallback.malformed;
    const hasRescue = this.parts.transports.udp !== undefined && this.sends.count('udp') === 0;
    if (reason === 'network' && hasRescue) this.rescue();
    else if (spoken || (this.sends.out === 0 && !this.mayResend)) this.conclude(reason, error);
  }

  private onSilence(): void {
    if (this.isThere) this.onServerHeard();
    if (!this.heard) this.countMissed();
    if (this.first === 'tcp') this.rescue();
    else if (this.first !== 'udp') this.leaveConnection();
  }

  /** Before the second is over that silence takes, as far as tokens allow: a slow recursion is not asked twice (U2). */
  private rescueAfter(delay: Milliseconds): void {
    this.round = this.parts.clock.after(delay, () => {
      this.watch();
      if (!this.parts.budget.take()) return;
      this.tokens++;
      this.rescue();
    });
  }

  /** A `tcp://` server whose TCP says nothing may still have a UDP that does. */
  private rescue(): void {
    if (this.sends.count('udp') > 0) return;
    this.stopRounds();
    this.reportSlow();
    this.send('udp');
    this.nextRoundAfter(this.timeout);
  }

  /** A kept connection may lead to a server that is gone without notice; the transport has given it up by then. */
  private leaveConnection(): void {
    if (this.heard) return;
    this.reportSlow();
    // A turn later than the transport's own timer for the same silence.
    this.round = this.parts.clock.after(0, () => this.send(this.first));
  }

  private stopRounds(): void {
    this.round?.cancel();
    this.round = undefined;
    this.refused?.cancel();
  }

  private reportSlow(): void {
    if (this.slow) return;
    this.slow = true;
    this.listener.onSlow();
  }

  private countMissed(): void {
    if (this.missed) return;
    this.missed = true;
    this.whyNot('timeout');
    this.parts.serverTallies.unanswered.add();
    this.parts.health.missed(this.startedAt);
  }

  /** Nothing more will come: what a truncated reply holds counts, if anything; then the word that refused EDNS. */
  private conclude(reason: UpstreamFailure, error?: Error): void {
    // Where there was no room here, nothing shows that the server is silent.
    if (!this.heard && reason !== 'full') this.countMissed();
    const { message } = this.fallback;
    if (message !== undefined) this.answer(message);
    else this.fail(this.whyNot(reason, error));
  }

  private whyNot(reason: UpstreamFailure, error?: Error): Error {
    const [isMalformed, sent] = [this.fallback.malformed, this.sends.count('udp')];
    return this.unanswered.why(this.parts, { reason, error, isMalformed, sent });
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
    this.refused?.cancel();
    this.parts.asks.delete(this);
    this.sends.close();
    if (!this.originalAnswered) this.parts.budget.giveBack(this.tokens);
  }
}
