import { RrType } from '../wire/codes.ts';

/** The address families that a route leads out with; both `true` where that cannot be known. */
export interface PodRoutes {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

/**
 * Reads which families the pod can route, from the kernel's tables (Linux).
 *
 * @param read - Returns a file's text, or `undefined` if there is none.
 */
export function readPodRoutes(read: (path: string) => string | undefined): PodRoutes {
  // Below `self`: under systemd's ProcSubset=pid nothing else of /proc is there.
  const ipv4 = read('/proc/self/net/route');
  const ipv6 = read('/proc/self/net/ipv6_route');
  // Without the first file this is not Linux; without the second the kernel has no IPv6.
  if (ipv4 === undefined) return { ipv4: true, ipv6: true };
  return {
    ipv4: ipv4.split('\n').slice(1).some(leadsOutIpv4),
    ipv6: (ipv6 ?? '').split('\n').some(leadsOutIpv6),
  };
}

/** The address type of the only family with a route out; `undefined` if both families have one, or neither (F5). */
export function onlyRoutable({
  ipv4,
  ipv6,
}: PodRoutes): typeof RrType.A | typeof RrType.AAAA | undefined {
  if (ipv4 === ipv6) return undefined;
  return ipv4 ? RrType.A : RrType.AAAA;
}

/** `Iface Destination Gateway Flags …`, numbers in hexadecimal; RTF_UP is the lowest flag. */
function leadsOutIpv4(line: string): boolean {
  const [device = 'lo', , , flags = '0'] = line.split('\t');
  return device !== 'lo' && device !== '' && (Number.parseInt(flags, 16) & 1) === 1;
}

/** `destination length source length gateway metric references uses flags device`. */
function leadsOutIpv6(line: string): boolean {
  const fields = line.trim().split(/\s+/);
  const [destination = ''] = fields;
  const device = fields[9] ?? 'lo';
  // Every interface has a link-local and a multicast route: they lead to no server.
  return device !== 'lo' && !/^(fe8|fe9|fea|feb|ff)/.test(destination);
}
