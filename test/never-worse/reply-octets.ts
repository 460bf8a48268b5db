import { Rcode, RrType } from '../../src/wire/codes.ts';
import { putUint16, uint16 } from '../../src/wire/header.ts';
import type { Message } from '../../src/wire/message.ts';
import { readRequest } from '../../src/wire/request.ts';
import {
  a,
  aaaa,
  cname,
  message,
  nodata,
  nxdomain,
  recordOctets,
  responseOctets,
} from '../support/messages.ts';
import type { Faults } from './draw.ts';

/** What the server does with a query: octets, or nothing. */
export type Doing = Uint8Array | 'nothing';

/**
 * What a server with these faults says, apart from time: a function of the query alone.
 *
 * @param query - A whole query.
 * @param isMade - Whether the names that are made have come into being.
 */
export function replyTo(query: Uint8Array, overTcp: boolean, faults: Faults, isMade = true): Doing {
  const { question, edns } = readRequest(query);
  const { qname, qtype } = question;
  const hasOpt = edns !== undefined;
  if (hasOpt && dropsOpt(overTcp, faults)) return 'nothing';
  if (hasOpt && (faults.edns === 'FORMERR' || faults.edns === 'NOTIMP')) {
    return responseOctets(query, message({ rcode: Rcode[faults.edns] }), { edns: false });
  }
  const said = withFaults(answer(qname, qtype, isMade), qname, qtype, faults);
  const octets = responseOctets(query, said, { edns: hasOpt });
  if (hasOpt && faults.edns === 'appended to the query') return appended(query, said);
  const limit = edns?.udpOctets ?? 512;
  if (!overTcp && faults.reply !== 'cut' && octets.length > limit) {
    return responseOctets(
      query,
      { ...said, answer: [], authority: [] },
      { edns: hasOpt, tc: true },
    );
  }
  return damaged(query, said, octets, { ...faults, hasOpt, overTcp });
}

function dropsOpt(overTcp: boolean, { edns }: Faults): boolean {
  return edns === 'dropped' || (edns === 'dropped over UDP' && !overTcp);
}

const ADDRESS = '192.0.2.';
const ADDRESS6 = '2001:db8::1';
/** How many addresses `many` has: more than 512 octets hold, and fewer than musl takes at most. */
const MANY = 40;

/** Whether any name has this address: musl takes half of one, and what was in its buffer, out of a reply that is cut. */
export function isAnyones(address: string): boolean {
  return address === ADDRESS6 || V4_ADDRESSES.has(address);
}

const V4_ADDRESSES: ReadonlySet<string> = new Set(
  Array.from({ length: MANY }, (_, i) => `${ADDRESS}${i + 1}`),
);

/** The truth: names below `example.com` by their second label, services, and the skeleton of a cluster. */
export function answer(qname: string, qtype: number, isMade = true): Message {
  if (qname.endsWith('cluster.local.')) return inCluster(qname, qtype, isMade);
  if (/^(((both|v4|v6|alias|many|made)\.)?example\.)?com\.$|^\.$/.test(qname))
    return nodata('example.com.');
  const [, first = '', kind = ''] = /^([^.]+)\.([^.]+)\.example\.com\.$/.exec(qname) ?? [];
  const records = RECORDS[kind];
  if (records === undefined) return nxdomain('example.com.');
  if (kind === 'made' && !isMade) return nxdomain('example.com.', UNMADE_SECONDS);
  const isAddress = qtype === RrType.A || qtype === RrType.AAAA;
  const found = isAddress ? records(qname, first, qtype) : [];
  return found.length > 0 ? message({ answer: found }) : nodata('example.com.');
}

/** How long the denial of a name is believed that is about to be made. */
export const UNMADE_SECONDS = 1;
/** What CoreDNS' own plugin gives its answers. */
export const CLUSTER_SECONDS = 5;

