import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { addressOctets } from '../wire/address.ts';
import { type Name, parseName } from '../wire/name.ts';
import { WireError } from '../wire/wire-error.ts';

/**
 * A lookup in the hosts file at `path`; `undefined` without a path.
 *
 * @throws {Error} If the file cannot be read.
 */
export function readHosts(
  path: string | undefined,
): ((qname: Name) => readonly Uint8Array[] | undefined) | undefined {
  if (path === undefined) return undefined;
  const names = parseHostsFile(readFileSync(path, 'utf8'));
  return (qname) => names.get(qname);
}

/**
 * White space as libc defines it. The byte order mark is not white space, so a line that begins with one is skipped.
 */
const BLANKS = /[ \t\v\f\r]+/;

/**
 * Parses a hosts file: an address, then its names; `#` begins a comment (hosts(5)).
 *
 * A line that cannot be understood is skipped, as in libc: the file is not ours.
 *
 * @returns The addresses of each name as RDATA, 4 or 16 octets, in the order of the file.
 */
export function parseHostsFile(text: string): ReadonlyMap<Name, readonly Uint8Array[]> {
  const hosts = new Map<Name, Uint8Array[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').split(BLANKS).filter(Boolean);
    if (isIP(address) === 0) continue;
    const octets = addressOctets(address);
    for (const name of names) add(hosts, name, octets);
  }
  return hosts;
}

function add(hosts: Map<Name, Uint8Array[]>, text: string, octets: Uint8Array): void {
  let name: Name;
  try {
    name = parseName(text);
  } catch (error) {
    if (error instanceof WireError) return;
    throw error;
  }
  const known = hosts.get(name);
  if (known === undefined) hosts.set(name, [octets]);
  else known.push(octets);
}
