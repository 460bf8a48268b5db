import { setTimeout as wait } from 'node:timers/promises';
import { RrType } from '../../src/wire/codes.ts';
import { readResponse } from '../../src/wire/message.ts';
import { type Client, tcpClient, udpClient } from '../hostile/clients.ts';
import { type Owner, startWorld } from '../hostile/hostile-daemon.ts';
import { addressOf, tellTruth } from '../hostile/hostile-upstream.ts';
import { asAnswerTo } from '../hostile/stories/packets.ts';
import { queryOctets } from '../support/messages.ts';
import type { Luck } from './mutate.ts';

/** What a run over whole daemons came to. */
export interface DaemonFindings {
  readonly sent: number;
  readonly said: number;
  readonly clean: number;
  /** Why it stopped early, and the messages that were out then. */
  readonly broken?: { readonly reason: string; readonly octets: readonly Uint8Array[] };
}

/** Mutants that are out when something breaks: few enough to look through. */
const BATCH = 50;

/**
 * Fuzzes two daemons until the time is over: one gets mutants as its clients' messages over UDP and TCP, the other as
 * what its upstream says. A clean client of each asks names beside, whose answers must stay right.
 */
export async function fuzzDaemons(
  t: Owner,
  seconds: number,
  luck: Luck,
  mutant: () => Uint8Array,
): Promise<DaemonFindings> {
  const [listening, asking] = await Promise.all([startWorld(t), startWorld(t)]);
  const clients = await Promise.all([udpClient(t, listening.dns), udpClient(t, asking.dns)]);
  const attacker = await udpClient(t, listening.dns, '127.0.0.2');
  const victim = await udpClient(t, asking.dns, '127.0.0.2');
  let stream = await tcpClient(t, listening.dns, '127.0.0.2');
  let [sent, said, clean] = [0, 0, 0];
  let batch: Uint8Array[] = [];
  asking.upstream.script = (asked) => {
    if (asked.qname.startsWith('clean')) {
      tellTruth(asked);
      return;
    }
    const octets = mutant();
    batch.push(octets);
    said++;
    asked.reply(luck.below(4) === 0 ? octets : asAnswerTo(asked, octets));
  };
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    batch = [];
    if (stream.socket.destroyed) stream = await tcpClient(t, listening.dns, '127.0.0.2');
    for (let i = 0; i < BATCH; i++) {
      const octets = mutant();
      batch.push(octets);
      (i % 2 === 0 ? attacker : stream).send(octets);
      victim.send(questionFor(sent++));
    }
    attacker.strays.length = 0;
    stream.strays.length = 0;
    const reason =
      (await wrongAnswer(clients, `clean${clean++}.example.`)) ??
      unreadable(victim) ??
      (await unwell([listening, asking]));
    if (reason !== undefined) return { sent, said, clean, broken: { reason, octets: batch } };
    await wait(0);
  }
  return { sent, said, clean };
}

function questionFor(index: number): Uint8Array {
  return queryOctets(`f${index}.example.`, RrType.TXT, { id: index & 0xffff });
}

function unreadable(client: Client): string | undefined {
  const isBroken = client.strays.splice(0).some((octets) => !isReply(octets));
  return isBroken ? 'a client got what cannot be read' : undefined;
}

function isReply(octets: Uint8Array): boolean {
  try {
    readResponse(octets);
    return true;
  } catch {
    return false;
  }
}

async function wrongAnswer(clients: readonly Client[], name: string): Promise<string | undefined> {
  for (const client of clients) {
    try {
      const { response } = await client.ask(name);
      const [record] = response.message.answer;
      if (record?.rdata.join('.') !== addressOf(name)) return `${name} has a wrong answer`;
    } catch (error) {
      return `${name}: ${error}`;
    }
  }
  return undefined;
}

async function unwell(
  worlds: readonly { health(): Promise<string> }[],
): Promise<string | undefined> {
  for (const world of worlds) {
    const health = await world.health();
    if (health !== 'well') return health;
  }
  return undefined;
}
