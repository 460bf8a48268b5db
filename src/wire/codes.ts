/** Resource record types that the program acts on; every other type passes through by number (RFC 3597). */
export const RrType = {
  A: 1,
  NS: 2,
  MD: 3,
  MF: 4,
  CNAME: 5,
  SOA: 6,
  MB: 7,
  MG: 8,
  MR: 9,
  NULL: 10,
  PTR: 12,
  HINFO: 13,
  MINFO: 14,
  MX: 15,
  TXT: 16,
  RP: 17,
  AFSDB: 18,
  RT: 21,
  SIG: 24,
  PX: 26,
  AAAA: 28,
  LOC: 29,
  NXT: 30,
  SRV: 33,
  NAPTR: 35,
  KX: 36,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  NSEC3: 50,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  TSIG: 250,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
} as const;

/** Response codes. @see RFC 1035 §4.1.1, RFC 6891 §9 (BADVERS) */
export const Rcode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;

/** Operation codes. @see RFC 1035 §4.1.1 */
export const Opcode = { QUERY: 0, IQUERY: 1, STATUS: 2, NOTIFY: 4, UPDATE: 5 } as const;

/** Classes. @see RFC 1035 §3.2.4 */
export const RrClass = { IN: 1, CH: 3, HS: 4, ANY: 255 } as const;

/** Extended DNS Error codes that the program sends. @see RFC 8914 §4 */
export const EdeCode = {
  OTHER: 0,
  STALE_ANSWER: 3,
  CACHED_ERROR: 13,
  STALE_NXDOMAIN: 19,
  NO_REACHABLE_AUTHORITY: 22,
  NETWORK_ERROR: 23,
} as const;

const typeNames = new Map<number, string>(
  Object.entries(RrType).map(([name, code]) => [code, name]),
);
const typeCodes = new Map<string, number>(Object.entries(RrType));
const rcodeNames = new Map<number, string>(
  Object.entries(Rcode).map(([name, code]) => [code, name]),
);

/** The mnemonic of a type, or `TYPEn` for one without (RFC 3597 §5). */
export function typeName(code: number): string {
  return typeNames.get(code) ?? `TYPE${code}`;
}

/** The number of a type mnemonic or `TYPEn`, in any case; `undefined` where it names none. */
export function typeCode(name: string): number | undefined {
  const known = typeCodes.get(name.toUpperCase());
  if (known !== undefined) return known;
  const generic = /^TYPE(\d{1,5})$/i.exec(name);
  const code = generic === null ? Number.NaN : Number(generic[1]);
  return code <= 0xffff ? code : undefined;
}

/** The mnemonic of a response code, or `RCODEn`. */
export function rcodeName(code: number): string {
  return rcodeNames.get(code) ?? `RCODE${code}`;
}
