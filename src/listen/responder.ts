import type { Clock, Milliseconds } from '../clock.ts';
import { OTHER_OWNER } from '../resolve/other-owner.ts';
import { failure } from '../resolve/servfail.ts';
import type { Answer, Asker, Query, Resolve, Source } from '../resolve/stage.ts';
import { EdeCode, Rcode } from '../wire/codes.ts';
import { SOURCE_INFO } from '../wire/edns.ts';
import { Flag, readHeader } from '../wire/header.ts';
import { renderError, renderReply, TCP_OCTETS, udpLimit } from '../wire/render.ts';
import type { Request } from '../wire/request.ts';
import { admit } from './admit.ts';
import type { Allows } from './allow-list.ts';
import { Backlog } from './backlog.ts';
import type { ReadyAnswers } from './ready-answers.ts';

/** The transport of a query. */
export type Transport = 'udp' | 'tcp';

/** What happened to messages from clients, for the metrics; nothing in it names a QNAME (S4). */
export interface ResponderEvents {
  /** A query was admitted. */
  asked(transport: Transport, qtype: number): void;
  /** A reply was sent: its RCODE, the source of the answer, and how long the client waited in this process. */
  answered(rcode: number, source: Source, elapsed: Milliseconds): void;
  /** The listener sent an error of its own, without resolving anything. */
  rejected(rcode: number): void;
  dropped(reason: 'response' | 'malformed'): void;
  /** A question was dropped before its turn, to make room for another (S1). */
  crowded(): void;
  bug(error: unknown): void;
}

/** The client and the transport that it used. */
interface From {
  readonly transport: Transport;
  readonly address: string;
}

/**
 * How long new questions may run in one turn of the event loop; further ones wait for the next turn. A flood of them
 * must not delay datagrams that can be answered at once: the kernel's buffer holds 30 ms of such a flood.
 */
const SHARE: Milliseconds = 0.5;
/** The default for listeners that set none. */
const BACKLOG = 1_000;

/**
 * Turns a client's octets into the octets of its reply, for every listener.
 *
 * An unexpected exception becomes SERVFAIL and is reported as a bug.
 */
export class Responder {
  readonly resolve: Resolve;
  readonly resolveForTool: Resolve;
  readonly clock: Clock;
  readonly events: ResponderEvents;
  /** Answers many queries at once from memory, for the listeners that can; `undefined` if there is a query log. */
  readonly ready: ReadyAnswers | undefined;
  /** Which clients may ask; `undefined` for all. A reload sets it again (S2). */
  allows: Allows | undefined;
  /** Addresses that the daemon listens on. A reload sets them anew (S2). */
  ownAddresses: readonly string[] = [];
  /** Queries whose reply was not sent yet: shutdown waits for them (S2). */
  private waiting = 0;
  /** Questions that arrived after the share of the turn was used up. */
  private readonly backlog = new Backlog<ClientQuestion>(BACKLOG);
  /** When the current share began to be used, and when it was last used. */
  private shareBegan: Milliseconds = Number.NEGATIVE_INFINITY;
  private shareUsed: Milliseconds = Number.NEGATIVE_INFINITY;
  /** Called when the last reply is sent. */
  private readonly whenIdle: (() => void)[] = [];

  /**
   * @param options.ready - Answers from the reply cache; without it every question goes through the stages.
   * @param options.resolveForTool - For the questions of sidestub's own tools.
   */
  constructor(options: {
    resolve: Resolve;
    resolveForTool?: Resolve;
    clock: Clock;
    events: ResponderEvents;
    ready?: ReadyAnswers | undefined;
  }) {
    this.resolve = options.resolve;
    this.resolveForTool = options.resolveForTool ?? options.resolve;
    this.clock = options.clock;
    this.events = options.events;
    this.ready = options.ready;
  }

  /** How many questions may wait for their turn (S1); a reload sets it anew (S2). */
  set maxBacklog(limit: number) {
    this.backlog.limit = limit;
  }

  get inFlight(): number {
    return this.waiting;
  }

