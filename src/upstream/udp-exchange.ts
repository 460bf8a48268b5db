import { createSocket, type Socket } from 'node:dgram';
import type { Clock, Milliseconds } from '../clock.ts';
import { isIpv6Address } from '../endpoint.ts';
import type { PartialResponse } from '../wire/partial-response.ts';
import { buildQuery, randomId } from '../wire/request.ts';
import { type Outgoing, UpstreamError } from './exchange.ts';
import { judgeReply, type Verdict } from './reply.ts';
import type { ServerAddress } from './server-address.ts';
import { socketError } from './socket-error.ts';
import { UDP_EVICTABLE_AFTER } from './timeouts.ts';
import type { Exchange, ReplyListener, Suspicion, Transport } from './transport.ts';
import type { UpstreamTallies } from './upstream-tallies.ts';

/** What bounds the sockets to one server (S1). */
export interface UdpSocketLimit {
  /** The most sockets that are open at a time. */
  readonly sockets: number;
  readonly clock: Clock;
  /** Called when none was left. */
  readonly full: { add(): void };
}

/**
 * Carries each message on a datagram socket of its own: fresh, connected, with a port that the kernel draws (F1).
 *
 * So no two messages share a conntrack entry, the kernel drops what other peers send, and an ICMP refusal finds the
 * question it belongs to. The socket listens until a reply matches or its owner closes it.
 *
 * When there is no socket left, the oldest message fails as `full` if it has been out for 200 ms, else the new one does:
 * its owner may ask over TCP, where many share one socket (S1).
 */
export function udpTransport(
  address: ServerAddress,
  tallies: UpstreamTallies,
  limit: UdpSocketLimit,
): Transport {
  // Oldest first.
  const open = new Set<UdpExchange>();
  const done = new DoneSockets(limit.clock);
  const full = () => new UpstreamError('full', `udp sockets to ${address.name}: ${limit.sockets}`);
  const makeRoom = (): boolean => {
    if (open.size + done.size < limit.sockets) return true;
    done.close();
    if (open.size < limit.sockets) return true;
    limit.full.add();
    const [oldest] = open;
    if (oldest === undefined || limit.clock.now() - oldest.sentAt < UDP_EVICTABLE_AFTER)
      return false;
    oldest.fail(full());
    done.close();
    return true;
  };
  return {
    send(question, edns, listener): Exchange {
      if (!makeRoom()) return failing(full(), listener);
      tallies.sends.add('udp');
      const exchange = new UdpExchange(
        { address, question, edns, listener, tallies, open, done },
        limit.clock.now(),
      );
      open.add(exchange);
      return exchange;
    },
    close(): void {
      for (const exchange of open) {
        exchange.fail(new UpstreamError('closed', `udp exchange with ${address.name} was closed`));
      }
      done.close();
    },
  };
}

/**
 * Sockets that are of no use any more. They are closed in the next turn of the event loop: that takes as long as
 * sending, and comes before the client's reply otherwise.
 */
class DoneSockets {
  private readonly clock: Clock;
  private sockets: Socket[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    return this.sockets.length;
  }

  add(socket: Socket): void {
    if (this.sockets.push(socket) === 1) this.clock.after(0, () => this.close());
  }

  close(): void {
    const { sockets } = this;
    this.sockets = [];
    for (const socket of sockets) socket.close();
  }
}

/** A message that is not sent. */
function failing(error: Error, listener: ReplyListener): Exchange {
  let closed = false;
  queueMicrotask(() => {
    if (!closed) listener.onFailure(error);
  });
  return {
    close: () => {
      closed = true;
    },
  };
}

interface UdpExchangeParts {
  readonly address: ServerAddress;
  readonly question: Outgoing;
  readonly edns: boolean;
  readonly listener: ReplyListener;
  readonly tallies: UpstreamTallies;
  readonly open: Set<UdpExchange>;
  readonly done: DoneSockets;
}

class UdpExchange implements Exchange {
  readonly sentAt: Milliseconds;
  private readonly id = randomId();
  private readonly question: Outgoing;
  private readonly listener: ReplyListener;
  private readonly tallies: UpstreamTallies;
  private readonly open: Set<UdpExchange>;
  private readonly done: DoneSockets;
  private readonly socket: Socket;
  private readonly reported: Suspicion[] = [];

  constructor(parts: UdpExchangeParts, sentAt: Milliseconds) {
    const { question, edns, listener, tallies, open, done } = parts;
    const { endpoint, name } = parts.address;
    this.sentAt = sentAt;
    this.question = question;
    this.listener = listener;
    this.tallies = tallies;
    this.open = open;
    this.done = done;
    const { checkingDisabled, dnssecOk, probe } = question;
    const octets = buildQuery(question, {
      id: this.id,
      checkingDisabled,
      edns: edns ? { dnssecOk, probe } : undefined,
    });
    const { address, port } = endpoint;
    const type = isIpv6Address(address) ? 'udp6' : 'udp4';
    this.socket = createSocket({ type, lookup: literal });
    // Node may report at once that no file descriptor is left, but no listener is called before `send` returns.
    const onError = (error: Error) =>
      queueMicrotask(() => this.fail(socketError('udp', name, error)));
    this.socket.on('error', onError);
    this.socket.on('message', (reply) => this.onMessage(reply));
    this.socket.connect(port, address);
    try {
      this.socket.send(octets, (error) => {
        if (error !== null) onError(error);
      });
    } catch {
      // It is not connected, and the socket's own error says why.
    }
  }

  close(): void {
    if (this.open.delete(this)) this.done.add(this.socket);
  }

  fail(error: Error): void {
    if (!this.open.has(this)) return;
    this.close();
    this.listener.onFailure(error);
  }

  private onMessage(octets: Uint8Array): void {
    // The kernel may have queued it before the socket was closed.
    if (!this.open.has(this)) return;
    const verdict = this.judge(octets);
    if (verdict === undefined) return;
    if (verdict.kind === 'reply') {
      this.close();
      this.listener.onReply(verdict.reply);
      return;
    }
    this.tallies[verdict.kind].add();
    if (verdict.kind === 'malformed') this.report('malformed', verdict.partial);
    else this.report(verdict.wrongId ? 'wrong-id' : 'mismatched');
  }

  private judge(octets: Uint8Array): Verdict | undefined {
    try {
      return judgeReply(octets, this.id, this.question);
    } catch (bug) {
      // A socket's event has no caller above it: thrown from here, a bug in reading would end the process.
      this.fail(bug as Error);
      return undefined;
    }
  }

  private report(suspicion: Suspicion, partial?: PartialResponse): void {
    if (this.reported.includes(suspicion)) return;
    this.reported.push(suspicion);
    this.listener.onSuspicion?.(suspicion, partial);
  }
}

/**
 * node:dgram looks every address up, numeric ones too. This gives them back as they are and at once: the socket is then
 * bound and connected when `connect` returns, and the datagram is with the kernel when `send` does.
 */
function literal(address: string, _options: unknown, callback: LookupCallback): void {
  callback(null, address, isIpv6Address(address) ? 6 : 4);
}

type LookupCallback = (error: null, address: string, family: number) => void;