function inCluster(qname: string, qtype: number, isMade: boolean): Message {
  const [, service = '', namespace = ''] =
    /^([a-z0-9-]+)\.([a-z]+)\.svc\.cluster\.local\.$/.exec(qname) ?? [];
  const isService =
    (/^(job|other|dev)$/.test(namespace) && service.startsWith('svc-')) ||
    (/^(job|other)$/.test(namespace) && service.startsWith('made-') && isMade) ||
    (namespace === 'default' && service === 'kubernetes');
  if (isService && qtype === RrType.A) return message({ answer: [a(qname, `${ADDRESS}9`, 5)] });
  const isThere = isService || /^(((job|other|dev|default)\.)?svc\.)?cluster\.local\.$/.test(qname);
  return isThere
    ? nodata('cluster.local.', CLUSTER_SECONDS)
    : nxdomain('cluster.local.', CLUSTER_SECONDS);
}

type Records = (qname: string, first: string, qtype: number) => ReturnType<typeof a>[];

const addresses: Records = (qname, _, qtype) =>
  qtype === RrType.A ? [a(qname, `${ADDRESS}1`), a(qname, `${ADDRESS}2`)] : [aaaa(qname, ADDRESS6)];

const RECORDS: Readonly<Record<string, Records>> = {
  both: addresses,
  made: addresses,
  v4: (qname, first, qtype) => (qtype === RrType.A ? addresses(qname, first, qtype) : []),
  v6: (qname, first, qtype) => (qtype === RrType.AAAA ? addresses(qname, first, qtype) : []),
  alias: (qname, first, qtype) => {
    const [middle, target] = [`${first}.middle.example.com.`, `${first}.both.example.com.`];
    return [cname(qname, middle), cname(middle, target), ...addresses(target, first, qtype)];
  },
  many: (qname, _, qtype) =>
    qtype === RrType.A ? [...V4_ADDRESSES].map((address) => a(qname, address)) : [],
};

function withFaults(truth: Message, qname: string, qtype: number, faults: Faults): Message {
  const said = saidInstead(truth, qtype, faults.says);
  if (said !== undefined) return said;
  if (faults.reply === 'CNAME last') return { ...truth, answer: truth.answer.toReversed() };
  const isRenamed = faults.reply === 'foreign owner' && qname.endsWith('.example.com.');
  if (!isRenamed || truth.answer.length === 0) return truth;
  return { ...truth, answer: answer(`${qname.split('.')[0]}.both.example.com.`, qtype).answer };
}

function saidInstead(truth: Message, qtype: number, says: Faults['says']): Message | undefined {
  if (says === undefined || (qtype !== RrType.A && qtype !== RrType.AAAA)) return undefined;
  if (says.family !== 'both' && RrType[says.family] !== qtype) return undefined;
  const exists = truth.rcode === Rcode.NOERROR;
  if (says.names !== 'all' && (says.names === 'existing') !== exists) return undefined;
  // No longer believed than the truth about a name that is made, or it would be told rightly once that is there.
  if (says.rcode === 'NXDOMAIN') return nxdomain('example.com.', UNMADE_SECONDS);
  if (says.rcode === 'NODATA') return nodata('example.com.', UNMADE_SECONDS);
  return message({ rcode: Rcode[says.rcode] });
}

/** The answer behind the whole query, as servers do that only move the end of the buffer. */
function appended(query: Uint8Array, { rcode, answer: records }: Message): Uint8Array {
  const octets = Uint8Array.from(Buffer.concat([query, ...records.map(recordOctets)]));
  putUint16(octets, 2, 0x8180 | rcode);
  putUint16(octets, 6, records.length);
  return octets;
}

interface Damage extends Faults {
  readonly hasOpt: boolean;
  readonly overTcp: boolean;
}

function damaged(query: Uint8Array, said: Message, octets: Uint8Array, faults: Damage): Uint8Array {
  const { reply, cutAt, hasOpt, overTcp } = faults;
  switch (reply) {
    case 'ARCOUNT copied from the query':
      return hasOpt ? counted(responseOctets(query, said, { edns: false }), 10, 1) : octets;
    case 'ARCOUNT too high':
      return counted(octets, 10, 1);
    case 'ANCOUNT too high':
      return counted(responseOctets(query, said, { edns: false }), 6, 1);
    case 'ANCOUNT too low':
      return said.answer.length > 0 ? counted(octets, 6, -1) : octets;
    case 'cut':
      return overTcp ? octets : octets.subarray(0, cutAt);
    default:
      return octets;
  }
}

function counted(octets: Uint8Array, at: number, more: number): Uint8Array {
  putUint16(octets, at, uint16(octets, at) + more);
  return octets;
}
