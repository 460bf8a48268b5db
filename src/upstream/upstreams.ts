import type { Clock } from '../clock.ts';
import type { Question } from '../wire/question.ts';
import type { Transports } from './ask-parts.ts';
import type { Outgoing, Upstream } from './exchange.ts';
import { httpsTransport } from './https-exchange.ts';
import { type LaneOrder, lanes } from './lanes.ts';
import type { TimerClass } from './retransmission.ts';
import { Server, type ServerOptions } from './server.ts';
import type { ServerAddress } from './server-address.ts';
import { Stagger, type StaggerState } from './stagger.ts';
import { succession } from './succession.ts';
import { tcpTransport } from './tcp-exchange.ts';
import { tlsTransport } from './tls-exchange.ts';
import { type UdpSocketLimit, udpTransport } from './udp-exchange.ts';
import { reportUntrusted } from './untrusted-report.ts';
import { serverTallies, type UpstreamTallies } from './upstream-tallies.ts';

/** What the upstream of one route is built from. */
export interface UpstreamOptions {
  /** Ordered groups of equals (U1); at least one, and none of them empty. */
  readonly servers: readonly (readonly ServerAddress[])[];
  readonly order: LaneOrder;
  readonly clock: Clock;
  readonly tallies: UpstreamTallies;
  /** UDP sockets to each server (S1). */
  readonly udpSockets: Pick<UdpSocketLimit, 'sockets' | 'full'>;
  /** Whether an answer comes from the cluster's own memory or from a recursion (U2); all are `other` without it. */
  readonly timerClass?: (question: Question) => TimerClass;
  /** Called at most once a minute for each server, with the reason why it is not trusted (U5). */
  readonly onUntrusted?: ((message: string) => void) | undefined;
  /** Called when `auto` changes how the pairs of a server are sent (F2). */
  readonly onOrder?: ((server: string, state: StaggerState) => void) | undefined;
  /** Called when a server is found dead, with the reason, and when it replies again (U1). */
  readonly onHealth?: ServerOptions['onHealth'];
}

/**
 * Builds the upstream of one route: lanes over a succession of servers, each with its transports.
 *
 * Nothing is sent, bound or connected before the first question.
 */
export function upstreamFor(options: UpstreamOptions): Upstream {
  const { servers, order, clock, tallies, timerClass, onHealth } = options;
  const serverAt = (address: ServerAddress) => {
    const transports = transportsTo(address, options);
    return new Server({ address, transports, clock, tallies, timerClass, onHealth });
  };
  const upstream = succession({
    name: servers.map((group) => group.map(({ name }) => name).join(',')).join(' '),
    groups: servers.map((group) => group.map(serverAt)),
    clock,
    tallies,
  });
  const staggers = new Map<Server, Stagger>();
  const staggerOf = (question: Outgoing) => {
    const server = upstream.firstFor(question);
    if (server === undefined) return undefined;
    const known = staggers.get(server);
    if (known !== undefined) return known;
    const stagger = staggerFor(server, options);
    staggers.set(server, stagger);
    return stagger;
  };
  const overUdp = servers.flat().some(({ transport }) => transport === 'udp');
  return lanes({ order: overUdp ? order : { kind: 'parallel' }, upstream, clock, staggerOf });
}

/** F2: whether the pairs of one server are staggered; a change is a metric and an event. */
function staggerFor({ address }: Server, { clock, tallies, onOrder }: UpstreamOptions): Stagger {
  const own = serverTallies(tallies, address.name);
  return new Stagger({
    clock,
    onChange: (state) => {
      own.serial = state === 'serial';
      tallies.orderChanges.add();
      onOrder?.(address.name, state);
    },
  });
}

/**
 * The most questions on the connections to one server. One without a socket of its own takes no more memory than one
 * with (S1).
 */
const MOST_OVER_TCP = 4_096;

/**
 * Clear text has two transports, each a fallback for the other (U2, U4); an encrypted server has one and no fallback
 * (U5).
 */
function transportsTo(
  address: ServerAddress,
  { clock, tallies, udpSockets, onUntrusted = () => undefined }: UpstreamOptions,
): Transports {
  switch (address.transport) {
    case 'udp':
    case 'tcp':
      return {
        udp: udpTransport(address, tallies, { ...udpSockets, clock }),
        tcp: tcpTransport(address, clock, tallies, Math.min(MOST_OVER_TCP, 2 * udpSockets.sockets)),
      };
    case 'tls':
      return { tls: reportUntrusted(tlsTransport(address, clock, tallies), clock, onUntrusted) };
    case 'https':
      return {
        https: reportUntrusted(httpsTransport(address, clock, tallies), clock, onUntrusted),
      };
  }
}
