import type { Clock } from '../../clock.ts';
import type { Settings } from '../../config/settings.ts';
import type { Endpoint } from '../../endpoint.ts';
import { glibc } from '../../walk/glibc.ts';
import { musl } from '../../walk/musl.ts';
import { socketTransport } from '../../walk/socket-transport.ts';
import type { Client, ClientOptions } from '../../walk/walk.ts';

/** The strictest of the libcs (M5, M6), and the most common one: what both find every job finds. */
export function strictClients(
  server: Endpoint,
  { search }: Pick<Settings, 'search'>,
  clock: Clock,
): Client[] {
  const facts = { nameservers: [server], search: search.suffixes, ndots: search.ndots };
  const options: ClientOptions = { facts, clock, transport: socketTransport };
  return [musl(options, '1.2.3'), glibc(options)];
}
