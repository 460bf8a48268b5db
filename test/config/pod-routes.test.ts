import { test } from 'tap';
import { onlyRoutable, readPodRoutes } from '../../src/config/pod-routes.ts';
import { RrType } from '../../src/wire/codes.ts';

/** As the kernel writes them: tabs, hexadecimal, a head line for IPv4 alone. */
const HEAD =
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const V4 = `${HEAD}eth0\t00000000\t0100F40A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`;
const V4_DOWN = `${HEAD}eth0\t00000000\t0100F40A\t0002\t0\t0\t0\t00000000\t0\t0\t0\n`;
const ZERO = '00000000000000000000000000000000';
const route6 = (destination: string, length: string, device: string) =>
  `${destination} ${length} ${ZERO} 00 ${ZERO} 00000400 00000001 00000000 00000003     ${device}\n`;
const LINK_LOCAL = route6('fe800000000000000000000000000000', '40', 'eth0');
const MULTICAST = route6('ff000000000000000000000000000000', '08', 'eth0');
const LOOPBACK = route6('00000000000000000000000000000001', '80', 'lo');
/** What stands there where nothing leads out: the kernel rejects the rest by way of lo. */
const REJECT = route6(ZERO, '00', 'lo');
const V6_OUT = route6(ZERO, '00', 'eth0');
const V6_IDLE = LINK_LOCAL + MULTICAST + LOOPBACK + REJECT;

const pods: readonly [string, string | undefined, string | undefined, number | undefined][] = [
  ['an IPv4 pod', V4, V6_IDLE, RrType.A],
  ['an IPv4 pod on a kernel without IPv6', V4, undefined, RrType.A],
  ['an IPv6 pod', HEAD, V6_IDLE + V6_OUT, RrType.AAAA],
  ['an IPv6 pod whose IPv4 route is down', V4_DOWN, V6_OUT, RrType.AAAA],
  ['a dual-stack pod', V4, V6_IDLE + V6_OUT, undefined],
  ['a pod with a unique local prefix', V4, route6(`fd00${ZERO.slice(4)}`, '40', 'eth0'), undefined],
  ['a pod without any route', HEAD, V6_IDLE, undefined],
  ['a machine without those tables', undefined, undefined, undefined],
];
for (const [title, ipv4, ipv6, only] of pods) {
  test(`F5, F6: ${title}`, (t) => {
    const read = (path: string) => (path === '/proc/self/net/route' ? ipv4 : ipv6);
    t.equal(onlyRoutable(readPodRoutes(read)), only);
    t.end();
  });
}
