import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onOnePort } from '../../src/listen-at.ts';
import { Rcode, RrClass, RrType, typeName } from '../../src/wire/codes.ts';
import { Deframer, frame } from '../../src/wire/frame.ts';
import type { Message } from '../../src/wire/message.ts';
import type { Question } from '../../src/wire/question.ts';
import { type Request, readRequest } from '../../src/wire/request.ts';
import { a, aaaa, message, nodata, responseOctets, soa } from '../support/messages.ts';

/** One question as it came to the upstream. */
export interface Asked {
  readonly transport: 'udp' | 'tcp';
  readonly octets: Uint8Array;
  readonly request: Request;
  readonly qname: string;
  readonly qtype: number;
  /** The port that it came from. */
  readonly port: number;
  /** Sends octets back the way that the question came, whatever they are; over TCP with their length in front. */
  reply(octets: Uint8Array): void;
  /** Sends a message back. */
  answer(message: Message): void;
  /** Its connection; `undefined` over UDP. */
  readonly socket?: Socket;
}

/** An upstream over UDP and TCP on one port, which says what the test likes. */
export interface HostileUpstream {
  readonly port: number;
  /** Every question so far that is not the daemon's own business. */
  readonly asked: Asked[];
  /** `qname TYPE` of each, from the last call on. */
  takeAsked(): string[];
  /** Replaced at will. */
  script: (asked: Asked) => void;
  close(): Promise<void>;
}

/** What the daemon asks on its own account: the probe for readiness, for loops, and of a server that was silent. */
const OWN = /^(\.|.+\.internal\.)$/;

export interface UpstreamOptions {
  /** Where nobody listens over TCP, connections are refused. */
  readonly tcp?: boolean;
}

/** Starts it on the loopback, saying the truth. */
export async function startUpstream(options: UpstreamOptions = {}): Promise<HostileUpstream> {
  const asked: Asked[] = [];
  const udp = createSocket({ type: 'udp4', recvBufferSize: 8 << 20 });
  udp.on('error', () => undefined);
  let closed = false;
  const sockets = new Set<Socket>();
  const tcp = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    const deframer = new Deframer();
    socket.on('data', (chunk: Buffer) => {
      for (const octets of deframer.push(chunk)) {
        const reply = (answer: Uint8Array) => void socket.write(frame(answer));
        take(octets, { transport: 'tcp', port: socket.remotePort ?? 0, socket }, reply);
      }
    });
  });
  const upstream: HostileUpstream = {
    port: await bindBoth(udp, options.tcp === false ? undefined : tcp),
    asked,
    takeAsked: () => asked.splice(0).map(({ qname, qtype }) => `${qname} ${typeName(qtype)}`),
    script: tellTruth,
    close: async () => {
      closed = true;
      udp.close();
      for (const socket of sockets) socket.destroy();
      if (!tcp.listening) return;
      tcp.close();
      await once(tcp, 'close');
    },
  };
  udp.on('message', (octets, { port, address }) => {
    take(octets, { transport: 'udp', port }, (answer) => {
      // What a script says after the test has ended.
      if (!closed) udp.send(answer, port, address, () => undefined);
    });
  });
  const take = (
    octets: Uint8Array,
    from: Pick<Asked, 'transport' | 'port' | 'socket'>,
    reply: (octets: Uint8Array) => void,
  ): void => {
    const copy = Uint8Array.from(octets);
    const request = readRequest(copy);
    const { qname, qtype } = request.question;
    const answer = (said: Message) => reply(responseOctets(copy, said));
    const each: Asked = { ...from, octets: copy, request, qname, qtype, reply, answer };
    if (OWN.test(qname)) {
      tellTruth(each);
      return;
    }
    asked.push(each);
    upstream.script(each);
  };
  return upstream;
}

/** The address that honest answers have for a name: a function of it, so that a wrong one shows. */
export function addressOf(qname: string): string {
  let hash = 7;
  for (const c of qname) hash = (Math.imul(hash, 31) + c.charCodeAt(0)) >>> 0;
  return `198.18.${(hash >>> 8) & 0xff}.${hash & 0xff}`;
}

/** What an honest server says: both families for every name, NODATA for other types; the root's own NS unknown. */
export function truthAbout({ qname, qtype }: Question, ttl = 300): Message {
  if (qname.endsWith('internal.')) {
    return message({ rcode: Rcode.NXDOMAIN, authority: [soa('.')] });
  }
  if (qtype === RrType.A) return message({ answer: [a(qname, addressOf(qname), ttl)] });
  if (qtype === RrType.AAAA) return message({ answer: [aaaa(qname, '2001:db8::1', ttl)] });
  return nodata('.');
}

/** The script of an honest upstream. */
export function tellTruth(asked: Asked): void {
  asked.answer(truthAbout({ qname: asked.qname, qtype: asked.qtype, qclass: RrClass.IN }));
}

/** One port for both, or UDP's alone. */
async function bindBoth(
  udp: ReturnType<typeof createSocket>,
  tcp: ReturnType<typeof createServer> | undefined,
): Promise<number> {
  if (tcp === undefined) {
    udp.bind(0, '127.0.0.1');
    await once(udp, 'listening');
    return udp.address().port;
  }
  return onOnePort(0, async () => {
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { port } = tcp.address() as AddressInfo;
    udp.bind(port, '127.0.0.1');
    try {
      await Promise.race([
        once(udp, 'listening'),
        once(udp, 'error').then(([e]) => Promise.reject(e)),
      ]);
      return port;
    } catch (error) {
      tcp.close();
      await once(tcp, 'close');
      throw error;
    }
  });
}
