import { Rcode, RrType, typeName } from '../../../src/wire/codes.ts';
import type { Message } from '../../../src/wire/message.ts';
import { canonicalName, encodeName } from '../../../src/wire/name.ts';
import type { Rr } from '../../../src/wire/record.ts';
import { message, nodata, nxdomain, queryOctets, record, soa } from '../../support/messages.ts';
import { tcpClient } from '../clients.ts';
import type { HostileWorld, Owner } from '../hostile-daemon.ts';
import { tellTruth } from '../hostile-upstream.ts';

/** One answer that goes through. */
export interface Case {
  readonly what: string;
  readonly qname: string;
  readonly qtype: number;
  readonly said: Message;
}

/** What of a message must arrive as it was said: all but ID, TTL, OPT and TC. */
function essence({ rcode, authoritative, answer, authority, additional }: Message) {
  const level = ({ owner, type, klass, rdata }: Rr) =>
    `${canonicalName(owner)} ${type} ${klass} ${Buffer.from(rdata).toString('hex')}`;
  const sections = [answer, authority, additional].map((records) => records.map(level));
  return JSON.stringify({ rcode, authoritative, sections });
}

/** Asks each twice over TCP, where nothing is cut. @returns What arrived otherwise, in words. */
export async function identity(
  t: Owner,
  world: HostileWorld,
  cases: readonly Case[],
): Promise<string[]> {
  const said = new Map(
    cases.map((each) => [`${canonicalName(encodeName(each.qname))} ${each.qtype}`, each.said]),
  );
  world.upstream.script = (asked) => {
    const own = said.get(`${asked.qname} ${asked.qtype}`);
    if (own === undefined) tellTruth(asked);
    else asked.answer(own);
  };
  const client = await tcpClient(t, world.dns);
  const wrong: string[] = [];
  for (const { what, qname, qtype, said: expected } of cases) {
    for (const when of ['miss', 'hit']) {
      const query = queryOctets(qname, qtype, { edns: { dnssecOk: true } });
      const { response } = await client.askOctets(query);
      if (essence(response.message) !== essence(expected)) {
        wrong.push(`${what} (${when}): ${essence(response.message)} not ${essence(expected)}`);
      }
    }
  }
  world.upstream.script = tellTruth;
  client.close();
  return wrong;
}

const NAME = 'type.example.';
const name = (text: string) => [...encodeName(text)];

/** RDATA of known types that is right for them; every other type is opaque. */
const RDATA: Readonly<Record<number, readonly number[]>> = {
  [RrType.A]: [192, 0, 2, 1],
  [RrType.AAAA]: [0x20, 1, 0xd, 0xb8, ...new Array<number>(12).fill(1)],
  [RrType.NS]: name('ns.example.'),
  [RrType.CNAME]: name('target.example.'),
  [RrType.SOA]: [
    ...name('ns.example.'),
    ...name('mail.example.'),
    ...new Array<number>(20).fill(1),
  ],
  [RrType.PTR]: name('host.example.'),
  [RrType.HINFO]: [1, 65, 1, 66],
  [RrType.MX]: [0, 10, ...name('mail.example.')],
  [RrType.TXT]: [3, 97, 98, 99, 0],
  [RrType.SRV]: [0, 1, 0, 2, 0, 53, ...name('srv.example.')],
  [RrType.NAPTR]: [0, 1, 0, 2, 1, 115, 3, 97, 98, 99, 0, ...name('naptr.example.')],
  [RrType.DNAME]: name('other.example.'),
  [RrType.RRSIG]: [...new Array<number>(18).fill(2), ...name('signer.example.'), 1, 2, 3],
  [RrType.NSEC]: [...name('next.example.'), 0, 1, 0x40],
  [RrType.SVCB]: [0, 1, ...name('svc.example.'), 0, 1, 0, 3, 2, 104, 50],
  [RrType.HTTPS]: [0, 0, ...name('alias.example.')],
};

/** Types whose RDATA is names that a generic one would not be. */
const TWO_NAMES = [14, 17];
const ONE_NAME = [3, 4, 7, 8, 9];
const NUMBER_AND_NAME = [18, 21, 36];

/** A right answer of every type from 1 to 300 that may be asked for, and of some nobody knows; denials, chains, sections. */
export function generatedCases(): Case[] {
  const types = [...Array.from({ length: 300 }, (_, i) => i + 1), 32_768, 32_769, 65_280, 65_534];
  const meta = (type: number) => type === RrType.OPT || (type >= 249 && type <= 255);
  const cases = types
    .filter((type) => !meta(type))
    .map((qtype): Case => {
      const rdata = Uint8Array.from(rdataOf(qtype));
      const own = record(NAME, qtype, rdata, 300);
      const signature = record(NAME, RrType.RRSIG, Uint8Array.from(RDATA[RrType.RRSIG] ?? []), 300);
      // A signature beside, and sections of their own: what a validating client needs.
      return {
        what: typeName(qtype),
        qname: NAME,
        qtype,
        said: message({
          authoritative: qtype % 2 === 0,
          answer: qtype === RrType.RRSIG ? [own] : [own, signature],
          authority: [record('example.', RrType.NS, encodeName('ns.example.'), 300)],
          additional: [record('ns.example.', RrType.A, Uint8Array.of(192, 0, 2, 53), 300)],
        }),
      };
    });
  const nsec3 = record(
    'hash.example.',
    RrType.NSEC3,
    Uint8Array.from([1, 0, 0, 1, 1, 0xaa, 3, 1, 2, 3, 0, 1, 0x40]),
    30,
  );
  return [
    ...cases,
    {
      what: 'NXDOMAIN with NSEC3',
      qname: 'gone.example.',
      qtype: RrType.TXT,
      said: { ...nxdomain('example.', 300), authority: [soa('example.', { minimum: 300 }), nsec3] },
    },
    { what: 'NODATA', qname: 'nodata.example.', qtype: RrType.TXT, said: nodata('example.', 300) },
    {
      what: 'a chain of aliases',
      qname: 'alias.example.',
      qtype: RrType.TXT,
      said: message({
        answer: [
          record('alias.example.', RrType.CNAME, encodeName('b.example.'), 300),
          record('b.example.', RrType.CNAME, encodeName('c.example.'), 300),
          record('c.example.', RrType.TXT, Uint8Array.of(1, 97), 300),
        ],
      }),
    },
    {
      what: 'REFUSED',
      qname: 'refused.example.',
      qtype: RrType.TXT,
      said: message({ rcode: Rcode.REFUSED }),
    },
  ];
}

function rdataOf(type: number): readonly number[] {
  const known = RDATA[type];
  if (known !== undefined) return known;
  if (TWO_NAMES.includes(type)) return [...name('a.example.'), ...name('b.example.')];
  if (ONE_NAME.includes(type)) return name('a.example.');
  if (NUMBER_AND_NAME.includes(type)) return [0, 1, ...name('a.example.')];
  if (type === 26) return [0, 1, ...name('a.example.'), ...name('b.example.')];
  if (type === 24) return RDATA[RrType.RRSIG] ?? [];
  if (type === 30) return [...name('next.example.'), 1, 2];
  return [type & 0xff, 0xc0, 0x0c, 0, 255, 1, 2, 3];
}
