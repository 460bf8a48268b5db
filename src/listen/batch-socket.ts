import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { type Endpoint, isIpv6Address } from '../endpoint.ts';
import { addressOctets, addressText } from '../wire/address.ts';
import type { Libc, Memory } from './libc.ts';

// The kernel's numbers, the same on x64 and arm64 (include/uapi/asm-generic).
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEPORT = 15;
const SO_RCVTIMEO = 20;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_WAITFORONE = 0x10000;
const F_GETFL = 3;
const F_SETFL = 4;
const POLLIN = 1;

// Classic BPF (include/uapi/linux/filter.h, bpf_common.h): load a word, take it modulo, return it.
const BPF_LD_W_ABS = 0x20;
const BPF_ALU_MOD_K = 0x94;
const BPF_RET_A = 0x16;
/** Offsets from the network header on. */
const SKF_NET_OFF = -0x100000;
/** The source in an IPv4 header, and the last word of the source in an IPv6 header (RFC 791 §3.1, RFC 8200 §3). */
const IPV4_SOURCE = 12;
const IPV6_SOURCE_END = 20;

// struct mmsghdr of 64-bit Linux, in 32-bit words. musl has `int` with padding where glibc has `size_t`: on a
// little-endian machine the same octets, as long as the padding is 0.
const HEADER_WORDS = 16;
const NAME = 0;
const NAME_LENGTH = 2;
const VECTOR = 4;
const VECTORS = 6;
const LENGTH = 14;
/** struct iovec: where, and how long. */
const VECTOR_WORDS = 4;
const VECTOR_LENGTH = 2;
/** struct sockaddr_in6 has 28 octets, struct sockaddr_in 16. */
const NAME_OCTETS = 32;
const NAME_ROOM = 28;
/** How long {@link BatchSocket.receive} blocks at most, in microseconds; the kernel rounds it up to a tick or two. */
const BLOCKED = 1_000;

/** How many datagrams one system call takes: twice as many gain at most 2 %. */
export const BATCH = 64;
/** Room for a query and for the reply that is written over it; memory that is never used is never touched. */
export const SLOT_OCTETS = 4_096;

/**
 * A UDP socket that receives and sends many datagrams in one system call, in memory of its own.
 *
 * Datagram `i` of a batch is in {@link slots} from `i * SLOT_OCTETS` on; its reply is written over it, and sent to its
 * source.
 */
export class BatchSocket {
  readonly fd: number;
  readonly slots: Uint8Array;
  private readonly libc: Libc;
  private readonly memory: Memory;
  private readonly words: Uint32Array;
  private readonly octets: Uint8Array;
  private readonly layout = layOut();
  private staged = 0;
  private blocking = false;
  private readonly mayBlock: boolean;
  /** File status flags of the open socket. */
  private readonly flags: number;
  /** The address that was written last: a client's is nearly always the same, and reading its text takes 2 us. */
  private lastAddress = '';
  private lastOctets: Uint8Array = new Uint8Array(0);

  /**
   * Binds the address.
   *
   * @param options.threads - How many sockets share it: all datagrams of a client go to the same socket, since a thread
   * knows only the walks of its own clients (N4, N7).
   * @param options.fd - A socket that is bound to it already; this object then owns it.
   * @throws {NodeJS.ErrnoException} As `bind` fails.
   */
  constructor(
    libc: Libc,
    endpoint: Endpoint,
    { threads = 1, fd }: { threads?: number; fd?: number | undefined } = {},
  ) {
    this.libc = libc;
    this.memory = libc.allocate(this.layout.end);
    this.words = new Uint32Array(this.memory.buffer, 0, this.layout.slots / 4);
    this.octets = new Uint8Array(this.memory.buffer);
    this.octets.fill(0, 0, this.layout.slots);
    this.slots = this.octets.subarray(this.layout.slots);
    this.prepare();
    this.fd = fd ?? this.bound(endpoint, threads);
    this.flags = libc.fcntl(this.fd, F_GETFL, 0);
    this.mayBlock = this.flags >= 0 && this.limitWait();
  }