  /** Resolves when no query is waiting; new ones may still arrive. */
  async drained(): Promise<void> {
    if (this.waiting === 0) return;
    await new Promise<void>((resolve) => {
      this.whenIdle.push(resolve);
    });
  }

  /**
   * Answers one message.
   *
   * @param octets - A whole message; not kept after the call.
   * @param reply - Called once, perhaps before this returns.
   * @returns Whether there will be a reply: a dropped message gets none.
   */
  respond(octets: Uint8Array, from: From, reply: (octets: Uint8Array) => void): boolean {
    if (this.allows?.(from.address) === false) return this.refuse(octets, reply);
    const hit = this.ready?.copy(octets, from.transport);
    if (hit !== undefined) {
      reply(hit);
      return true;
    }
    const admission = admit(octets);
    if (admission.kind === 'drop') {
      this.events.dropped(admission.reason);
      return false;
    }
    if (admission.kind === 'reply') {
      this.events.rejected(admission.rcode);
      reply(admission.octets);
      return true;
    }
    this.queue(new ClientQuestion(this, admission.request, from, reply));
    return true;
  }

  /**
   * Whether the client is on the daemon's own machine or in its pod: only such a client may ask as one of sidestub's
   * tools.
   */
  isFromHere(address: string): boolean {
    const client = address.replace(/^::ffff:(?=\d+\.)/i, '');
    return isLoopback(client) || this.ownAddresses.includes(client);
  }

  /** A question was answered. */
  done(): void {
    this.waiting--;
    if (this.waiting > 0) return;
    for (const resolve of this.whenIdle.splice(0)) resolve();
  }

  /** Starts the question if there is time, else queues it. */
  private queue(question: ClientQuestion): void {
    const { request, from, since } = question;
    this.waiting++;
    if (!question.isTool) this.events.asked(from.transport, request.question.qtype);
    if (since - this.shareUsed > SHARE) this.shareBegan = since;
    if (this.backlog.size === 0 && since - this.shareBegan < SHARE) {
      question.begin();
      this.shareUsed = this.clock.now();
      return;
    }
    if (this.backlog.size === 0) setImmediate(this.takeTurn);
    const crowded = this.backlog.push(from.address, question);
    if (crowded === undefined) return;
    this.events.crowded();
    crowded.shed();
  }

  private readonly takeTurn = (): void => {
    const began = this.clock.now();
    do {
      const next = this.backlog.shift();
      if (next === undefined) return;
      next.begin();
    } while (this.clock.now() - began < SHARE);
    if (this.backlog.size > 0) setImmediate(this.takeTurn);
  };

  /** Sends REFUSED, so that the client does not wait; over UDP it is no larger than the question (no amplification). */
  private refuse(octets: Uint8Array, reply: (octets: Uint8Array) => void): boolean {
    const admission = admit(octets);
    if (admission.kind !== 'ask') {
      this.events.dropped(admission.kind === 'drop' ? admission.reason : 'malformed');
      return false;
    }
    this.events.rejected(Rcode.REFUSED);
    reply(renderError(admission.request, Rcode.REFUSED));
    return true;
  }
}

/** A client's question from its admission to its reply: it waits for the answer of the stages and renders it. */
class ClientQuestion implements Asker {
  readonly request: Request;
  readonly from: From;
  readonly since: Milliseconds;
  /** Whether `sidestub wait`, `explain` or `ready.names` asks, which is not counted as a lookup by a program. */
  readonly isTool: boolean;
  private readonly responder: Responder;
  private readonly reply: (octets: Uint8Array) => void;
  private query: Query | undefined;
  /** The epoch of the reply cache when the stages were asked: if it has changed since, the reply is not kept. */
  private epoch = 0;
  private isOpen = true;

  constructor(
    responder: Responder,
    request: Request,
    from: From,
    reply: (octets: Uint8Array) => void,
  ) {
    this.responder = responder;
    this.request = request;
    this.from = from;
    this.reply = reply;
    this.since = responder.clock.now();
    this.isTool = request.edns?.asksSource === true && responder.isFromHere(from.address);
    this.query = undefined;
  }

