import { endianness } from 'node:os';
import type { Endpoint } from '../endpoint.ts';
import { BatchSocket, SLOT_OCTETS } from './batch-socket.ts';
import { type Libc, loadLibc } from './libc.ts';

/** Whether this machine can receive many datagrams in one system call. */
export type BatchSupport = { readonly libc: Libc } | { readonly reason: string };

/** Longer than the loopback ever takes, even on a very busy machine. */
const LOOPBACK_WAIT = 1_000;

/**
 * Finds out whether batches work on this machine, by sending some. A struct layout other than expected is found here,
 * before it can affect a client's datagram.
 */
export function batchSupport(): BatchSupport {
  const { platform, arch } = process;
  if (platform !== 'linux' || !['x64', 'arm64'].includes(arch) || endianness() !== 'LE') {
    return { reason: `not tried on ${platform} ${arch}` };
  }
  try {
    const libc = loadLibc();
    const reason = batchFailure(libc);
    return reason === undefined ? { libc } : { reason };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Sends datagrams to itself and, as a listener does, back to their source. @returns What went wrong, if anything did.
 */
export function batchFailure(libc: Libc): string | undefined {
  const socket = new BatchSocket(libc, { address: '127.0.0.1', port: 0 });
  try {
    const self = { address: '127.0.0.1', port: socket.port };
    for (const i of [0, 1]) socket.addressTo(i, self);
    return roundFailure(socket, self, [5, 11]) ?? roundFailure(socket, self, [7, 3]);
  } finally {
    socket.close();
  }
}

function roundFailure(
  socket: BatchSocket,
  self: Endpoint,
  lengths: readonly number[],
): string | undefined {
  for (const [i, length] of lengths.entries()) {
    socket.slots.fill(length, i * SLOT_OCTETS, i * SLOT_OCTETS + length);
    socket.stage(i, length);
  }
  let refused = 0;
  socket.flush(() => refused++);
  if (refused > 0) return 'sendmmsg sent nothing';
  if (!socket.wait(LOOPBACK_WAIT)) return 'poll saw nothing';
  const count = socket.receive();
  if (count !== lengths.length) return `recvmmsg took ${count} of ${lengths.length}`;
  for (const [i, length] of lengths.entries()) {
    const octets = socket.slots.subarray(i * SLOT_OCTETS, i * SLOT_OCTETS + length);
    const peer = socket.peerOf(i);
    if (socket.lengthOf(i) !== length || octets.some((octet) => octet !== length)) {
      return 'a datagram came back changed';
    }
    if (peer.address !== self.address || peer.port !== self.port) return 'its sender is not right';
  }
  return undefined;
}
