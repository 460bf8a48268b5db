import type { Clock, Milliseconds } from '../clock.ts';
import { RrClass, RrType } from '../wire/codes.ts';
import type { Question } from '../wire/question.ts';
import { Ask } from './ask.ts';
import type { AskListener, AskParts, Transports } from './ask-parts.ts';
import { EdnsMemory } from './edns-memory.ts';
import type { Outgoing, UpstreamFailure } from './exchange.ts';
import { Health } from './health.ts';
import { refusesEdns } from './reply.ts';
import { ResendBudget, RoundTrips, type TimerClass } from './retransmission.ts';
import type { ServerAddress } from './server-address.ts';
import type { Exchange } from './transport.ts';
import { TransportChoice } from './transport-choice.ts';
import { serverTallies, type UpstreamTallies } from './upstream-tallies.ts';

/** What a {@link Server} is made of. */
export interface ServerOptions {
  readonly address: ServerAddress;
  /** The transport that the address names, and those that may replace it. */
  readonly transports: Transports;
  readonly clock: Clock;
  readonly tallies: UpstreamTallies;
  /** Which timer a question uses; all use `other` if it is absent. */
  readonly timerClass?: ((question: Question) => TimerClass) | undefined;
  /** Called when it is found dead, with the reason; and without one when it replies again (U1). */
  readonly onHealth?: ((server: string, trouble: UpstreamFailure | undefined) => void) | undefined;
}

/** One upstream server: what is known of it from one question to the next. */
export class Server {
  readonly address: ServerAddress;
  private readonly options: ServerOptions;
  private readonly shared: AskParts;
  private readonly health: Health;
  private readonly edns: EdnsMemory;
  private readonly transportChoice: TransportChoice;
  private probes = 0;
  private readonly deathListeners: (() => void)[] = [];
  private readonly roundTrips: Readonly<Record<TimerClass, RoundTrips>> = {
    zone: new RoundTrips(),
    other: new RoundTrips(),
  };

  constructor(options: ServerOptions) {
    const { address, clock, tallies, transports } = options;
    this.address = address;
    this.options = options;
    const own = serverTallies(tallies, address.name);
    this.health = new Health(
      clock,
      () => this.probeEitherWay(),
      (dead) => {
        own.dead = dead;
        options.onHealth?.(address.name, dead ? (own.trouble ?? 'timeout') : undefined);
        if (dead) for (const listener of this.deathListeners) listener();
      },
      (silentSince) => {
        for (const ask of this.shared.asks) ask.onServerBack(silentSince);
      },
      () => this.shared.asks.size > 0,
    );
    this.edns = new EdnsMemory(clock, () => this.probe(true));
    this.transportChoice = new TransportChoice(address.transport, clock, () =>
      this.probeEitherWay(),
    );
    this.shared = {
      name: address.name,
      transportChoice: this.transportChoice,
      trustsAd: isSecure(address),
      transports,
      clock,
      budget: new ResendBudget(),
      edns: this.edns,
      health: this.health,
      asks: new Set(),
      tallies,
      serverTallies: own,
    };
  }

  /** Silent for 3 s, without a reply since (U1). */
  get dead(): boolean {
    return this.health.dead;
  }

  /** Silent recently, though not for long enough to be known dead (U6). */
  get doubtful(): boolean {
    return this.health.doubtful;
  }

  /** Why it did not answer the last question that it left unanswered; absent once it answers again. */
  get trouble(): UpstreamFailure | undefined {
    return this.shared.serverTallies.trouble;
  }

  /** How long an answer to such a question takes, smoothed; `undefined` if it was not measured recently. */
  expectedRoundTrip(question: Question): Milliseconds | undefined {
    return this.roundTripsOf(question).smoothed(this.options.clock.now());
  }

  /** Sends the question. Nothing of `listener` is called before this returns. */
  begin(question: Outgoing, listener: AskListener): Pick<Ask, 'again' | 'cancel'> {
    return new Ask(this.shared, this.roundTripsOf(question), question, listener);
  }

  /** Has `listener` called whenever the server is found dead. */
  onDeath(listener: () => void): void {
    this.deathListeners.push(listener);
  }

  /** Closes sockets; questions in flight fail with reason `closed`. */
  close(): void {
    this.health.close();
    this.edns.close();
    this.transportChoice.close();
    for (const transport of Object.values(this.options.transports)) transport.close();
  }

  private roundTripsOf(question: Question): RoundTrips {
    return this.roundTrips[this.options.timerClass?.(question) ?? 'other'];
  }

  /** Every second probe goes without an OPT: a server may answer only one of the two kinds (U4). */
  private probeEitherWay(): Exchange | undefined {
    return this.probe(this.edns.usable && this.probes++ % 2 === 0);
  }

  private probe(withOpt: boolean): Exchange | undefined {
    const { transports, address, clock } = this.options;
    const sentAt = clock.now();
    return transports[address.transport]?.send(PROBE, withOpt, {
      onReply: (reply) => {
        this.shared.serverTallies.trouble = undefined;
        this.health.heard();
        this.transportChoice.heard(address.transport, false);
        if (withOpt && !refusesEdns(reply)) this.edns.answered();
        for (const trips of Object.values(this.roundTrips)) trips.forgive(clock.now() - sentAt);
      },
      // The next probe is due in any case.
      onFailure: () => undefined,
    });
  }
}

/**
 * Authenticated, or on this machine or pod: no one on the way can change its replies. (Nothing is validated here:
 * KeyTrap.)
 */
function isSecure({ transport, endpoint }: ServerAddress): boolean {
  if (transport === 'tls' || transport === 'https') return true;
  return endpoint.address.startsWith('127.') || endpoint.address === '::1';
}

/** Every server knows the root, or refuses at once: either reply shows that it is back. */
const PROBE: Outgoing = {
  qname: '.',
  qtype: RrType.NS,
  qclass: RrClass.IN,
  dnssecOk: false,
  checkingDisabled: false,
};
