import { isIPv4, isIPv6 } from 'node:net';
import { RrClass, RrType } from '../wire/codes.ts';
import { putUint16, putUint32 } from '../wire/header.ts';
import { encodeName, type Name } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
import type { Rr, Seconds } from '../wire/record.ts';

/** A and AAAA records for those of `addresses` that have the family that was asked for; none for other types. */
export function addressRecords(
  { qname, qtype }: Question,
  addresses: readonly string[],
  ttl: Seconds,
): Rr[] {
  const wanted = qtype === RrType.A ? isIPv4 : qtype === RrType.AAAA ? isIPv6 : () => false;
  return addresses.filter(wanted).map((text) => record(qname, qtype, ttl, addressOctets(text)));
}

/** A CNAME at the name that was asked for. */
export function aliasRecord({ qname }: Question, target: Name, ttl: Seconds): Rr {
  return record(qname, RrType.CNAME, ttl, encodeName(target));
}

/** @param text - At most 255 octets of ASCII: one character-string (RFC 1035 §3.3.14). */
export function textRecord({ qname }: Question, text: string, ttl: Seconds): Rr {
  return record(qname, RrType.TXT, ttl, Uint8Array.of(text.length, ...Buffer.from(text, 'latin1')));
}

/** An SRV record. @see RFC 2782 */
export function serviceRecord({ qname }: Question, port: number, target: Name, ttl: Seconds): Rr {
  const name = encodeName(target);
  const rdata = new Uint8Array(6 + name.length);
  // Priority 0; CoreDNS gives the only target the whole weight.
  putUint16(rdata, 2, 100);
  putUint16(rdata, 4, port);
  rdata.set(name, 6);
  return record(qname, RrType.SRV, ttl, rdata);
}

/** An SOA whose TTL is its MINIMUM, as servers send it with negative answers. @see RFC 2308 §3 */
export function soaRecord(owner: Name, minimum: Seconds): Rr {
  const below = (label: string) => encodeName(owner === '.' ? `${label}.` : `${label}.${owner}`);
  const names = Buffer.concat([below('ns.dns'), below('hostmaster')]);
  const rdata = new Uint8Array(names.length + 20);
  rdata.set(names);
  // Serial, REFRESH, RETRY, EXPIRE as in CoreDNS's kubernetes plugin; the serial is not used.
  [1, 7200, 1800, 86400, minimum].forEach((value, index) => {
    putUint32(rdata, names.length + 4 * index, value);
  });
  return record(owner, RrType.SOA, minimum, rdata);
}

function record(owner: Name, type: number, ttl: Seconds, rdata: Uint8Array): Rr {
  return { owner: encodeName(owner), type, klass: RrClass.IN, ttl, rdata };
}

function addressOctets(text: string): Uint8Array {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  const [head = '', tail] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const octets = new Uint8Array(16);
  before.forEach((group, index) => {
    putUint16(octets, 2 * index, Number.parseInt(group, 16));
  });
  after.forEach((group, index) => {
    putUint16(octets, 16 - 2 * (after.length - index), Number.parseInt(group, 16));
  });
  return octets;
}
