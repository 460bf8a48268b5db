import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { Clock, Milliseconds } from '../../clock.ts';
import { type Endpoint, formatEndpoint } from '../../endpoint.ts';
import { judgeReply } from '../../upstream/reply.ts';
import { Deframer, frame } from '../../wire/frame.ts';
import type { Question } from '../../wire/question.ts';
import { buildQuery, randomId } from '../../wire/request.ts';

/** How to ask a server once. */
export interface AskOptions {
  readonly server: Endpoint;
  readonly question: Question;
  readonly transport: 'udp' | 'tcp';
  readonly timeout: Milliseconds;
  readonly clock: Clock;
}

/** The reply. */
export interface Asked {
  /** A response to this very question, whole and parseable. */
  readonly octets: Uint8Array;
  readonly transport: 'udp' | 'tcp';
  readonly took: Milliseconds;
}

/**
 * Sends one question, once, and waits for its answer. The tool shows what a server does, so a lost question is not sent
 * again. A truncated answer is asked for again over TCP (RFC 7766 §5).
 *
 * @throws {Error} If there is no answer, or one that cannot be read; the message names the server.
 */
export async function askServer(options: AskOptions): Promise<Asked> {
  const asked = await askOnce(options);
  const reply = asked.transport === 'udp' && isTruncated(asked.octets);
  return reply ? await askOnce({ ...options, transport: 'tcp' }) : asked;
}

async function askOnce(options: AskOptions): Promise<Asked> {
  const { clock, server, question, timeout, transport } = options;
  const id = randomId();
  const edns = { dnssecOk: false };
  const query = buildQuery(question, { id, checkingDisabled: false, edns });
  const started = clock.now();
  const where = `${formatEndpoint(server)} over ${transport}`;
  const answered = Promise.withResolvers<Uint8Array>();
  const receive = (octets: Uint8Array): void => {
    const { kind } = judgeReply(octets, id, question);
    if (kind === 'reply') answered.resolve(Uint8Array.from(octets));
    if (kind === 'malformed') answered.reject(new Error(`malformed answer from ${where}`));
  };
  const fail = (error: Error): void => {
    answered.reject(new Error(`no answer from ${where}: ${wordsFor(error)}`));
  };
  const send = transport === 'udp' ? sendDatagram : sendFramed;
  const close = send(server, query, receive, fail);
  const silent = () => fail(new Error(`silent for ${timeout} ms`));
  const timer = clock.after(timeout, silent).keepAlive();
  try {
    return { octets: await answered.promise, transport, took: clock.now() - started };
  } finally {
    timer.cancel();
    close();
  }
}

/** Sends octets, reports what comes back, and returns a function that closes the socket. */
type Send = (
  server: Endpoint,
  query: Uint8Array,
  receive: (octets: Uint8Array) => void,
  fail: (error: Error) => void,
) => () => void;

const sendDatagram: Send = ({ address, port }, query, receive, fail) => {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  socket.on('error', fail);
  socket.on('message', receive);
  // A connected socket: the kernel drops datagrams from other peers, and reports when nothing listens there.
  socket.once('connect', () => socket.send(query));
  socket.connect(port, address);
  return () => socket.close();
};

const sendFramed: Send = ({ address, port }, query, receive, fail) => {
  const deframer = new Deframer();
  const socket = connect(port, address, () => socket.write(frame(query)));
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('connection closed')));
  socket.on('data', (chunk: Buffer) => {
    for (const message of deframer.push(chunk)) receive(message);
  });
  return () => socket.destroy();
};

function isTruncated(octets: Uint8Array): boolean {
  return ((octets[2] ?? 0) & TC_IN_OCTET) !== 0;
}

/** TC (RFC 1035 §4.1.1), in the third octet of the header. */
const TC_IN_OCTET = 0x02;

function wordsFor(error: Error): string {
  const code = 'code' in error ? error.code : undefined;
  return code === 'ECONNREFUSED' ? 'refused: nobody listens there' : error.message;
}
