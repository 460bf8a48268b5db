import { isIPv4, SocketAddress } from 'node:net';
import { type Endpoint, isIpv6Address } from '../endpoint.ts';

/**
 * The listener that would receive what is sent to `server`, if it is one of ours: such an upstream is a loop (U1).
 *
 * This compares addresses only; a loop through another machine is found by the probe at start.
 *
 * @param machine - The addresses of this machine's interfaces: a wildcard address listens on all of them.
 */
export function ownListener(
  server: Endpoint,
  listeners: readonly Endpoint[],
  machine: readonly string[],
): Endpoint | undefined {
  const target = destination(server.address);
  return listeners.find(({ address, port }) => {
    if (port !== server.port) return false;
    const own = canonicalAddress(address);
    if (own === target) return true;
    // A socket on `::` takes IPv4 as well.
    const wild = own === '::' || (own === '0.0.0.0' && isIPv4(target));
    return wild && isLocal(target, machine);
  });
}

/** How this machine reaches its own listener: a wildcard address is replaced by the loopback. */
export function reachable({ address, port }: Endpoint): Endpoint {
  return { address: destination(address), port };
}

/** One spelling for each address: without zone, IPv6 as in RFC 5952, mapped IPv4 as IPv4 (RFC 4291 §2.5.5.2). */
export function canonicalAddress(address: string): string {
  const plain = address.replace(/%.*$/, '');
  if (!isIpv6Address(plain)) return plain;
  const canonical = new SocketAddress({ address: plain, family: 'ipv6' }).address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(canonical)?.[1];
  return mapped ?? canonical;
}

/** Linux delivers packets for the unspecified address to its own loopback. */
function destination(address: string): string {
  const canonical = canonicalAddress(address);
  if (canonical === '0.0.0.0') return '127.0.0.1';
  return canonical === '::' ? '::1' : canonical;
}

function isLocal(address: string, machine: readonly string[]): boolean {
  // RFC 1122 §3.2.1.3: all of 127/8 is this machine, though interfaces list one address of it.
  if (address === '::1' || (isIPv4(address) && address.startsWith('127.'))) return true;
  return machine.some((own) => canonicalAddress(own) === address);
}
