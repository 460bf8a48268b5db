import { RrType } from '../wire/codes.ts';
import { labelsOf, type Name, relativeTo } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
import type { Rr, Seconds } from '../wire/record.ts';
import {
  addressRecords,
  aliasRecord,
  serviceRecord,
  soaRecord,
  textRecord,
} from './cluster-record.ts';
import type { Service, World } from './cluster-world.ts';

/** A world that has a cluster zone. */
export type ClusterWorld = World & { readonly zone: Name };

/** What is known of one name: its records of one type, or that it does not exist. */
export type Finding =
  | { readonly exists: false }
  | { readonly exists: true; readonly records: readonly Rr[] };

const MISSING: Finding = { exists: false };
const NODATA: Finding = { exists: true, records: [] };

/**
 * The answer for a name in the cluster zone, as in CoreDNS's kubernetes plugin (parse.go): the last label below Z is
 * `svc` or `pod`, then come namespace, service, and what is below a service; anything else does not exist.
 *
 * @param question - For a name at or below `world.zone`.
 */
export function findInZone(world: ClusterWorld, question: Question): Finding {
  const labels = labelsOf(relativeTo(question.qname, world.zone)).reverse();
  return (
    fixedNames(world, question) ?? atApex(world, labels, question) ?? below(world, labels, question)
  );
}

/** @param labels - Below Z, the nearest first; at least one. */
function below(world: ClusterWorld, labels: readonly string[], question: Question): Finding {
  const [kind, namespace, name = '', ...deeper] = labels;
  if (kind !== 'svc' && kind !== 'pod') return MISSING;
  const bare = kind === 'svc' ? unlessKubeDns(world) : NODATA;
  if (namespace === undefined) return bare;
  const services = ownValue(world.namespaces, namespace);
  if (services === undefined) return MISSING;
  if (labels.length === 2) return bare;
  if (kind === 'pod') return podAddress([name, ...deeper], question, world.ttl);
  return inService(ownValue(services, name), deeper, question, world);
}

/** The SOA of Z: its MINIMUM is the plugin's TTL. */
export function zoneSoa({ zone, ttl }: ClusterWorld): Rr {
  return soaRecord(zone, ttl);
}

function unlessKubeDns({ flavour }: World): Finding {
  return flavour === 'kube-dns' ? MISSING : NODATA;
}

/** CoreDNS answers these two before it parses anything, so `dns.Z` above one of them does not exist (N3). */
function fixedNames({ zone, ttl }: ClusterWorld, question: Question): Finding | undefined {
  const { qname, qtype } = question;
  if (qname === `ns.dns.${zone}`) {
    return { exists: true, records: addressRecords(question, ['10.96.0.10'], ttl) };
  }
  if (qname !== `dns-version.${zone}`) return undefined;
  // The version of the specification that CoreDNS implements.
  return qtype === RrType.TXT
    ? { exists: true, records: [textRecord(question, '1.1.0', ttl)] }
    : NODATA;
}

function atApex(
  world: ClusterWorld,
  labels: readonly string[],
  { qtype }: Question,
): Finding | undefined {
  if (labels.length > 0) return undefined;
  return qtype === RrType.SOA ? { exists: true, records: [zoneSoa(world)] } : NODATA;
}

/** `pods insecure`: any dashed IPv4 address under a namespace that exists. */
function podAddress(labels: readonly string[], question: Question, ttl: Seconds): Finding {
  const [dashed, ...deeper] = labels;
  if (deeper.length > 0 || !/^\d+-\d+-\d+-\d+$/.test(dashed ?? '')) return MISSING;
  return {
    exists: true,
    records: addressRecords(question, [(dashed ?? '').replaceAll('-', '.')], ttl),
  };
}

/** @param below - Labels below the service, the nearest first. */
function inService(
  service: Service | undefined,
  below: readonly string[],
  question: Question,
  world: ClusterWorld,
): Finding {
  if (service === undefined || !isThere(service)) return MISSING;
  if (service.externalName !== undefined) {
    return below.length === 0 ? alias(question, service.externalName, world.ttl) : MISSING;
  }
  const [nearest, next] = below;
  if (nearest === undefined) return addresses(question, serviceAddresses(service), world.ttl);
  if (below.length === 1) return endpoint(service, nearest, question, world.ttl);
  return below.length === 2 ? portOf(service, nearest, next ?? '', question, world) : MISSING;
}

/** A headless service without ready endpoints does not exist. */
function isThere(service: Service): boolean {
  return service.externalName !== undefined || serviceAddresses(service).length > 0;
}

function serviceAddresses({ addresses: clusterIps, endpoints }: Service): readonly string[] {
  return clusterIps ?? Object.values(endpoints ?? {});
}

function endpoint(service: Service, label: string, question: Question, ttl: Seconds): Finding {
  const address = ownValue(service.endpoints ?? {}, label);
  return address === undefined ? MISSING : addresses(question, [address], ttl);
}

function portOf(
  service: Service,
  protocol: string,
  name: string,
  question: Question,
  world: ClusterWorld,
): Finding {
  const port = service.ports?.find(
    (each) => `_${each.protocol}` === protocol && `_${each.name}` === name,
  );
  if (port === undefined) return MISSING;
  if (question.qtype !== RrType.SRV)
    return addresses(question, serviceAddresses(service), world.ttl);
  const [, , ...owner] = labelsOf(question.qname);
  return {
    exists: true,
    records: [serviceRecord(question, port.port, `${owner.join('.')}.`, world.ttl)],
  };
}

function addresses(question: Question, texts: readonly string[], ttl: Seconds): Finding {
  return { exists: true, records: addressRecords(question, texts, ttl) };
}

function alias(question: Question, target: Name, ttl: Seconds): Finding {
  return { exists: true, records: [aliasRecord(question, target, ttl)] };
}

/** Labels come off the wire: `constructor` is no namespace. */
function ownValue<Value>(record: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
