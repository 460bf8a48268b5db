import type { Milliseconds } from '../../src/clock.ts';
import type { Endpoint } from '../../src/endpoint.ts';
import type { AskSocket, AskTransport, SocketListener } from '../../src/walk/ask-socket.ts';
import type { Client, ClientOptions, Walk } from '../../src/walk/walk.ts';
import { RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { type Request, readRequest } from '../../src/wire/request.ts';
import { HandClock } from '../support/hand-clock.ts';
import {
  a,
  aaaa,
  message,
  nxdomain,
  type ResponseOptions,
  responseOctets,
} from '../support/messages.ts';

/** One message that a model sent. */
export interface Sent {
  readonly at: Milliseconds;
  readonly transport: 'udp' | 'tcp';
  /** Counts the sockets that were opened, from 1. */
  readonly socket: number;
  readonly to: string;
  readonly qname: string;
  readonly qtype: number;
  /** How often this question has gone out, this time included. */
  readonly nth: number;
  readonly request: Request;
}

/** What comes back: an answer, the octets of one, nothing, or word that nobody is there. */
export type Reaction =
  | Message
  | { readonly message: Message; readonly options: ResponseOptions; readonly from?: Endpoint }
  | { readonly octets: Uint8Array }
  | 'silence'
  | 'closed';

/** The round trip of every script. */
export const ROUND_TRIP: Milliseconds = 20;

export const NAMESERVER: Endpoint = { address: '192.0.2.53', port: 53 };
export const SECOND_NAMESERVER: Endpoint = { address: '192.0.2.54', port: 53 };

/** Four suffixes, as in a job's pod. */
export const FACTS: ClientOptions['facts'] = {
  nameservers: [NAMESERVER],
  search: ['job.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.', 'corp.example.'],
  ndots: 5,
};

/** Decides what comes back for a message. */
export type Script = (sent: Sent) => Reaction | readonly Reaction[];

const NAME = 'git.example.com.';
/** The answers for a name that has an address of each family. */
export const FOUND = message({ answer: [a(NAME, '198.51.100.7')] });
export const FOUND6 = message({ answer: [aaaa(NAME, '2001:db8::7')] });

/** A script with an address of each family. */
export function both({ qtype }: Sent): Message {
  return qtype === RrType.A ? FOUND : FOUND6;
}

/** A script that denies every expansion; the name itself is answered by `answer`. */
export function base(answer: Script): Script {
  return (sent) => (sent.qname === NAME ? answer(sent) : nxdomain('cluster.local.'));
}

/** A client over scripted sockets, on a clock of its own. */
export function scripted(
  make: (options: ClientOptions) => Client,
  script: Script,
  facts: ClientOptions['facts'] = FACTS,
) {
  const clock = new HandClock();
  const transport = new ScriptedSockets(clock, script);
  const client = make({ facts, clock, transport });
  return { clock, transport, walk: (name: string) => walkThrough(client, name, clock) };
}

/** Sockets behind which a script sits, a round trip away on a clock that is wound by hand. */
export class ScriptedSockets implements AskTransport {
  readonly sent: Sent[] = [];
  /** How many sockets are open: a walk that ends with some has found a leak. */
  open = 0;
  private opened = 0;
  private readonly clock: HandClock;
  private readonly script: Script;

  constructor(clock: HandClock, script: Script) {
    this.clock = clock;
    this.script = script;
  }

  udp(listener: SocketListener, peer?: Endpoint): AskSocket {
    return this.socket('udp', listener, peer);
  }

  tcp(listener: SocketListener, peer: Endpoint): AskSocket {
    return this.socket('tcp', listener, peer);
  }

  /** What went out, as `A git.example.com. 0` with the time: the shape of a walk at a glance. */
  get asked(): string[] {
    return this.sent.map(({ at, qname, qtype, transport }) => {
      const type = qtype === 1 ? 'A' : 'AAAA';
      return `${at} ${type} ${qname}${transport === 'tcp' ? ' tcp' : ''}`;
    });
  }

  private socket(
    transport: Sent['transport'],
    listener: SocketListener,
    peer: Endpoint | undefined,
  ): AskSocket {
    const number = ++this.opened;
    let open = true;
    this.open++;
    const later = (act: () => void) => {
      this.clock.after(ROUND_TRIP, () => {
        if (open) act();
      });
    };
    return {
      send: (octets, to) => {
        const sent = this.note(octets, to, transport, number);
        const reactions = [this.script(sent)].flat() as Reaction[];
        for (const reaction of reactions) {
          later(() =>
            react(reaction, { sent, octets, to, listener, connected: peer !== undefined }),
          );
        }
      },
      close: () => {
        if (open) this.open--;
        open = false;
      },
    };
  }

  private note(octets: Uint8Array, to: Endpoint, transport: Sent['transport'], socket: number) {
    const request = readRequest(octets);
    const { qname, qtype } = request.question;
    const before = this.sent.filter((each) => each.qname === qname && each.qtype === qtype);
    const at = this.clock.now();
    const nth = before.length + 1;
    const sent = { at, transport, socket, to: to.address, qname, qtype, nth, request };
    this.sent.push(sent);
    return sent;
  }
}

interface Delivery {
  readonly sent: Sent;
  readonly octets: Uint8Array;
  readonly to: Endpoint;
  readonly listener: SocketListener;
  readonly connected: boolean;
}

function react(reaction: Reaction, { octets, to, listener, connected }: Delivery): void {
  if (reaction === 'silence') return;
  // The kernel tells of an unreachable port on connected sockets only.
  if (reaction === 'closed') {
    if (connected) listener.onClosed();
  } else if ('octets' in reaction) listener.onMessage(reaction.octets, to);
  else if ('message' in reaction) {
    const { message, options, from = to } = reaction;
    listener.onMessage(responseOctets(octets, message, options), from);
  } else listener.onMessage(responseOctets(octets, reaction), to);
}

/** Winds the clock until the walk is over. @throws {Error} If it is not over after two minutes of its time. */
export async function walkThrough(client: Client, name: string, clock: HandClock): Promise<Walk> {
  let walk: Walk | undefined;
  let failure: unknown;
  client.walk(name).then(
    (ended) => {
      walk = ended;
    },
    (error: unknown) => {
      failure = error;
    },
  );
  for (let wound = 0; wound < 120_000 && walk === undefined; wound += 10) {
    await clock.advance(10);
    if (failure !== undefined) throw failure;
  }
  if (walk === undefined) throw new Error(`walk of ${name} does not end`);
  return walk;
}
