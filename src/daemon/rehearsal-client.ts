import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Clock, Milliseconds } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';
import { RrClass, RrType } from '../wire/codes.ts';
import type { Name } from '../wire/name.ts';
import { buildQuery } from '../wire/request.ts';

/** As long as a client waits: past the daemon's own deadline there is no answer. */
const CLIENT_TIMEOUT: Milliseconds = 5_000;

/**
 * Asks A and AAAA of a name at once from one socket of its own, as libc does.
 *
 * @param edns - Whether with an OPT record, as Go does.
 * @throws {Error} When an answer does not come.
 */
export async function askPair(
  { address, port }: Endpoint,
  qname: Name,
  { clock, edns }: { readonly clock: Clock; readonly edns: boolean },
): Promise<void> {
  const socket = createSocket('udp4');
  const answered = Promise.withResolvers<void>();
  const timer = clock.after(CLIENT_TIMEOUT, () => answered.reject(new Error('no answer')));
  let answers = 0;
  socket.on('message', () => {
    if (++answers === 2) answered.resolve();
  });
  socket.on('error', answered.reject);
  socket.connect(port, address);
  await once(socket, 'connect');
  try {
    for (const qtype of [RrType.A, RrType.AAAA]) {
      const question = { qname, qtype, qclass: RrClass.IN };
      socket.send(
        buildQuery(question, {
          id: qtype,
          checkingDisabled: false,
          edns: edns ? { dnssecOk: false } : undefined,
        }),
      );
    }
    await answered.promise;
  } finally {
    timer.cancel();
    socket.close();
  }
}
