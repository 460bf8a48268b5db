import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type Socket as Connection, createServer, type Server } from 'node:net';
import { listenAt, onOnePort } from '../listen-at.ts';
import { Deframer, frame } from '../wire/frame.ts';
import type { Message } from '../wire/message.ts';
import type { Question } from '../wire/question.ts';
import { renderReply, TCP_OCTETS, udpLimit } from '../wire/render.ts';
import { readRequest } from '../wire/request.ts';

/** The cluster DNS of a rehearsal, on this machine's loopback and for the rehearsal only. */
export interface RehearsalServer {
  readonly port: number;
  close(): void;
}

const LOOPBACK = '127.0.0.1';

/**
 * Answers over UDP and TCP on the loopback.
 *
 * @param answer - The answer to a question; over UDP it may be a truncated one (TC).
 */
export async function startRehearsalServer(
  answer: (question: Question) => Message,
): Promise<RehearsalServer> {
  const connections = new Set<Connection>();
  const tcp = createServer((connection) => {
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
    connection.on('error', () => connection.destroy());
    const deframer = new Deframer();
    connection.on('data', (chunk: Uint8Array) => {
      for (const octets of deframer.push(chunk)) {
        const request = readRequest(octets);
        const { truncated: _, ...whole } = answer(request.question);
        connection.write(frame(renderReply(request, whole, { age: 0, limit: TCP_OCTETS })));
      }
    });
  });
  const udp = await onOnePort(0, () => bindBoth(tcp));
  // An ICMP error reports a client that has gone.
  udp.on('error', () => undefined);
  udp.on('message', (octets, peer) => {
    const request = readRequest(octets);
    const message = answer(request.question);
    const shown = message.truncated === true ? { ...message, answer: [] } : message;
    const reply = renderReply(request, shown, { age: 0, limit: udpLimit(request) });
    udp.send(reply, peer.port, peer.address);
  });
  return {
    port: udp.address().port,
    close: () => {
      udp.close();
      tcp.close();
      for (const connection of connections) connection.destroy();
    },
  };
}

/** Binds UDP, and TCP on its port. */
async function bindBoth(tcp: Server): Promise<Socket> {
  const udp = createSocket('udp4');
  const listening = once(udp, 'listening');
  udp.bind(0, LOOPBACK);
  await listening;
  try {
    listenAt(tcp, { address: LOOPBACK, port: udp.address().port });
  } catch (error) {
    udp.close();
    throw error;
  }
  return udp;
}
