import type { Outgoing } from '../../src/upstream/exchange.ts';
import { RrType, typeName } from '../../src/wire/codes.ts';
import { isAtOrBelow, type Name } from '../../src/wire/name.ts';
import type { Rr } from '../../src/wire/record.ts';
import { a, aaaa, message, nodata, nxdomain } from './messages.ts';
import type { Line } from './scripted-upstream.ts';

/** A cluster and the world outside it, in a few lines a test can read. */
export interface SmallWorld {
  /** `qname` or `qname TYPE` to what is said to it, before anything else is looked at. */
  readonly lines?: Readonly<Record<string, Line>>;
  /** Names with an IPv4 and an IPv6 address. */
  readonly hosts?: readonly Name[];
  /** Names that exist without any record: namespaces, empty non-terminals. */
  readonly nodes?: readonly Name[];
}

const ZONE = 'cluster.local.';
const NODES = [ZONE, `svc.${ZONE}`, `default.svc.${ZONE}`, `job.svc.${ZONE}`];

/** The script of an upstream as CoreDNS is: NODATA for what exists, NXDOMAIN with the zone's SOA for the rest. */
export function answerFrom(world: SmallWorld): (question: Outgoing) => Line {
  const lines = new Map(Object.entries(world.lines ?? {}));
  const hosts = new Set([...(world.hosts ?? []), `kubernetes.default.svc.${ZONE}`]);
  const nodes = new Set([...(world.nodes ?? []), ...NODES]);
  return ({ qname, qtype }) => {
    const line = lines.get(`${qname} ${typeName(qtype)}`) ?? lines.get(qname);
    if (line !== undefined) return line;
    const record = hosts.has(qname) ? recordOf(qname, qtype) : undefined;
    if (record !== undefined) return message({ answer: [record] });
    const exists = hosts.has(qname) || nodes.has(qname);
    return exists ? nodata(zoneOf(qname), 5) : nxdomain(zoneOf(qname), 5);
  };
}

function recordOf(qname: Name, qtype: number): Rr | undefined {
  if (qtype === RrType.A) return a(qname, '192.0.2.1', 30);
  return qtype === RrType.AAAA ? aaaa(qname, '2001:db8::1', 30) : undefined;
}

function zoneOf(qname: Name): Name {
  if (isAtOrBelow(qname, ZONE)) return ZONE;
  if (isAtOrBelow(qname, 'corp.example.')) return 'corp.example.';
  return '.';
}
