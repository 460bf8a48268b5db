import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer as createTcpServer, type Server, type Socket as TcpSocket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Milliseconds } from '../../src/clock.ts';
import { seededChance } from '../../src/demo/cluster-faults.ts';
import type { Endpoint } from '../../src/endpoint.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { Deframer, frame } from '../../src/wire/frame.ts';
import type { Message } from '../../src/wire/message.ts';
import type { Question } from '../../src/wire/question.ts';
import type { Seconds } from '../../src/wire/record.ts';
import { readRequest } from '../../src/wire/request.ts';
import { freePort } from './free-port.ts';
import type { Loss } from './losses.ts';
import { a, aaaa, message, nodata, responseOctets } from './messages.ts';

/** What an upstream does to questions; change it at any time. */
export interface Weather {
  /** From the question to its answer. */
  delay: Milliseconds;
  /** The share of datagrams whose exchange is lost, 0 to 1. */
  loss: number;
  /** The share of questions that are answered with SERVFAIL, 0 to 1. */
  servfail: number;
  ttl: Seconds;
  /** Nobody is answered, over whatever transport. */
  silent: boolean;
  /** A stream is closed behind each answer. */
  closes: boolean;
}

/** An upstream on the loopback that fails as it is told: each name has an address of either family. */
export interface FailingUpstream {
  readonly port: number;
  readonly weather: Weather;
  /** Questions that came in, over whatever transport, lost ones too; write it to begin anew. */
  asked: number;
  /** Those of them that came over UDP. */
  readonly datagrams: number;
  /** Those of them that were in clear text, from whoever should have asked over TLS. */
  clear: number;
  /** Connections that were accepted. */
  connections: number;
  /** Closes its sockets, so that whoever asks is refused at once. */
  refuse(): Promise<void>;
  /** Listens again, on the same port. */
  accept(): Promise<void>;
  close(): Promise<void>;
}

/** A key and the certificate for it, in PEM: makes the stream side DNS over TLS. */
export interface Secret {
  readonly key: string;
  readonly cert: string;
}

const CALM: Weather = {
  delay: 0,
  loss: 0,
  servfail: 0,
  ttl: 60,
  silent: false,
  closes: false,
};

/** What an upstream is, beside its weather. */
export interface UpstreamIdentity {
  /** The last octet of every address that it gives, so that a test knows who answered; default 1. */
  readonly number?: number | undefined;
  /** Where it listens; default a free port of 127.0.0.1. */
  readonly at?: Endpoint | undefined;
  /** Makes the stream side DNS over TLS; what comes over UDP is then only counted. */
  readonly secret?: Secret | undefined;
  /** What is lost beside the share that the weather has. */
  readonly isLost?: Loss | undefined;
}

/**
 * Starts an upstream over UDP and TCP.
 *
 * @throws {Error} If no port is free over both.
 */
export async function startFailingUpstream({
  number,
  at,
  secret,
  isLost,
  ...weather
}: Partial<Weather> & UpstreamIdentity = {}): Promise<FailingUpstream> {
  const upstream = new Upstream({ number, at, secret, isLost }, { ...CALM, ...weather });
  await upstream.accept();
  return upstream;
}

class Upstream implements FailingUpstream {
  readonly weather: Weather;
  asked = 0;
  datagrams = 0;
  clear = 0;
  connections = 0;
  /** The same luck for whoever asks the same. */
  private readonly chance = seededChance(1);
  private readonly number: number;
  private readonly secret: Secret | undefined;
  private readonly isLost: Loss | undefined;
  private readonly address: string;
  private boundPort: number;
  private udp: UdpSocket | undefined;
  private tcp: Server | undefined;
  private readonly streams = new Set<TcpSocket>();

  constructor({ number = 1, at, secret, isLost }: UpstreamIdentity, weather: Weather) {
    this.number = number;
    this.weather = weather;
    this.secret = secret;
    this.isLost = isLost;
    this.address = at?.address ?? '127.0.0.1';
    this.boundPort = at?.port ?? 0;
  }

  get port(): number {
    return this.boundPort;
  }

  async accept(): Promise<void> {
    if (this.boundPort === 0) this.boundPort = await freePort();
    this.tcp = await this.listenStreams();
    this.udp = await this.listenDatagrams();
  }

  async refuse(): Promise<void> {
    const { udp, tcp } = this;
    this.udp = undefined;
    this.tcp = undefined;
    for (const stream of this.streams) stream.destroy();
    const closed = [udp, tcp]
      .filter((each) => each !== undefined)
      .map((each) => once(each, 'close'));
    udp?.close();
    tcp?.close();
    await Promise.all(closed);
  }

  async close(): Promise<void> {
    if (this.tcp !== undefined) await this.refuse();
  }

  private async listenDatagrams(): Promise<UdpSocket> {
    // Bursts of a thousand wait in the kernel while the clients of the same process are at work.
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    socket.on('message', (octets, peer) => this.onDatagram(socket, octets, peer));
    socket.bind(this.boundPort, this.address);
    await once(socket, 'listening');
    // An ICMP error of a client that has gone concerns nobody.
    socket.on('error', () => undefined);
    return socket;
  }

  private onDatagram(socket: UdpSocket, octets: Uint8Array, peer: RemoteInfo): void {
    this.asked++;
    this.datagrams++;
    if (this.secret !== undefined) this.clear++;
    if (this.weather.silent || this.secret !== undefined) return;
    if (this.chance() < this.weather.loss) return;
    if (this.isLost?.(readRequest(octets).question, performance.now()) === true) return;
    const reply = this.replyTo(octets);
    setTimeout(() => {
      if (socket === this.udp && !this.weather.silent) socket.send(reply, peer.port, peer.address);
    }, this.weather.delay);
  }

  private async listenStreams(): Promise<Server> {
    const onConnection = (stream: TcpSocket) => this.onConnection(stream);
    const server =
      this.secret === undefined
        ? createTcpServer(onConnection)
        : createTlsServer({ ...this.secret, minVersion: 'TLSv1.3' }, onConnection);
    server.listen(this.boundPort, this.address);
    await once(server, 'listening');
    return server;
  }

  private onConnection(stream: TcpSocket): void {
    this.connections++;
    this.streams.add(stream);
    stream.setNoDelay(true);
    stream.on('close', () => this.streams.delete(stream));
    stream.on('error', () => stream.destroy());
    const deframer = new Deframer();
    stream.on('data', (chunk: Uint8Array) => {
      for (const octets of deframer.push(chunk)) this.onStreamQuestion(stream, octets);
    });
  }

  private onStreamQuestion(stream: TcpSocket, octets: Uint8Array): void {
    this.asked++;
    if (this.weather.silent) return;
    const reply = frame(this.replyTo(octets));
    setTimeout(() => {
      if (this.weather.silent || !stream.writable) return;
      if (this.weather.closes) stream.end(reply);
      else stream.write(reply);
    }, this.weather.delay);
  }

  private replyTo(octets: Uint8Array): Uint8Array {
    const { question } = readRequest(octets);
    const failed = this.chance() < this.weather.servfail;
    const said = failed ? message({ rcode: Rcode.SERVFAIL }) : this.answerTo(question);
    return responseOctets(octets, said);
  }

  private answerTo({ qname, qtype }: Question): Message {
    const { ttl } = this.weather;
    if (qtype === RrType.A) return message({ answer: [a(qname, `192.0.2.${this.number}`, ttl)] });
    if (qtype !== RrType.AAAA) return nodata('.', ttl);
    return message({ answer: [aaaa(qname, `2001:db8::${this.number}`, ttl)] });
  }
}
