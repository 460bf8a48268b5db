import type { Clock } from '../../clock.ts';
import type { Settings } from '../../config/settings.ts';
import type { Endpoint } from '../../endpoint.ts';
import type { AskTransport } from '../../walk/ask-socket.ts';
import { glibc } from '../../walk/glibc.ts';
import { hostsFirst, type KnownAddresses, knownHere } from '../../walk/hosts-first.ts';
import { musl } from '../../walk/musl.ts';
import { socketTransport } from '../../walk/socket-transport.ts';
import { tellingTransport } from '../../walk/telling-transport.ts';
import type { Client, ClientOptions } from '../../walk/walk.ts';

/** Marks its queries as a tool's, so that the daemon does not count them as a program's lookup. */
const TOOL: AskTransport = tellingTransport(socketTransport, () => undefined);

/**
 * The strictest of the libcs (M5, M6), and the most common one: a name that both find is found by every job. They read
 * /etc/hosts first, as programs do (L6).
 */
export function strictClients(
  server: Endpoint,
  { search }: Pick<Settings, 'search'>,
  clock: Clock,
  known: KnownAddresses = knownHere,
): Client[] {
  const facts = { nameservers: [server], search: search.suffixes, ndots: search.ndots };
  const options: ClientOptions = { facts, clock, transport: TOOL };
  return [musl(options, '1.2.3'), glibc(options)].map((client) => hostsFirst(client, known));
}
