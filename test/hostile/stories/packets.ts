import { setTimeout as wait } from 'node:timers/promises';
import { admit } from '../../../src/listen/admit.ts';
import { RrType } from '../../../src/wire/codes.ts';
import { Flag, HEADER_OCTETS, putUint16, uint16 } from '../../../src/wire/header.ts';
import { readResponse } from '../../../src/wire/message.ts';
import { readQuestion } from '../../../src/wire/question.ts';
import { queryOctets } from '../../support/messages.ts';
import { type Client, tcpClient, udpClient } from '../clients.ts';
import type { HostileWorld, Owner } from '../hostile-daemon.ts';
import { type Asked, tellTruth } from '../hostile-upstream.ts';

/** What became of packets that were sent as clients' queries. */
export interface QueryFigures {
  readonly sent: number;
  readonly wellFormed: number;
  readonly unanswered: number;
  /** To what was itself a response. */
  readonly repliesToResponses: number;
  readonly unreadable: number;
}

/** Packets that are out at once: what the kernel keeps for a busy daemon. */
const WINDOW = 400;
/** Milliseconds: every question here is answered by its upstream at once. */
const ANSWER_TIMEOUT = 5_000;

/** Sends packets as they are but for the ID, by which replies are told apart, over UDP and TCP in turn. */
export async function sendAsQueries(
  t: Owner,
  world: HostileWorld,
  packets: Iterable<Uint8Array>,
): Promise<QueryFigures> {
  const figures = { sent: 0, wellFormed: 0, unanswered: 0, repliesToResponses: 0, unreadable: 0 };
  const udp = await udpClient(t, world.dns);
  let tcp = await tcpClient(t, world.dns);
  for (const window of windowsOf(packets)) {
    if (tcp.socket.destroyed) tcp = await tcpClient(t, world.dns);
    for (const client of [udp, tcp]) await sendWindow(client, window, figures);
  }
  udp.close();
  tcp.close();
  return figures;
}

let firstId = 0;

async function sendWindow(
  client: Client,
  window: readonly Uint8Array[],
  figures: { -readonly [Key in keyof QueryFigures]: number },
): Promise<void> {
  const owed = new Set<number>();
  const responses = new Set<number>();
  // IDs of its own for each window: what is late of the one before is no reply to this one.
  firstId = (firstId + WINDOW) % (0x1_0000 - WINDOW);
  window.forEach((packet, index) => {
    const id = firstId + index;
    const octets = Uint8Array.from(packet);
    if (octets.length >= 2) putUint16(octets, 0, id);
    figures.sent++;
    if (octets.length >= HEADER_OCTETS && (uint16(octets, 2) & Flag.QR) !== 0) responses.add(id);
    if (admit(octets).kind === 'ask') {
      owed.add(id);
      figures.wellFormed++;
    }
    client.send(octets);
  });
  const end = performance.now() + ANSWER_TIMEOUT;
  for (;;) {
    for (const reply of client.strays.splice(0)) {
      const id = uint16(reply, 0);
      owed.delete(id);
      if (responses.has(id)) figures.repliesToResponses++;
      if (!isReadable(reply)) figures.unreadable++;
    }
    if (owed.size === 0 || performance.now() > end) break;
    await wait(2);
  }
  figures.unanswered += owed.size;
}

function isReadable(octets: Uint8Array): boolean {
  try {
    readResponse(octets);
    return true;
  } catch {
    return false;
  }
}

function* windowsOf<T>(items: Iterable<T>): Generator<T[]> {
  let window: T[] = [];
  for (const item of items) {
    if (window.push(item) < WINDOW) continue;
    yield window;
    window = [];
  }
  if (window.length > 0) yield window;
}

/** What became of packets that were said by the upstream. */
export interface AnswerFigures {
  readonly asked: number;
  readonly unreadable: number;
  readonly unanswered: number;
  /** The most upstream queries for one of the client's. */
  readonly mostQueries: number;
  /** Questions that were sent again because this machine was slow: each may be one more. */
  readonly resends: number;
}

/** Has the upstream say each packet, with ID and question of what it was asked, and asks for it once. */
export async function sayAsAnswers(
  t: Owner,
  world: HostileWorld,
  packets: readonly Uint8Array[],
): Promise<AnswerFigures> {
  const tcp = await tcpClient(t, world.dns);
  const udp = await udpClient(t, world.dns);
  const counts = new Map<string, number>();
  const resent = () => world.metric('sidestub_upstream_retransmissions_total');
  const before = await resent();
  world.upstream.script = (asked) => {
    const index = Number(/^p(\d+)\./.exec(asked.qname)?.[1] ?? -1);
    const packet = packets[index];
    if (packet === undefined) {
      tellTruth(asked);
      return;
    }
    counts.set(asked.qname, (counts.get(asked.qname) ?? 0) + 1);
    asked.reply(asAnswerTo(asked, packet));
  };
  let [unreadable, unanswered] = [0, 0];
  const ask = async (index: number): Promise<void> => {
    const client = index % 2 === 0 ? udp : tcp;
    try {
      // TXT: no other family belongs to it, so that each query upstream is this packet's.
      await client.askOctets(
        queryOctets(`p${index}.example.`, RrType.TXT, { edns: { dnssecOk: true } }),
      );
    } catch (error) {
      if (error instanceof Error && /no answer/.test(error.message)) unanswered++;
      else unreadable++;
    }
  };
  for (const window of windowsOf(packets.keys())) {
    for (let at = 0; at < window.length; at += 20)
      await Promise.all(window.slice(at, at + 20).map(ask));
  }
  world.upstream.script = tellTruth;
  udp.close();
  tcp.close();
  const mostQueries = Math.max(0, ...counts.values());
  return {
    asked: packets.length,
    unreadable,
    unanswered,
    mostQueries,
    resends: (await resent()) - before,
  };
}

/** The packet as if it answered: ID and question patched in, its own question taken out where it can be read. */
export function asAnswerTo({ octets: query, request }: Asked, packet: Uint8Array): Uint8Array {
  const question = request.question.octets;
  const header = Uint8Array.from([
    ...packet.subarray(0, HEADER_OCTETS),
    ...new Uint8Array(Math.max(0, HEADER_OCTETS - packet.length)),
  ]);
  header.set(query.subarray(0, 2));
  putUint16(header, 2, (uint16(header, 2) | Flag.QR) & ~0x7a00);
  const rest = packet.subarray(questionEnd(packet));
  putUint16(header, 4, 1);
  return Uint8Array.from(Buffer.concat([header, question, rest])).subarray(0, 65_000);
}

function questionEnd(packet: Uint8Array): number {
  try {
    return uint16(packet, 4) === 1 ? readQuestion(packet, HEADER_OCTETS).end : HEADER_OCTETS;
  } catch {
    return HEADER_OCTETS;
  }
}

/** Waits until the process has as few descriptors as before: kept connections end after 5 s without questions. */
export async function untilDescriptors(world: HostileWorld, before: number): Promise<number> {
  const end = performance.now() + 10_000;
  while (world.descriptors() > before && performance.now() < end) await wait(50);
  return world.descriptors();
}
