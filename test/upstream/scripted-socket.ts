import { Socket } from 'node:net';
import type { StreamServer } from '../../src/upstream/stream-connection.ts';
import { Deframer, frame } from '../../src/wire/frame.ts';

/** A socket whose other end is the test: nothing leaves it, and what arrives is what the test says. */
export class ScriptedSocket extends Socket {
  /** Each message that was written. */
  readonly queries: Uint8Array[] = [];
  /** Whether it keeps the process alive. */
  keepsAlive = true;
  /** Says that the server may be written to. */
  readonly open: () => void;
  private readonly deframer = new Deframer();

  constructor(open: () => void) {
    super();
    this.open = open;
  }

  override write(octets: Uint8Array): boolean {
    this.queries.push(...this.deframer.push(Buffer.from(octets)));
    return true;
  }

  override ref(): this {
    this.keepsAlive = true;
    return this;
  }

  override unref(): this {
    this.keepsAlive = false;
    return this;
  }

  /** One chunk with all of these messages. */
  arrive(...messages: Uint8Array[]): void {
    this.emit('data', Buffer.concat(messages.map(frame)));
  }
}

/** A server to which every connection is a {@link ScriptedSocket}. */
export function scriptedDial(parts: Partial<Omit<StreamServer, 'dial'>> = {}) {
  const sockets: ScriptedSocket[] = [];
  const server = {
    transport: 'tcp',
    name: 'tcp://192.0.2.53:53',
    padded: false,
    silenceLimit: 250,
    generation: 0,
    ...parts,
    dial: (onOpen: () => void): Socket => {
      const socket = new ScriptedSocket(onOpen);
      sockets.push(socket);
      return socket;
    },
  } as const;
  return { server, sockets };
}
