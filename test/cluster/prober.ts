import { createSocket, type Socket } from 'node:dgram';

const EVERY_MS = 10;
const ID = 0x5d5d;

/** Asks a DNS server directly all the time, as a client without a cache would, to see when it answers. */
export class Prober {
  private readonly address: string;
  private readonly timer: NodeJS.Timeout;
  private readonly sockets = new Set<Socket>();
  /** When the last reply came, by the wall clock; 0 before the first. */
  lastReply = 0;
  /** The longest pause between two replies: since when, and until when. */
  longest = { from: 0, to: 0 };

  constructor(address: string) {
    this.address = address;
    this.timer = setInterval(() => this.ask(), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    for (const socket of this.sockets) socket.close();
    this.sockets.clear();
  }

  /** A socket for each question: a conntrack entry that leads to a pod that is gone must not hide one that is there. */
  private ask(): void {
    const socket = createSocket('udp4');
    this.sockets.add(socket);
    const close = (): void => {
      if (this.sockets.delete(socket)) socket.close();
    };
    socket.once('message', () => {
      this.heard(Date.now());
      close();
    });
    socket.on('error', close);
    setTimeout(close, 1_000).unref();
    socket.send(question('kubernetes.default.svc.cluster.local'), 53, this.address);
  }

  private heard(now: number): void {
    const { from, to } = this.longest;
    if (this.lastReply !== 0 && now - this.lastReply > to - from) {
      this.longest = { from: this.lastReply, to: now };
    }
    this.lastReply = now;
  }
}

function question(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  const header = Buffer.from([ID >> 8, ID & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}
