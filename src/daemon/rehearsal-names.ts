import { Rcode, RrClass, RrType } from '../wire/codes.ts';
import type { Message } from '../wire/message.ts';
import { encodeName, isAtOrBelow, joinNames, type Name } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
import type { Rr } from '../wire/record.ts';
import { EMPTY } from '../wire/render.ts';
import { OWN_MNAME, ownNegative } from '../wire/soa.ts';

/** What a rehearsal looks up: names like a job's, in domains that are reserved for examples (RFC 2606 §2). */
export interface RehearsalNames {
  /** The names that the walk to the `n`-th external name asks for, in order; it has A and AAAA. */
  outside(n: number): readonly Name[];
  /** The same for the `n`-th service in the job's namespace; the first step finds it, and it has only A. */
  service(n: number): readonly Name[];
  /** A name whose answer is too long for UDP. */
  readonly long: Name;
  /** The answer of the rehearsal's cluster DNS. */
  answer(question: Question): Message;
}

const OUTSIDE: Name = 'example.com.';
const LONG: Name = 'long.example.com.';
const SERVICE = /^s\d+\./;
/** The names that the conformance test expects to exist (N2): it must pass, so that cuts are rehearsed too. */
const PRESENT = /^(kubernetes\.)?(default\.)?svc\./;
const TTL = 30;
/** RFC 5737, RFC 3849. */
const IPV4 = Uint8Array.of(192, 0, 2, 1);
const IPV6 = Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** Names for a job with this search list; `domain` is the cluster zone, where there is one. */
export function rehearsalNames(
  suffixes: readonly Name[],
  domain: Name | undefined,
): RehearsalNames {
  const [near = '.'] = suffixes;
  const zoneOf = (qname: Name): Name =>
    [domain, ...suffixes].find((zone) => zone !== undefined && isAtOrBelow(qname, zone)) ?? '.';
  return {
    outside: (n) => [...suffixes, '.'].map((suffix) => joinNames(`w${n}.${OUTSIDE}`, suffix)),
    service: (n) => [joinNames(`s${n}.`, near)],
    long: LONG,
    answer: ({ qname, qtype }) => {
      const isService = SERVICE.test(qname) && isAtOrBelow(qname, near);
      if (isService && qtype === RrType.A) return found(qname, qtype);
      if (isAtOrBelow(qname, OUTSIDE)) {
        return { ...found(qname, qtype), ...(qname === LONG ? { truncated: true } : {}) };
      }
      const exists = isService || PRESENT.test(qname);
      return denied(exists ? Rcode.NOERROR : Rcode.NXDOMAIN, zoneOf(qname));
    },
  };
}

function found(qname: Name, type: number): Message {
  const rdata = type === RrType.A ? IPV4 : IPV6;
  const rr: Rr = { owner: encodeName(qname), type, klass: RrClass.IN, ttl: TTL, rdata };
  return { ...EMPTY, answer: [rr] };
}

/** A denial that counts as a proof: one with our own MNAME would not (N3). */
function denied(rcode: number, zone: Name): Message {
  const { authority, ...rest } = ownNegative(rcode, zone, TTL);
  return { ...rest, authority: authority.map((soa) => ({ ...soa, rdata: withMname(soa.rdata) })) };
}

function withMname(rdata: Uint8Array): Uint8Array {
  const own = encodeName(OWN_MNAME).length;
  return Buffer.concat([encodeName(`ns.${OUTSIDE}`), rdata.subarray(own)]);
}
