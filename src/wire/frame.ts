import { putUint16 } from './header.ts';

/** A message with its two-octet length in front, as TCP and TLS carry it. @see RFC 1035 §4.2.2 */
export function frame(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(2 + message.length);
  putUint16(framed, 0, message.length);
  framed.set(message, 2);
  return framed;
}

/**
 * Cuts a stream into messages, however its octets arrive: a prefix may come one octet at a time (RFC 7766 §8).
 *
 * Holds at most one message that is not whole, 65,537 octets.
 */
export class Deframer {
  /** What has come of the length prefix; -1 while neither octet has. */
  private firstOctet = -1;
  private message: Uint8Array | undefined;
  private filled = 0;

  /** Whether a message has begun and is not whole: what a slow sender keeps open. */
  get pending(): boolean {
    return this.firstOctet !== -1 || this.message !== undefined;
  }

  /** The messages that `chunk` completes, in order, each with octets of its own. */
  *push(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
    let at = 0;
    while (at < chunk.length) {
      if (this.message === undefined) {
        at = this.readPrefix(chunk, at);
        // An empty message is whole at once, and answers to nothing: the reader rejects it.
        if (this.message === undefined) continue;
      }
      at = this.fill(this.message, chunk, at);
      if (this.filled < this.message.length) return;
      const whole = this.message;
      this.message = undefined;
      yield whole;
    }
  }

  private readPrefix(chunk: Uint8Array, at: number): number {
    const octet = chunk[at] ?? 0;
    if (this.firstOctet === -1) {
      this.firstOctet = octet;
    } else {
      this.message = new Uint8Array((this.firstOctet << 8) | octet);
      this.filled = 0;
      this.firstOctet = -1;
    }
    return at + 1;
  }

  private fill(message: Uint8Array, chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + message.length - this.filled);
    message.set(part, this.filled);
    this.filled += part.length;
    return at + part.length;
  }
}
