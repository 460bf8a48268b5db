import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/**
 * A connection that delivers one HTTP request head at a time; the next one waits until {@link release} (S1).
 *
 * Node's server would start every request in a chunk: 64 KiB hold two thousand `GET`s, each with objects and a
 * response. Here the rest of a chunk stays in one buffer, and what follows it in the kernel.
 */
export class OneRequest extends Duplex {
  readonly remoteAddress: string | undefined;
  private readonly socket: Socket;
  private held: Buffer = Buffer.alloc(0);
  private busy = false;
  /** Whether anything but line ends has arrived of a request's head. */
  private begun = false;
  /** Whether the last octet of the head ended a line: the next line end completes it. */
  private atLineEnd = false;

  constructor(socket: Socket) {
    super({ allowHalfOpen: socket.allowHalfOpen });
    this.socket = socket;
    this.remoteAddress = socket.remoteAddress;
    socket.on('data', (chunk: Buffer) => {
      this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
      this.handOn();
    });
    socket.on('end', () => this.push(null));
    socket.on('timeout', () => this.emit('timeout'));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  /** The request was answered: the next one may be delivered. */
  release(): void {
    this.busy = false;
    this.handOn();
  }

  /** As on a socket: Node's server calls it. */
  setTimeout(span: number): this {
    this.socket.setTimeout(span);
    return this;
  }

  override _read(): void {
    this.handOn();
  }

  override _write(
    chunk: Uint8Array,
    _: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    this.socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.socket.destroy();
    done(error);
  }

  private handOn(): void {
    if (this.busy || this.held.length === 0) {
      if (this.busy) this.socket.pause();
      else this.socket.resume();
      return;
    }
    const end = this.endOfHead();
    const head = this.held.subarray(0, end ?? this.held.length);
    this.held = this.held.subarray(head.length);
    this.busy = end !== undefined;
    if (this.busy) this.socket.pause();
    this.push(head);
  }

  /** The end of the head, after its empty line; line ends before the head do not count (RFC 9112 §2.2). */
  private endOfHead(): number | undefined {
    for (let at = 0; at < this.held.length; at++) {
      const octet = this.held[at];
      if (octet === CR) continue;
      if (octet !== LF) {
        this.begun = true;
        this.atLineEnd = false;
      } else if (this.begun && this.atLineEnd) {
        this.begun = false;
        this.atLineEnd = false;
        return at + 1;
      } else {
        this.atLineEnd = true;
      }
    }
    return undefined;
  }
}

const CR = 0x0d;
const LF = 0x0a;
