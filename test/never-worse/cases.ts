import { type Draw, type Faults, SOUND, SOUND_DRAW } from './draw.ts';

/** A draw that has been worse once, or that people have reported: run by name, and for good. */
export interface Case {
  readonly name: string;
  readonly draw: Draw;
}

function one(faults: Partial<Faults>, more: Partial<Draw> = {}): Draw {
  return { ...SOUND_DRAW, servers: [{ ...SOUND, ...faults }], ...more };
}

const silent = (to: number) => ({ from: 0, to, transport: 'both', family: 'both' }) as const;

/** What people ran into, and what the draws have found. */
export const CASES: readonly Case[] = [
  ...[400, 1_000, 1_600, 2_200, 3_500].flatMap((to) =>
    (['refused', 'silent', 'dropped'] as const).map((tcp) => ({
      name: `cluster DNS is silent for ${to} ms, TCP ${tcp}`,
      draw: one({ mute: silent(to), tcp }),
    })),
  ),
  {
    name: 'cluster DNS is away for 1.5 s: ICMP for datagrams, RST for connections',
    draw: one({ away: { from: 0, to: 1_500 } }),
  },
  {
    name: 'the own kernel refuses datagrams for 1.2 s, TCP works',
    draw: one({ refused: { from: 0, to: 1_200, family: 'both' } }),
  },
  {
    name: 'the own kernel refuses the questions for A for 2 s, and there is no TCP',
    draw: one({ tcp: 'silent', refused: { from: 0, to: 2_000, family: 'A' } }),
  },
  {
    name: 'the own kernel refuses the questions for A for 2 s, and A is all that the pod can route',
    draw: one({ tcp: 'silent', refused: { from: 0, to: 2_000, family: 'A' } }, { routes: 'IPv4' }),
  },
  {
    name: 'short timers and the own kernel: A is refused for 0.4 s on a walk, and TCP is silent',
    draw: one(
      { delay: 20, tcp: 'silent', refused: { from: 0, to: 400, family: 'A' } },
      { name: 'alias', list: 'Kubernetes', warm: true },
    ),
  },
  {
    name: 'a name comes into being, and its denial came early on a walk',
    draw: one({}, { name: 'made', list: 'Kubernetes' }),
  },
  {
    name: 'a name comes into being outside the cluster, and the server is away for a moment',
    draw: one({ mute: silent(800) }, { name: 'made' }),
  },
  {
    name: 'a service comes into being behind a node daemon',
    draw: one({}, { name: 'made service', list: 'Kubernetes', nodeDaemon: true }),
  },
  {
    name: 'a service of another namespace behind a node daemon',
    draw: one({}, { name: 'elsewhere', list: 'Kubernetes', nodeDaemon: true }),
  },
  {
    name: 'a query with OPT is dropped over UDP and TCP, and ANCOUNT is too high, after 120 ms',
    draw: one(
      { delay: 120, edns: 'dropped', reply: 'ANCOUNT too high' },
      { name: 'service', list: 'Kubernetes' },
    ),
  },
  {
    name: 'a service of another namespace comes into being behind a node daemon',
    draw: one({}, { name: 'made elsewhere', list: 'Kubernetes', nodeDaemon: true }),
  },
  {
    name: 'NODATA of A that has no SOA, beside NXDOMAIN, for each step of a walk behind a node daemon',
    draw: one(
      { delay: 120, says: { rcode: 'NODATA', family: 'A', names: 'expansions' } },
      { name: 'elsewhere', list: 'Kubernetes', nodeDaemon: true },
    ),
  },
  {
    name: 'of two servers the first says FORMERR to A, and the own kernel refuses A to the second for 1.2 s',
    draw: {
      ...one({}),
      servers: [
        { ...SOUND, says: { rcode: 'FORMERR', family: 'A', names: 'existing' } },
        { ...SOUND, tcp: 'refused', refused: { from: 0, to: 1_200, family: 'A' } },
      ],
    },
  },
  {
    name: 'a service of a namespace that is called like a top-level domain, behind a node daemon',
    draw: one({}, { name: 'in dev', list: 'Kubernetes', nodeDaemon: true }),
  },
  { name: 'a query with OPT is dropped over UDP', draw: one({ edns: 'dropped over UDP' }) },
  { name: 'a query with OPT is dropped over UDP and TCP', draw: one({ edns: 'dropped' }) },
  {
    name: 'a query with OPT is dropped, and the names have a search list',
    draw: one({ edns: 'dropped' }, { list: 'Kubernetes' }),
  },
  {
    name: 'the answer is appended behind the whole query',
    draw: one({ edns: 'appended to the query' }),
  },
  {
    name: 'ARCOUNT is copied from the query, without a record',
    draw: one({ reply: 'ARCOUNT copied from the query' }),
  },
  { name: 'a count is too high behind the answer', draw: one({ reply: 'ARCOUNT too high' }) },
  {
    name: 'NOTIMP to EDNS, and AAAA cannot be read however it is asked',
    draw: one({ edns: 'NOTIMP', reply: 'ARCOUNT too high' }, { name: 'many' }),
  },
  {
    name: 'a reply is cut at 512 octets without TC, and there is no TCP',
    draw: one({ reply: 'cut', tcp: 'refused' }, { name: 'many' }),
  },
  {
    name: 'silent for 1.2 s, and then it appends the answer behind the whole query, without TCP',
    draw: one(
      { delay: 20, mute: silent(1_200), tcp: 'dropped', edns: 'appended to the query' },
      { name: 'made service' },
    ),
  },
  {
    name: 'away for 2.3 s, and a query with OPT is dropped over UDP',
    draw: one({ delay: 20, away: { from: 0, to: 2_300 }, edns: 'dropped over UDP' }),
  },
  {
    name: 'away for 2.3 s, and a long answer needs TCP',
    draw: one(
      { away: { from: 0, to: 2_300 }, reply: 'ARCOUNT too high' },
      { name: 'many', list: 'Kubernetes', warm: true },
    ),
  },
  {
    name: 'the own kernel refuses the questions for AAAA for 1 s, and TCP is dropped',
    draw: one({ tcp: 'dropped', refused: { from: 0, to: 1_000, family: 'AAAA' } }),
  },
  {
    name: 'FORMERR to EDNS, NODATA of AAAA that cannot be read, and TCP is silent',
    draw: one(
      { delay: 20, tcp: 'silent', edns: 'FORMERR', reply: 'ANCOUNT too high' },
      { name: 'made elsewhere' },
    ),
  },
  {
    name: 'ANCOUNT is too high, over TCP too, and the answer is a long one',
    draw: one({ reply: 'ANCOUNT too high', delay: 20 }, { name: 'many' }),
  },
  {
    name: 'NXDOMAIN for AAAA, and the addresses come after 2.8 s',
    draw: one(
      {
        mute: { from: 0, to: 2_800, transport: 'both', family: 'A' },
        says: { rcode: 'NXDOMAIN', family: 'AAAA', names: 'existing' },
      },
      { name: 'v4' },
    ),
  },
  {
    name: 'the own kernel refuses all for 1.7 s, and A is not answered until 2.4 s',
    draw: one(
      {
        mute: { from: 0, to: 2_400, transport: 'both', family: 'A' },
        refused: { from: 0, to: 1_700, family: 'both' },
      },
      { name: 'elsewhere' },
    ),
  },
  {
    name: 'behind a node daemon the server is away for 2 s, and AAAA is not answered until 2.3 s',
    draw: one(
      {
        mute: { from: 0, to: 2_300, transport: 'both', family: 'AAAA' },
        away: { from: 0, to: 2_000 },
        edns: 'NOTIMP',
      },
      { name: 'v6', nodeDaemon: true },
    ),
  },
  {
    name: 'away for 2.1 s, and then ANCOUNT is too high, without TCP',
    draw: one(
      { away: { from: 0, to: 2_100 }, tcp: 'dropped', reply: 'ANCOUNT too high' },
      { name: 'service' },
    ),
  },
  {
    name: 'a query with OPT is dropped over UDP, ANCOUNT is too high, and there is no TCP',
    draw: one(
      { delay: 0, tcp: 'refused', edns: 'dropped over UDP', reply: 'ANCOUNT too high' },
      { name: 'in dev', warm: true },
    ),
  },
  {
    name: 'behind a node daemon the kernel refuses the questions for AAAA for 1.6 s, and TCP is dropped',
    draw: one(
      { tcp: 'dropped', refused: { from: 0, to: 1_600, family: 'AAAA' } },
      { nodeDaemon: true },
    ),
  },
  {
    name: 'of two servers the first cuts its replies off, and has no TCP',
    draw: {
      ...one({}),
      servers: [{ ...SOUND, tcp: 'refused', reply: 'cut', cutAt: 70 }, SOUND],
      clients: ['Go', 'c-ares'],
    },
  },
  ...(['FORMERR', 'NOTIMP'] as const).map((rcode) => ({
    name: `of two servers the first says ${rcode} to all that exists`,
    draw: {
      ...one({}),
      servers: [{ ...SOUND, says: { rcode, family: 'both', names: 'existing' } as const }, SOUND],
    },
  })),
  {
    name: 'the own kernel refuses the questions for AAAA for 2.4 s, and there is no TCP',
    draw: one(
      { tcp: 'refused', refused: { from: 0, to: 2_400, family: 'AAAA' } },
      { name: 'elsewhere', warm: true },
    ),
  },
  {
    name: 'a query with OPT is dropped over UDP and TCP, and the answer is a long one',
    draw: one({ delay: 120, edns: 'dropped' }, { name: 'many' }),
  },
  {
    // Three of its round trips, TCP's among them, have to fit into what the law allows.
    name: 'of two servers the first cuts long replies off, after 90 ms',
    draw: {
      ...one({}, { name: 'many', warm: true }),
      servers: [
        { ...SOUND, delay: 90, tcp: 'closes after one', reply: 'cut' },
        { ...SOUND, delay: 0 },
      ],
    },
  },
  {
    name: 'the own kernel refuses the questions for AAAA for 2.4 s, and the name has none',
    draw: one(
      { tcp: 'refused', refused: { from: 0, to: 2_400, family: 'AAAA' } },
      { name: 'v4', warm: true },
    ),
  },
  {
    name: 'away for 0.3 s, and addresses stand before their CNAME',
    draw: one(
      { delay: 120, tcp: 'refused', away: { from: 0, to: 300 }, reply: 'CNAME last' },
      { name: 'alias', warm: true },
    ),
  },
  {
    name: 'away for 2.2 s, and a long answer needs TCP, which closes after one: five clients share it',
    draw: one({ away: { from: 0, to: 2_200 }, tcp: 'closes after one' }, { name: 'many' }),
  },
  {
    name: 'a query with OPT is dropped over UDP, and ANCOUNT is too high on a walk',
    draw: one({ edns: 'dropped over UDP', reply: 'ANCOUNT too high' }, { list: 'Kubernetes' }),
  },
  {
    name: 'behind a node daemon a reply is cut in the midst of an address, and there is no TCP',
    draw: one({ tcp: 'refused', reply: 'cut', cutAt: 92 }, { nodeDaemon: true }),
  },
  {
    // Each of the steps has to be answered before the timer that the first one waits for.
    name: 'a query with OPT is dropped, and the name is the second one of a walk',
    draw: one(
      { delay: 120, edns: 'dropped' },
      { name: 'elsewhere', list: 'Kubernetes', clients: ['musl'] },
    ),
  },
  {
    name: 'records stand behind the OPT of the query, a long answer needs it, and TCP is silent',
    draw: one({ tcp: 'silent', edns: 'appended to the query' }, { name: 'many', warm: true }),
  },
  {
    name: 'the questions for A are silent for 3.9 s, and those for AAAA are NXDOMAIN',
    draw: one(
      {
        delay: 20,
        mute: { from: 0, to: 3_900, transport: 'both', family: 'A' },
        says: { rcode: 'NXDOMAIN', family: 'AAAA', names: 'all' },
      },
      { warm: true },
    ),
  },
  { name: 'addresses under another owner', draw: one({ reply: 'foreign owner' }) },
  {
    name: 'SERVFAIL for AAAA',
    draw: one({ says: { rcode: 'SERVFAIL', family: 'AAAA', names: 'all' } }),
  },
];
