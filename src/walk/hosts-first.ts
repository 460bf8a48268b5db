import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseHostsFile } from '../config/hosts-file.ts';
import { addressText } from '../wire/address.ts';
import { parseName } from '../wire/name.ts';
import type { Client } from './walk.ts';

/** The addresses that a libc knows for a name before it asks a server, or `undefined`. */
export type KnownAddresses = (name: string) => readonly string[] | undefined;

const HOSTS = '/etc/hosts';

/**
 * This container's `/etc/hosts`, read again at each look-up (L6).
 *
 * kubelet mounts the pod's file, with its `hostAliases`, into every container that has none of its own. A file from
 * another container's image or volume is not seen here.
 */
export const knownHere: KnownAddresses = (name) => knownIn(name, readHere());

/**
 * The addresses of a name in a hosts file, looked up as libc does: as it is written, without the search list, so that a
 * name with a final dot is never found. One family is enough. An address is its own result.
 *
 * @throws {WireError} If `name` is not a domain name.
 */
export function knownIn(name: string, hosts: string): readonly string[] | undefined {
  if (isIP(name) !== 0) return [name];
  if (name.endsWith('.')) return undefined;
  return parseHostsFile(hosts).get(parseName(name))?.map(addressText);
}

/** A client that reads the hosts file before each walk, as every libc does. */
export function hostsFirst(client: Client, known: KnownAddresses): Client {
  return {
    name: client.name,
    walk: (name, signal) => {
      const addresses = known(name);
      if (addresses === undefined) return client.walk(name, signal);
      return Promise.resolve({ outcome: 'found', addresses, steps: [], elapsed: 0 });
    },
  };
}

/** Without a file no name is known, as in libc. */
function readHere(): string {
  try {
    return readFileSync(HOSTS, 'utf8');
  } catch {
    return '';
  }
}
