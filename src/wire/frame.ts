import { putUint16 } from './header.ts';
import { WireError } from './wire-error.ts';

/**
 * A message with its two-octet length in front, as TCP and TLS carry it.
 *
 * @throws {WireError} If the message is longer than two octets can say.
 * @see RFC 1035 §4.2.2
 */
export function frame(message: Uint8Array): Uint8Array {
  if (message.length > 0xffff) throw new WireError(`message too long for TCP: ${message.length}`);
  const framed = new Uint8Array(2 + message.length);
  putUint16(framed, 0, message.length);
  framed.set(message, 2);
  return framed;
}

/** The room that a message gets at first: nearly every query and most answers fit. */
const FIRST_ROOM = 512;

/**
 * Cuts a stream into messages, however its octets arrive: a length prefix may arrive one octet at a time (RFC 7766 §8).
 *
 * Holds at most one incomplete message, in a buffer of at most twice its received octets or 512: ten thousand
 * connections that each announce 65,535 octets and send none cost almost nothing (S1).
 */
export class Deframer {
  /** The first octet of the length prefix, if only that has arrived; else -1. */
  private firstOctet = -1;
  /** The length from the prefix; -1 until the prefix has arrived. */
  private length = -1;
  private room = new Uint8Array(0);
  private filled = 0;

  /** Whether a message has begun and is incomplete, as a slow sender keeps it. */
  get pending(): boolean {
    return this.firstOctet !== -1 || this.length !== -1;
  }

  /**
   * The messages that `chunk` completes, in order, each with octets of its own.
   *
   * Iterate to the end: the rest of the chunk is not read otherwise.
   */
  *push(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
    let at = 0;
    while (at < chunk.length) {
      if (this.length === -1) {
        this.readPrefix(chunk[at] ?? 0);
        at++;
        // An empty message is complete at once, and the reader rejects it.
        if (this.length === -1) continue;
      }
      at = this.fill(chunk, at);
      if (this.filled < this.length) return;
      const whole = this.room;
      this.length = -1;
      this.room = new Uint8Array(0);
      yield whole;
    }
  }

  private readPrefix(octet: number): void {
    if (this.firstOctet === -1) {
      this.firstOctet = octet;
      return;
    }
    this.length = (this.firstOctet << 8) | octet;
    this.firstOctet = -1;
    this.filled = 0;
    this.room = new Uint8Array(Math.min(this.length, FIRST_ROOM));
  }

  private fill(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + this.length - this.filled);
    this.grow(this.filled + part.length);
    this.room.set(part, this.filled);
    this.filled += part.length;
    return at + part.length;
  }

  private grow(needed: number): void {
    if (needed <= this.room.length) return;
    // The last step ends at the announced length, so that a complete message fills its room exactly.
    const larger = new Uint8Array(Math.min(this.length, Math.max(needed, 2 * this.room.length)));
    larger.set(this.room.subarray(0, this.filled));
    this.room = larger;
  }
}