  begin(): void {
    const { resolve, resolveForTool, ready } = this.responder;
    this.epoch = ready?.epoch ?? 0;
    try {
      this.query = queryOf(this.request, this.from.address);
      if (this.isTool) resolveForTool(this.query, this);
      else resolve(this.query, this);
    } catch (bug) {
      this.onFailure(bug);
    }
  }

  onAnswer(answer: Answer): void {
    if (!this.isOpen) return;
    let octets: Uint8Array;
    try {
      octets = this.rendered(answer);
    } catch (bug) {
      this.onFailure(bug);
      return;
    }
    this.answered(answer.message.rcode, answer.source);
    this.close(octets);
  }

  /** The stages always answer, so an exception here is a bug. */
  onFailure(bug: unknown): void {
    this.responder.events.bug(bug);
    if (!this.isOpen) return;
    this.answered(Rcode.SERVFAIL, 'failure');
    this.close(renderError(this.request, Rcode.SERVFAIL));
  }

  /** Answers SERVFAIL: the backlog was full before its turn came (S1). */
  shed(): void {
    const { request, from } = this;
    const why = { code: EdeCode.OTHER, text: 'too many questions at once' };
    const { message, age, source, ede } = failure(why);
    this.answered(message.rcode, source);
    this.close(renderReply(request, message, { age, limit: limitOf(request, from), ede }));
  }

  private rendered(answer: Answer): Uint8Array {
    const { request, from, query, epoch } = this;
    const { message, age, ede } = answer;
    const limit = limitOf(request, from);
    // A reply that names its source is made for this client alone, and is not repeated.
    if (this.isTool) return toolReply(request, answer, limit);
    const remark = ede ?? (message.otherOwner === true ? OTHER_OWNER : undefined);
    const octets = renderReply(request, message, { age, limit, ede: remark });
    if (query !== undefined) this.responder.ready?.keep({ request, query, answer, epoch }, octets);
    return octets;
  }

  private answered(rcode: number, source: Source): void {
    if (this.isTool) return;
    const { events, clock } = this.responder;
    events.answered(rcode, source, clock.now() - this.since);
  }

  private close(octets: Uint8Array): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    try {
      this.reply(octets);
    } catch (bug) {
      this.responder.events.bug(bug);
    } finally {
      this.responder.done();
    }
  }
}

function limitOf(request: Request, { transport }: From): number {
  return transport === 'udp' ? udpLimit(request) : TCP_OCTETS;
}

/** Only what decides the answer is passed on: the options of the client's OPT apply to its own hop (U4). */
function queryOf(request: Request, client: string): Query {
  const { qname, qtype, qclass } = request.question;
  return {
    qname,
    qtype,
    qclass,
    dnssecOk: request.edns?.dnssecOk ?? false,
    checkingDisabled: request.checkingDisabled,
    client,
    ...(request.edns?.isProbe === true ? { fromProbe: true } : {}),
  };
}

/** Adds the source of the answer. A reply that must be truncated is cut where it would be cut without the OPT (L4). */
function toolReply(request: Request, answer: Answer, limit: number): Uint8Array {
  const { message, age } = answer;
  const ede = { code: SOURCE_INFO, text: sourceText(answer) };
  const told = renderReply(request, message, { age, limit, ede });
  const isCut = (readHeader(told).flags & Flag.TC) !== 0;
  if (!isCut || limit > PLAIN_UDP_OCTETS) return told;
  return renderReply({ ...request, edns: undefined }, message, { age, limit });
}

/**
 * RFC 1035 §4.2.1: what a client without EDNS takes over UDP. A tool says so in its OPT when it imitates such a client.
 */
const PLAIN_UDP_OCTETS = 512;

/** `cut com.svc.cluster.local.`: the source of an answer, and the proof behind it. */
function sourceText({ source, proof }: Answer): string {
  return proof === undefined ? source : `${source} ${proof}`;
}

/** @see RFC 1122 §3.2.1.3 */
function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
