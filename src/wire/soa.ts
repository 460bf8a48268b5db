import { RrClass, RrType } from './codes.ts';
import { uint32 } from './header.ts';
import type { Message } from './message.ts';
import { canonicalName, encodeName, isAtOrBelow, type Name } from './name.ts';
import type { Rr, Seconds } from './record.ts';
import { EMPTY } from './render.ts';

/** The parts of a negative answer's SOA that proofs and caching need. @see RFC 2308 §3, §5 */
export interface NegativeProof {
  /** The zone that the denial comes from. */
  readonly zone: Name;
  /** The primary server of the zone, as the SOA names it; it changes when another server answers (N2). */
  readonly mname: Name;
  /** min(SOA TTL, SOA MINIMUM). */
  readonly ttl: Seconds;
}

/** The MNAME of our own negative answers. No real zone has it, so that our answers never count as proofs (N3). */
export const OWN_MNAME: Name = 'sidestub.invalid.';

/** MINIMUM is the last of five 32-bit numbers after two names (RFC 1035 §3.3.13). */
const NUMBERS_OCTETS = 20;

/** The SOA of a negative answer to `qname`; `undefined` if the message has none of a zone that contains the name. */
export function negativeProof(message: Message, qname: Name): NegativeProof | undefined {
  for (const rr of message.authority) {
    if (rr.type !== RrType.SOA || rr.rdata.length < NUMBERS_OCTETS + 2) continue;
    const zone = canonicalName(rr.owner);
    if (!isAtOrBelow(qname, zone)) continue;
    const minimum = uint32(rr.rdata, rr.rdata.length - 4);
    return { zone, mname: canonicalName(rr.rdata), ttl: Math.min(rr.ttl, minimum) };
  }
  return undefined;
}

/** An SOA record of our own, for a negative answer that no server gave: it tells the client how long to cache it. */
export function ownSoa(owner: Name, ttl: Seconds): Rr {
  // SERIAL 1; REFRESH, RETRY and EXPIRE are as short as the answer's life, since this zone is never transferred.
  const numbers = new Uint8Array(NUMBERS_OCTETS);
  const view = new DataView(numbers.buffer);
  [1, ttl, ttl, ttl, ttl].forEach((value, index) => {
    view.setUint32(index * 4, value);
  });
  const names = [encodeName(OWN_MNAME), encodeName('nobody.invalid')];
  return {
    owner: encodeName(owner),
    type: RrType.SOA,
    klass: RrClass.IN,
    ttl,
    rdata: Buffer.concat([...names, numbers]),
  };
}

/** A negative answer of our own: NODATA for NOERROR, or NXDOMAIN, with `ttl` as its time to live. */
export function ownNegative(rcode: number, owner: Name, ttl: Seconds): Message {
  return { ...EMPTY, rcode, authority: [ownSoa(owner, ttl)] };
}
