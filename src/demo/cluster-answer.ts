import { Rcode, RrType } from '../wire/codes.ts';
import type { Message } from '../wire/message.ts';
import { canonicalName, isAtOrBelow, lastLabel, type Name } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
import type { Rr } from '../wire/record.ts';
import { EMPTY } from '../wire/render.ts';
import type { Faults, MissingAnswer } from './cluster-faults.ts';
import { addressRecords, aliasRecord, soaRecord, textRecord } from './cluster-record.ts';
import type { Host, World } from './cluster-world.ts';
import { type Finding, findInZone, zoneSoa } from './cluster-zone.ts';

/** The answer of `world`, with the faults that change answers. @returns `undefined` if there is no answer at all. */
export function bendAnswer(world: World, question: Question, faults: Faults): Message | undefined {
  const verdict = verdictOn(world, question, faults);
  if (verdict === 'silent') return undefined;
  const message = typeof verdict === 'string' ? spoilt(world, question, verdict) : verdict;
  const { ttl, soa } = faults;
  const retimed = (rr: Rr) => (ttl === undefined ? rr : { ...rr, ttl });
  return {
    ...message,
    answer: message.answer.map(retimed),
    authority: soa ? message.authority.map(retimed) : [],
  };
}

type Verdict = Message | 'nxdomain' | 'nodata' | 'servfail' | 'silent';

function verdictOn(world: World, question: Question, faults: Faults): Verdict {
  const hasA = () => hasAddress(worldAnswer(world, { ...question, qtype: RrType.A }));
  if (question.qtype === RrType.AAAA && faults.aaaa !== 'pass' && hasA()) return faults.aaaa;
  const message = worldAnswer(world, question);
  if (message.rcode !== Rcode.NXDOMAIN) return message;
  const missing = missingAnswer(question, faults);
  if (missing === undefined) return message;
  if (typeof missing === 'string') return missing;
  return { ...EMPTY, answer: addressRecords(question, [missing.address], 60) };
}

function missingAnswer(question: Question, faults: Faults): MissingAnswer | undefined {
  const under = faults.missing.find(({ suffix }) => isAtOrBelow(question.qname, suffix));
  if (question.qtype === RrType.A) return under?.a;
  return question.qtype === RrType.AAAA ? under?.aaaa : undefined;
}

function spoilt(world: World, { qname }: Question, verdict: 'nxdomain' | 'nodata' | 'servfail') {
  if (verdict === 'servfail') return { ...EMPTY, rcode: Rcode.SERVFAIL };
  const rcode = verdict === 'nxdomain' ? Rcode.NXDOMAIN : Rcode.NOERROR;
  return { ...EMPTY, rcode, authority: [soaFor(world, qname)] };
}

function hasAddress({ answer }: Message): boolean {
  return answer.some((rr) => rr.type === RrType.A);
}

/** A longer chain is a mistake in the world's records; for a resolver it would be a loop. */
const MAX_CHAIN = 8;

/**
 * The answer of a recursive server that knows `world`: the CNAME chain to its end, the RCODE of that end (RFC 6604 §3),
 * and the SOA of a negative answer.
 */
function worldAnswer(world: World, question: Question): Message {
  const answer: Rr[] = [];
  let qname = question.qname;
  for (let hops = 0; hops < MAX_CHAIN; hops++) {
    const found = find(world, { ...question, qname });
    if (!found.exists) return { ...negative(world, qname, Rcode.NXDOMAIN), answer };
    answer.push(...found.records);
    const target = aliasTarget(found.records, question.qtype);
    if (target === undefined) {
      const nodata = found.records.length === 0;
      return { ...(nodata ? negative(world, qname, Rcode.NOERROR) : EMPTY), answer };
    }
    qname = target;
  }
  return { ...EMPTY, rcode: Rcode.SERVFAIL };
}

function negative(world: World, qname: Name, rcode: number): Message {
  return { ...EMPTY, rcode, authority: [soaFor(world, qname)] };
}

function aliasTarget(records: readonly Rr[], qtype: number): Name | undefined {
  const [first] = records;
  if (first?.type !== RrType.CNAME || qtype === RrType.CNAME) return undefined;
  return canonicalName(first.rdata);
}

function find(world: World, question: Question): Finding {
  const { zone } = world;
  if (zone !== undefined && isAtOrBelow(question.qname, zone)) {
    return findInZone({ ...world, zone }, question);
  }
  const host = world.hosts[question.qname];
  if (host !== undefined) return { exists: true, records: hostRecords(host, question) };
  return isAbove(world, question.qname) ? { exists: true, records: [] } : { exists: false };
}

/** An empty non-terminal exists (RFC 8020 §2), and so does a zone's own name. */
function isAbove({ hosts, zones }: World, qname: Name): boolean {
  const inside = (name: Name) => isAtOrBelow(name, qname);
  return zones.some(inside) || Object.keys(hosts).some(inside);
}

function hostRecords(host: Host, question: Question): Rr[] {
  const ttl = host.ttl ?? 300;
  if (host.cname !== undefined) return [aliasRecord(question, host.cname, ttl)];
  if (question.qtype === RrType.TXT)
    return (host.txt ?? []).map((t) => textRecord(question, t, ttl));
  return addressRecords(question, [...(host.a ?? []), ...(host.aaaa ?? [])], ttl);
}

/** The negative TTL of the root and of TLDs, as capped by the resolver between. */
const OUTER_NEGATIVE_TTL = 900;

function soaFor(world: World, qname: Name): Rr {
  const { zone } = world;
  if (zone !== undefined && isAtOrBelow(qname, zone)) return zoneSoa({ ...world, zone });
  const [own] = world.zones
    .filter((each) => isAtOrBelow(qname, each))
    .sort((a, b) => b.length - a.length);
  const tld = `${lastLabel(qname)}.`;
  // A TLD is not delegated if no name of the world lies below it: the root denies it.
  const owner = own ?? (qname !== '.' && isAbove(world, tld) ? tld : '.');
  return soaRecord(owner, OUTER_NEGATIVE_TTL);
}