  private bound(endpoint: Endpoint, threads: number): number {
    const { libc } = this;
    const family = isIpv6Address(endpoint.address) ? AF_INET6 : AF_INET;
    const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const fd = this.checked('socket', libc.socket(family, type, 0));
    try {
      // An IPv6 socket that also took IPv4 would keep the IPv4 address from being bound.
      if (family === AF_INET6) this.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY);
      if (threads > 1) this.setOption(fd, SOL_SOCKET, SO_REUSEPORT);
      const length = this.putAddress(this.layout.scratch, endpoint);
      this.checked('bind', libc.bind(fd, this.memory.at + this.layout.scratch, length));
      if (threads > 1) this.steer(fd, family, threads);
      return fd;
    } catch (error) {
      libc.close(fd);
      this.free();
      throw error;
    }
  }

  /** The port that it is bound to. */
  get port(): number {
    const { scratch } = this.layout;
    this.words[scratch / 4 + 8] = NAME_ROOM;
    const at = this.memory.at + scratch;
    this.checked('getsockname', this.libc.getsockname(this.fd, at, at + 32));
    return ((this.octets[scratch + 2] ?? 0) << 8) | (this.octets[scratch + 3] ?? 0);
  }

  /** Whether {@link receive} blocks the process for some milliseconds when no datagram is waiting. */
  get blocks(): boolean {
    return this.blocking;
  }

  /** Makes {@link receive} and every other call block: nothing else may use the socket. @returns Whether it does. */
  block(): boolean {
    if (!this.blocking && this.mayBlock) this.blocking = this.setFlags(this.flags & ~SOCK_NONBLOCK);
    return this.blocking;
  }

  /** Returns the socket to non-blocking mode, which node needs. */
  unblock(): void {
    if (this.blocking) this.blocking = !this.setFlags(this.flags | SOCK_NONBLOCK);
  }

  /**
   * Receives the datagrams that are waiting, at most {@link BATCH}.
   *
   * The kernel overwrites the size of each address buffer with the length of the address: for one family that is always
   * the same, and enough for the next call.
   *
   * @returns How many datagrams; 0 if none is waiting.
   */
  receive(): number {
    const headers = this.memory.at + this.layout.received;
    const flags = this.blocking ? MSG_WAITFORONE : MSG_DONTWAIT;
    return Math.max(0, this.libc.recvmmsg(this.fd, headers, BATCH, flags, null));
  }

  /** How many octets datagram `i` has; one larger than a slot was truncated. */
  lengthOf(i: number): number {
    return this.words[this.layout.received / 4 + i * HEADER_WORDS + LENGTH] ?? 0;
  }

  /** Who sent datagram `i`. @param zoneName - Names an interface by its number, for link-local addresses. */
  peerOf(i: number, zoneName: (scope: number) => string | undefined = () => undefined): Endpoint {
    const at = this.layout.names + i * NAME_OCTETS;
    const port = ((this.octets[at + 2] ?? 0) << 8) | (this.octets[at + 3] ?? 0);
    if ((this.octets[at] ?? 0) !== AF_INET6) {
      return { address: addressText(this.octets.subarray(at + 4, at + 8)), port };
    }
    const address = addressText(this.octets.subarray(at + 8, at + 24));
    const scope = this.words[at / 4 + 6] ?? 0;
    const zone = scope === 0 ? undefined : zoneName(scope);
    return { address: zone === undefined ? address : `${address}%${zone}`, port };
  }

  /** Addresses the reply in slot `i` to `peer`, as if a datagram had come from there. */
  addressTo(i: number, peer: Endpoint): void {
    const { layout, words } = this;
    const length = this.putAddress(layout.names + i * NAME_OCTETS, peer);
    words[layout.received / 4 + i * HEADER_WORDS + NAME_LENGTH] = length;
  }

  /** Puts a datagram that node has read into slot `i`, as if it had been received there. */
  put(i: number, octets: Uint8Array, peer: Endpoint): void {
    this.slots.set(octets, i * SLOT_OCTETS);
    this.addressTo(i, peer);
    this.words[this.layout.received / 4 + i * HEADER_WORDS + LENGTH] = octets.length;
  }

  /** Marks the first `length` octets of slot `i` to be sent back by the next {@link flush}. */
  stage(i: number, length: number): void {
    const { words, layout } = this;
    const vector = layout.vectors / 4 + (BATCH + this.staged) * VECTOR_WORDS;
    const slot = layout.vectors / 4 + i * VECTOR_WORDS;
    words[vector] = words[slot] ?? 0;
    words[vector + 1] = words[slot + 1] ?? 0;
    words[vector + VECTOR_LENGTH] = length;
    const to = layout.sent / 4 + this.staged * HEADER_WORDS;
    const from = layout.received / 4 + i * HEADER_WORDS;
    words[to + NAME] = words[from + NAME] ?? 0;
    words[to + NAME + 1] = words[from + NAME + 1] ?? 0;
    words[to + NAME_LENGTH] = words[from + NAME_LENGTH] ?? 0;
    this.staged++;
  }

  /**
   * Sends the staged replies.
   *
   * @param refused - Called with the slot and length of each reply that the kernel has no room for at the moment.
   */
  flush(refused: (i: number, length: number) => void): void {
    const { libc, layout } = this;
    let sent = 0;
    while (sent < this.staged) {
      const headers = this.memory.at + layout.sent + sent * HEADER_WORDS * 4;
      const count = libc.sendmmsg(
        this.fd,
        headers,
        this.staged - sent,
        MSG_DONTWAIT | MSG_NOSIGNAL,
      );
      if (count > 0) {
        sent += count;
        continue;
      }
      const { errno } = constants;
      const error = libc.errno();
      if (error === errno.EINTR) continue;
      if (error === errno.EAGAIN || error === errno.ENOBUFS) {
        for (; sent < this.staged; sent++) this.tellRefused(sent, refused);
        break;
      }
      // This client cannot be reached; the others can.
      sent++;
    }
    this.staged = 0;
  }

  /** Blocks the process until a datagram arrives. @returns Whether one has. */
  wait(milliseconds: number): boolean {
    const { scratch } = this.layout;
    this.words[scratch / 4] = this.fd;
    this.words[scratch / 4 + 1] = POLLIN;
    return this.libc.poll(this.memory.at + scratch, 1, milliseconds) > 0;
  }

  /** Closes a socket, unless node has adopted it. */
  close(): void {
    this.libc.close(this.fd);
    this.free();
  }

  /** Gives the memory back; nothing may be called after. */
  free(): void {
    this.memory.free();
  }

  private tellRefused(staged: number, refused: (i: number, length: number) => void): void {
    const vector = this.layout.vectors / 4 + (BATCH + staged) * VECTOR_WORDS;
    const first = this.words[this.layout.vectors / 4] ?? 0;
    // The low words are enough: all slots lie within 4 GiB.
    const i = (((this.words[vector] ?? 0) - first) >>> 0) / SLOT_OCTETS;
    refused(i, this.words[vector + VECTOR_LENGTH] ?? 0);
  }

  /** Writes the pointers that never change. */
  private prepare(): void {
    const { layout } = this;
    for (let i = 0; i < 2 * BATCH; i++) {
      const vector = layout.vectors + i * VECTOR_WORDS * 4;
      this.putPointer(vector, layout.slots + (i % BATCH) * SLOT_OCTETS);
      this.words[vector / 4 + VECTOR_LENGTH] = SLOT_OCTETS;
      const header = layout.received + i * HEADER_WORDS * 4;
      this.putPointer(header + 4 * NAME, layout.names + (i % BATCH) * NAME_OCTETS);
      this.words[header / 4 + NAME_LENGTH] = NAME_ROOM;
      this.putPointer(header + 4 * VECTOR, vector);
      this.words[header / 4 + VECTORS] = 1;
    }
  }

  private putPointer(at: number, to: number): void {
    const pointer = this.memory.at + to;
    this.words[at / 4] = pointer % 2 ** 32;
    this.words[at / 4 + 1] = Math.floor(pointer / 2 ** 32);
  }

  /** @returns How long the address is. */
  private putAddress(at: number, { address, port }: Endpoint): number {
    const family = isIpv6Address(address) ? AF_INET6 : AF_INET;
    this.octets.fill(0, at, at + NAME_OCTETS);
    this.octets[at] = family;
    this.octets[at + 2] = port >> 8;
    this.octets[at + 3] = port;
    if (this.lastAddress !== address) {
      this.lastAddress = address;
      this.lastOctets = addressOctets(address);
    }
    this.octets.set(this.lastOctets, family === AF_INET6 ? at + 8 : at + 4);
    return family === AF_INET6 ? NAME_ROOM : 16;
  }

  /**
   * Has the kernel choose the socket by the client's address, not by its port too: a walk asks each step from another
   * port. As long as there are fewer sockets than the program counts with, the kernel falls back to its own choice.
   */
  private steer(fd: number, family: number, threads: number): void {
    const { scratch } = this.layout;
    const lastWord = family === AF_INET6 ? IPV6_SOURCE_END : IPV4_SOURCE;
    const program = [
      [BPF_LD_W_ABS, SKF_NET_OFF + lastWord],
      [BPF_ALU_MOD_K, threads],
      [BPF_RET_A, 0],
    ] as const;
    // struct sock_fprog: how many, and where; struct sock_filter: code, two jumps, operand.
    const at = scratch / 4;
    this.words[at] = program.length;
    this.words[at + 1] = 0;
    this.putPointer(scratch + 8, scratch + 16);
    for (const [i, [code, operand]] of program.entries()) {
      this.words[at + 4 + 2 * i] = code;
      this.words[at + 5 + 2 * i] = operand;
    }
    const pointer = this.memory.at + scratch;
    // A kernel that does not take it spreads clients by port: slower walks, no wrong answers.
    this.libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, pointer, 16);
  }

  /** Makes a blocking `receive` return after a while. @returns Whether that worked. */
  private limitWait(): boolean {
    const { scratch } = this.layout;
    // struct timeval: seconds, microseconds.
    this.words.fill(0, scratch / 4, scratch / 4 + 4);
    this.words[scratch / 4 + 2] = BLOCKED;
    const at = this.memory.at + scratch;
    return this.libc.setsockopt(this.fd, SOL_SOCKET, SO_RCVTIMEO, at, 16) === 0;
  }

  private setFlags(flags: number): boolean {
    return this.libc.fcntl(this.fd, F_SETFL, flags) === 0;
  }

  private setOption(fd: number, level: number, name: number): void {
    const { scratch } = this.layout;
    this.words[scratch / 4] = 1;
    const result = this.libc.setsockopt(fd, level, name, this.memory.at + scratch, 4);
    this.checked('setsockopt', result);
  }

  private checked(call: string, result: number): number {
    if (result >= 0) return result;
    const errno = this.libc.errno();
    const code = getSystemErrorName(-errno);
    throw Object.assign(new Error(`${call} ${code}`), { errno: -errno, code, syscall: call });
  }
}

/** The layout of the memory: first what is written once, then the datagrams. */
function layOut() {
  const received = 0;
  const sent = received + BATCH * HEADER_WORDS * 4;
  const vectors = sent + BATCH * HEADER_WORDS * 4;
  const names = vectors + 2 * BATCH * VECTOR_WORDS * 4;
  const scratch = names + BATCH * NAME_OCTETS;
  const slots = scratch + 64;
  return { received, sent, vectors, names, scratch, slots, end: slots + BATCH * SLOT_OCTETS };
}
