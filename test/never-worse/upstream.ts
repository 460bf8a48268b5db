// The upstreams of all draws that run at the moment, in a namespace of their own: told what to be by JSON lines.
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket as Stream } from 'node:net';
import { createInterface } from 'node:readline';
import { RrType } from '../../src/wire/codes.ts';
import { Deframer, frame } from '../../src/wire/frame.ts';
import { readRequest } from '../../src/wire/request.ts';
import type { Faults, Span } from './draw.ts';
import { replyTo } from './reply-octets.ts';

/** What the harness tells: begin with these faults, the clients begin now, it is over. */
export type Command =
  | { readonly open: string; readonly faults: Faults }
  | { readonly start: string }
  | { readonly close: string };

/** One server: sockets on an address of its own, open but while it is `away`. */
class Upstream {
  asked = 0;
  private readonly address: string;
  private readonly faults: Faults;
  private udp: Socket | undefined;
  private tcp: Server | undefined;
  private readonly streams = new Set<Stream>();
  private readonly timers: NodeJS.Timeout[] = [];
  /** On performance.now(); absent before the clients begin. */
  private startedAt: number | undefined;

  constructor(address: string, faults: Faults) {
    this.address = address;
    this.faults = faults;
  }

  async open(): Promise<void> {
    const udp = createSocket('udp4');
    this.udp = udp;
    udp.on('message', (query, from) => {
      this.onQuery(query, false, (reply) => {
        if (this.udp === udp) udp.send(reply, from.port, from.address);
      });
    });
    udp.on('error', () => undefined);
    udp.bind(53, this.address);
    await once(udp, 'listening');
    if (this.faults.tcp === 'refused') return;
    const tcp = createServer((stream) => this.onStream(stream));
    this.tcp = tcp;
    tcp.listen(53, this.address);
    await once(tcp, 'listening');
  }

  start(): void {
    this.startedAt = performance.now();
    const { away } = this.faults;
    if (away === undefined) return;
    if (away.from <= 0) this.shut();
    else this.timers.push(setTimeout(() => this.shut(), away.from));
    this.timers.push(setTimeout(() => void this.open(), away.to));
  }

  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.shut();
  }

  private shut(): void {
    this.udp?.close();
    this.udp = undefined;
    this.tcp?.close();
    this.tcp = undefined;
    for (const stream of this.streams) stream.destroy();
  }

  private onStream(stream: Stream): void {
    this.streams.add(stream);
    stream.on('close', () => this.streams.delete(stream));
    stream.on('error', () => undefined);
    const deframer = new Deframer();
    stream.on('data', (chunk: Buffer) => {
      for (const query of deframer.push(chunk)) {
        if (this.faults.tcp === 'silent') continue;
        this.onQuery(query, true, (reply) => {
          stream.write(frame(reply));
          if (this.faults.tcp === 'closes after one') stream.end();
        });
      }
    });
  }

  private onQuery(query: Uint8Array, overTcp: boolean, send: (reply: Uint8Array) => void): void {
    this.asked++;
    if (this.isMute(query, overTcp)) return;
    const reply = replyTo(query, overTcp, this.faults, this.startedAt !== undefined);
    if (reply !== 'nothing') setTimeout(() => send(reply), this.faults.delay);
  }

  private isMute(query: Uint8Array, overTcp: boolean): boolean {
    const { mute } = this.faults;
    if (mute === undefined || !this.isWithin(mute)) return false;
    if (mute.transport !== 'both' && (mute.transport === 'TCP') !== overTcp) return false;
    const { qtype } = readRequest(query).question;
    return mute.family === 'both' || qtype === RrType[mute.family];
  }

  private isWithin({ from, to }: Span): boolean {
    if (this.startedAt === undefined) return false;
    const now = performance.now() - this.startedAt;
    return now >= from && now < to;
  }
}

const upstreams = new Map<string, Upstream>();
let commands = 0;

async function obey(command: Command): Promise<number> {
  if ('open' in command) {
    const upstream = new Upstream(command.open, command.faults);
    upstreams.set(command.open, upstream);
    await upstream.open();
    return 0;
  }
  if ('start' in command) {
    upstreams.get(command.start)?.start();
    return 0;
  }
  const upstream = upstreams.get(command.close);
  upstream?.close();
  upstreams.delete(command.close);
  return upstream?.asked ?? 0;
}

process.stdout.write('{"done":0}\n');
for await (const line of createInterface({ input: process.stdin })) {
  const asked = await obey(JSON.parse(line));
  process.stdout.write(`${JSON.stringify({ done: ++commands, asked })}\n`);
}
process.exit(0);
