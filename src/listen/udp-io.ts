import type { Clock } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';
import { batchSupport } from './batch-support.ts';
import { ListenError } from './listen-error.ts';
import type { Listener } from './listener.ts';
import type { Responder } from './responder.ts';
import { listenUdp } from './udp.ts';
import { listenUdpBatch } from './udp-batch.ts';

/** How datagrams are taken: `auto` is `batch` where that works, and `dgram` elsewhere. */
export type UdpIo = 'auto' | 'dgram' | 'batch';

/**
 * Listens on one UDP address, or takes over a socket that is bound to it already.
 *
 * @throws {ListenError} When the address cannot be bound.
 */
export type ListenUdp = (
  endpoint: Endpoint,
  responder: Responder,
  fd?: number,
) => Promise<Listener>;

/**
 * Chooses how datagrams are received on this machine.
 *
 * @param onFallback - Called once with the reason if `auto` falls back to single datagrams.
 * @throws {ListenError} If batches are configured and do not work here.
 */
export function chooseUdp(
  io: UdpIo,
  { clock, threads }: { readonly clock: Clock; readonly threads: number },
  onFallback: (reason: string) => void,
): ListenUdp {
  const plain: ListenUdp = (endpoint, responder, fd) =>
    listenUdp(endpoint, responder, { fd, threads });
  if (io === 'dgram') return plain;
  const support = batchSupport();
  if ('libc' in support) {
    const { libc } = support;
    return (endpoint, responder, fd) =>
      listenUdpBatch(endpoint, responder, { libc, clock, threads, fd });
  }
  if (io === 'batch') {
    throw new ListenError(`listen.io: batch does not work here: ${support.reason}`);
  }
  onFallback(support.reason);
  return plain;
}
