import { readFileSync, readlinkSync } from 'node:fs';
import { type Endpoint, formatEndpoint } from '../endpoint.ts';
import { addressText } from '../wire/address.ts';
import { ListenError } from './listen-error.ts';

/** The sockets of one address that a service manager has opened for this process. */
export interface PassedSockets {
  readonly endpoint: Endpoint;
  /** File descriptors, bound, and listening if they are TCP. */
  readonly udp: number;
  readonly tcp: number;
}

/** What is read of the process and of the kernel's tables. */
export interface PassedFrom {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  /** The text of a file below /proc/self/net, or `undefined` if there is none. */
  readonly table: (name: string) => string | undefined;
  /** The target of a file descriptor: `socket:[INODE]`. @throws {Error} If there is no such descriptor. */
  readonly describe: (fd: number) => string;
}

/**
 * The sockets that a service manager passes; none without socket activation.
 *
 * The type and the address of each come from the kernel's tables, by the socket's inode: Node cannot tell them for a
 * descriptor that it does not own.
 *
 * @throws {ListenError} When one is not a bound UDP or TCP socket, or an address has only one of the two (L1).
 * @see sd_listen_fds(3)
 */
export function passedSockets(from: PassedFrom): readonly PassedSockets[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count = '' } = from.env;
  // The variables were inherited; the service manager meant another process.
  if (pid !== String(from.pid) || !/^\d{1,4}$/.test(count)) return [];
  const known = boundSockets(from);
  const pairs = new Map<string, { endpoint: Endpoint; udp?: number; tcp?: number }>();
  for (let fd = FIRST; fd < FIRST + Number(count); fd++) {
    const socket = known.get(from.describe(fd));
    if (socket === undefined) {
      throw new ListenError(`socket activation: descriptor ${fd} is no bound UDP or TCP socket`);
    }
    const name = formatEndpoint(socket.endpoint);
    const pair = pairs.get(name) ?? { endpoint: socket.endpoint };
    pair[socket.transport] = fd;
    pairs.set(name, pair);
  }
  return Array.from(pairs, ([name, { endpoint, udp, tcp }]) => {
    if (udp !== undefined && tcp !== undefined) return { endpoint, udp, tcp };
    const [there, missing, line] =
      udp === undefined ? ['TCP', 'UDP', 'ListenDatagram'] : ['UDP', 'TCP', 'ListenStream'];
    throw new ListenError(
      `socket activation: ${name} is passed for ${there} without ${missing}: the socket unit needs ${line}=${name}`,
    );
  });
}

/** What this process itself was passed. @throws {ListenError} As {@link passedSockets}. */
export function passedToThisProcess(env: PassedFrom['env']): readonly PassedSockets[] {
  return passedSockets({
    env,
    pid: process.pid,
    table: (name) => {
      try {
        return readFileSync(`/proc/self/net/${name}`, 'utf8');
      } catch {
        return undefined;
      }
    },
    describe: (fd) => readlinkSync(`/proc/self/fd/${fd}`),
  });
}

/** SD_LISTEN_FDS_START. */
const FIRST = 3;

interface BoundSocket {
  readonly transport: 'udp' | 'tcp';
  readonly endpoint: Endpoint;
}

/**
 * Every socket of this network namespace that takes queries, keyed by `socket:[INODE]` as a descriptor's link says it.
 */
function boundSockets({ table }: PassedFrom): ReadonlyMap<string, BoundSocket> {
  const tables = ['udp', 'udp6', 'tcp', 'tcp6'] as const;
  return new Map(
    tables.flatMap((name) => {
      const lines = (table(name) ?? '').split('\n').slice(1);
      return lines.flatMap((line) => boundSocket(name.startsWith('udp') ? 'udp' : 'tcp', line));
    }),
  );
}

/** `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …` */
function boundSocket(
  transport: BoundSocket['transport'],
  line: string,
): readonly (readonly [description: string, socket: BoundSocket])[] {
  const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
  if (inode === undefined || (transport === 'tcp' && state !== LISTENING)) return [];
  return [[`socket:[${inode}]`, { transport, endpoint: endpointOf(local) }]];
}

/** TCP_LISTEN, as the tables write it. */
const LISTENING = '0A';

/** `0100007F:0035`: 32-bit words as this machine, which has its low octet first, holds them. */
function endpointOf(text: string): Endpoint {
  const [address = '', port = ''] = text.split(':');
  const octets = Buffer.from(address, 'hex').swap32();
  return { address: addressText(octets), port: Number.parseInt(port, 16) };
}
