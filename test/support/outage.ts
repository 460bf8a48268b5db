import { assembleResolver, type ResolverTallies } from '../../src/assemble.ts';
import type { Milliseconds } from '../../src/clock.ts';
import { Responder, type ResponderEvents } from '../../src/listen/responder.ts';
import { Tally, TallySet } from '../../src/observe/tally.ts';
import { type Outgoing, UpstreamError } from '../../src/upstream/exchange.ts';
import { lanes } from '../../src/upstream/lanes.ts';
import { Routes } from '../../src/upstream/routes.ts';
import { Server } from '../../src/upstream/server.ts';
import { parseServerAddress } from '../../src/upstream/server-address.ts';
import { succession } from '../../src/upstream/succession.ts';
import type { ReplyListener, Transport } from '../../src/upstream/transport.ts';
import { EXPANSION_FATES, REPAIR_KINDS } from '../../src/vocabulary.ts';
import type { AskTransport } from '../../src/walk/ask-socket.ts';
import { glibc } from '../../src/walk/glibc.ts';
import { musl } from '../../src/walk/musl.ts';
import type { ClientOptions, Walk } from '../../src/walk/walk.ts';
import { RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import type { Question } from '../../src/wire/question.ts';
import { HandClock } from './hand-clock.ts';
import { a, aaaa, message, nxdomain } from './messages.ts';
import { settingsOf } from './stub.ts';
import { createUpstreamTallies } from './upstream-tallies.ts';

/** How the only server is away, and who looks names up meanwhile. */
export interface Outage {
  readonly libc: 'musl' | 'glibc';
  /** Whether what is sent to it vanishes, or is refused. */
  readonly kind: 'silent' | 'refused';
  readonly span: Milliseconds;
  /** From one lookup to the next, each of a new name. */
  readonly every: Milliseconds;
}

/** A lookup that failed, or took more than half a second. */
export interface Sufferer {
  readonly outcome: Walk['outcome'];
  /** After the server was back. */
  readonly ended: Milliseconds;
}

/** It answers from memory in the zone, and has to ask for other names. */
const NEAR: Milliseconds = 1;
const FAR: Milliseconds = 10;
/** Between a client and the stub. */
const HOP: Milliseconds = 1;
const BEFORE: Milliseconds = 1_000;
const SLOW: Milliseconds = 500;
/** glibc gives a step up after 10 s. */
const LAST_WORD: Milliseconds = 15_000;
const STUB = { address: '127.0.0.1', port: 53 };
const FACTS: ClientOptions['facts'] = {
  nameservers: [STUB],
  search: ['job.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.', 'corp.example.'],
  ndots: 5,
};

/** The whole program, but for its sockets, between models of a libc and a server, on a clock wound by hand. */
export async function throughOutage(outage: Outage): Promise<readonly Sufferer[]> {
  const clock = new HandClock();
  const back = BEFORE + outage.span;
  const isAway = () => clock.now() >= BEFORE && clock.now() < back;
  const server = new Server({
    address: parseServerAddress('udp://192.0.2.53'),
    transports: { udp: transport(clock, isAway, outage), tcp: transport(clock, isAway, outage) },
    clock,
    tallies: createUpstreamTallies(),
    timerClass: ({ qname }) => (isInZone(qname) ? 'zone' : 'other'),
  });
  const asked = askingThrough(responderBefore(server, clock), clock);
  const sufferers: Sufferer[] = [];
  const lookUp = async (name: string): Promise<void> => {
    const began = clock.now();
    const options = { facts: FACTS, clock, transport: asked };
    const client = outage.libc === 'musl' ? musl(options, '1.2.5') : glibc(options);
    const { outcome } = await client.walk(name);
    const isFine = outcome === 'found' && clock.now() - began <= SLOW;
    if (!isFine) sufferers.push({ outcome, ended: clock.now() - back });
  };
  for (let at = BEFORE / 2; at < back; at += outage.every) {
    clock.after(at, () => void lookUp(`n${at}.example.net`));
  }
  await clock.advance(back + LAST_WORD);
  return sufferers;
}

function transport(clock: HandClock, isAway: () => boolean, { kind }: Outage): Transport {
  return {
    send(question: Outgoing, edns: boolean, listener: ReplyListener) {
      let isOpen = true;
      const later = (delay: Milliseconds, tell: () => void) =>
        clock.after(delay, () => {
          if (isOpen) tell();
          isOpen = false;
        });
      if (!isAway()) {
        const reply = { message: answerTo(question), truncated: false, edns };
        later(isInZone(question.qname) ? NEAR : FAR, () => listener.onReply(reply));
      } else if (kind === 'refused') {
        later(0, () => listener.onFailure(new UpstreamError('refused', 'nobody is there')));
      }
      return {
        close: () => {
          isOpen = false;
        },
      };
    },
    close: () => undefined,
  };
}

function answerTo({ qname, qtype }: Question): Message {
  if (/^(kubernetes\.)?(default\.)?svc\./.test(qname) || qname === '.') return message();
  if (isInZone(qname)) return nxdomain('cluster.local.');
  if (qname.endsWith('corp.example.')) return nxdomain('corp.example.');
  const rr = qtype === RrType.A ? a(qname, '192.0.2.1') : aaaa(qname, '2001:db8::1');
  return message({ answer: [rr] });
}

function isInZone(qname: string): boolean {
  return qname.endsWith('cluster.local.');
}

function responderBefore(server: Server, clock: HandClock): Responder {
  const upstream = succession({
    name: 'the server',
    groups: [[server]],
    clock,
    tallies: createUpstreamTallies(),
  });
  const pairs = { isOn: true, saw: () => undefined };
  const lane = lanes({ order: { kind: 'auto' }, upstream, clock, staggerOf: () => pairs });
  const onBug = (bug: unknown): never => {
    throw bug;
  };
  const resolver = assembleResolver({
    settings: settingsOf({}),
    clock,
    routes: new Routes([{ zone: '.', upstream: lane }]),
    tallies: tallies(),
    onVerdict: () => undefined,
    onBug,
  });
  resolver.start();
  const ignore = (): void => undefined;
  const events: ResponderEvents = {
    asked: ignore,
    answered: ignore,
    rejected: ignore,
    dropped: ignore,
    crowded: ignore,
    bug: onBug,
  };
  return new Responder({ resolve: resolver.resolve, clock, events });
}

function tallies(): ResolverTallies {
  const flights = { full: new Tally(), crowded: new Tally() };
  return {
    cache: { hits: new Tally(), misses: new Tally(), evictions: new Tally() },
    coalesced: new Tally(),
    flights,
    silentRouteFull: new Tally(),
    repairs: new TallySet(REPAIR_KINDS),
    fates: new TallySet(EXPANSION_FATES),
    speculations: new Tally(),
  };
}

/** Sockets of clients, straight to the responder. */
function askingThrough(responder: Responder, clock: HandClock): AskTransport {
  return {
    udp: (listener) => {
      let isOpen = true;
      const from = { transport: 'udp', address: '127.0.0.1' } as const;
      const reply = (octets: Uint8Array): void => {
        clock.after(HOP, () => {
          if (isOpen) listener.onMessage(octets, STUB);
        });
      };
      return {
        send: (octets) => {
          clock.after(HOP, () => responder.respond(octets, from, (said) => reply(said.slice())));
        },
        close: () => {
          isOpen = false;
        },
      };
    },
    tcp: () => {
      throw new Error('nothing is truncated');
    },
  };
}
