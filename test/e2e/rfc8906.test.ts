// RFC 8906 §8: twenty checks with dig: those of §8.1 and §8.2, and two that combine them (flags with options, and EDNS over TCP).
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { test } from 'tap';
import { RrType } from '../../src/wire/codes.ts';
import type { Rr } from '../../src/wire/record.ts';
import { startWorld } from '../hostile/hostile-daemon.ts';
import { isOnPath } from '../support/lab-requirements.ts';
import { message, record, soa } from '../support/messages.ts';

const run = promisify(execFile);
const ZONE = 'zone.example';

/** What dig must show, and what it must not. */
interface Check {
  readonly name: string;
  readonly arguments: string;
  readonly shows: readonly RegExp[];
  readonly never?: readonly RegExp[];
}

const NOERROR = /status: NOERROR/;
const SOA_ANSWER = /^zone\.example\..*SOA/m;
const OPT = /EDNS: version: 0/;
const NO_COOKIE = /COOKIE/;
const AD_CLEAR = /flags:[^;]* ad/;

const CHECKS: readonly Check[] = [
  {
    name: '§8.1: is the server configured for the zone',
    arguments: '+noedns +noad +norec soa',
    shows: [NOERROR, SOA_ANSWER],
    never: [OPT],
  },
  {
    name: '§8.1: unknown types',
    arguments: '+noedns +noad +norec type1000',
    shows: [NOERROR],
    never: [OPT],
  },
  {
    name: '§8.1: CD=1',
    arguments: '+noedns +noad +norec +cd soa',
    shows: [NOERROR, SOA_ANSWER],
    never: [OPT],
  },
  {
    name: '§8.1: AD=1',
    arguments: '+noedns +norec +ad soa',
    shows: [NOERROR, SOA_ANSWER],
    never: [OPT],
  },
  {
    name: '§8.1: reserved bit',
    arguments: '+noedns +noad +norec +zflag soa',
    shows: [NOERROR, SOA_ANSWER],
    never: [/MBZ/, OPT],
  },
  {
    name: '§8.1: recursive queries',
    arguments: '+noedns +noad +rec soa',
    shows: [NOERROR, SOA_ANSWER, /flags:[^;]* rd/],
    never: [OPT],
  },
  {
    name: '§8.1: unknown opcodes',
    arguments: '+noedns +noad +opcode=15 +norec +header-only',
    shows: [/status: NOTIMP/, /opcode: RESERVED15/],
    never: [SOA_ANSWER, OPT],
  },
  {
    name: '§8.1: TCP',
    arguments: '+noedns +noad +norec +tcp soa',
    shows: [NOERROR, SOA_ANSWER],
    never: [OPT],
  },
  {
    name: '§8.2: minimal EDNS',
    arguments: '+nocookie +edns=0 +noad +norec soa',
    shows: [NOERROR, SOA_ANSWER, OPT],
  },
  {
    name: '§8.2: EDNS version',
    arguments: '+nocookie +edns=1 +noednsneg +noad +norec soa',
    shows: [/status: BADVERS/, OPT],
    never: [SOA_ANSWER],
  },
  {
    name: '§8.2: unknown EDNS options',
    arguments: '+nocookie +edns=0 +noad +norec +ednsopt=100 soa',
    shows: [NOERROR, SOA_ANSWER, OPT],
    never: [/OPT=100/],
  },
  {
    name: '§8.2: EDNS flags',
    arguments: '+nocookie +edns=0 +noad +norec +ednsflags=0x40 soa',
    shows: [NOERROR, SOA_ANSWER, OPT],
    never: [/MBZ/],
  },
  {
    name: '§8.2: EDNS version and flags',
    arguments: '+nocookie +edns=1 +noednsneg +noad +norec +ednsflags=0x40 soa',
    shows: [/status: BADVERS/, OPT],
    never: [SOA_ANSWER, /MBZ/],
  },
  {
    name: '§8.2: EDNS version and options',
    arguments: '+nocookie +edns=1 +noednsneg +noad +norec +ednsopt=100 soa',
    shows: [/status: BADVERS/, OPT],
    never: [SOA_ANSWER, /OPT=100/],
  },
  {
    name: '§8.2: EDNS flags and options',
    arguments: '+nocookie +edns=0 +noad +norec +ednsflags=0x40 +ednsopt=100 soa',
    shows: [NOERROR, SOA_ANSWER, OPT],
    never: [/MBZ/, /OPT=100/],
  },
  {
    name: '§8.2: a response that is cut at 512 octets',
    arguments: '+nocookie +edns=0 +noad +norec +dnssec +bufsize=512 dnskey',
    shows: [
      NOERROR,
      OPT,
      /flags:[^;]* tc/,
      /MSG SIZE {2}rcvd: (?:\d{2}|[1-4]\d{2}|50\d|51[012])$/m,
    ],
  },
  {
    name: '§8.2: EDNS over TCP',
    arguments: '+nocookie +edns=0 +noad +norec +tcp soa',
    shows: [NOERROR, SOA_ANSWER, OPT],
  },
  {
    name: '§8.2: DO=1',
    arguments: '+nocookie +edns=0 +noad +norec +dnssec soa',
    shows: [NOERROR, SOA_ANSWER, /flags: do/],
  },
  {
    name: '§8.2: DO=1 and an EDNS version',
    arguments: '+nocookie +edns=1 +noednsneg +noad +norec +dnssec soa',
    shows: [/status: BADVERS/, OPT],
    never: [SOA_ANSWER],
  },
  {
    name: '§8.2: several defined options',
    arguments: '+edns=0 +noad +norec +cookie +nsid +expire +subnet=0.0.0.0/0 soa',
    shows: [NOERROR, SOA_ANSWER, OPT],
    never: [/CLIENT-SUBNET/],
  },
];

test('RFC 8906 §8: the twenty checks with dig', async (t) => {
  if (!isOnPath('dig')) {
    const { SIDESTUB_E2E: mode } = process.env;
    if (mode === 'required') t.fail('not installed: dig');
    else t.pass('needs dig', { skip: 'not installed: dig' });
    return;
  }
  const world = await startWorld(t);
  const keys = Array.from({ length: 8 }, (_, i) =>
    record(`${ZONE}.`, RrType.DNSKEY, new Uint8Array(260).fill(i)),
  );
  const answers = new Map<number, readonly Rr[]>([
    [RrType.SOA, [soa(`${ZONE}.`)]],
    [RrType.DNSKEY, keys],
  ]);
  world.upstream.script = (asked) => {
    const answer = answers.get(asked.qtype);
    asked.answer(message(answer === undefined ? { authority: [soa(`${ZONE}.`)] } : { answer }));
  };
  const { address, port } = world.dns;
  let passed = 0;
  for (const { name, arguments: words, shows, never = [] } of CHECKS) {
    const common = ['+tries=1', '+time=3', '+ignore', `@${address}`, '-p', String(port)];
    const question = words.includes('+header-only') ? [] : [ZONE];
    const { stdout } = await run('dig', [
      ...common,
      ...words.split(' ').slice(0, -1),
      ...question,
      ...words.split(' ').slice(-1),
    ]);
    const wrong = [
      ...shows.filter((wanted) => !wanted.test(stdout)).map((wanted) => `without ${wanted}`),
      ...[...never, AD_CLEAR, NO_COOKIE]
        .filter((no) => no.test(stdout.replace(/^; <<>>.*$/gm, '').replace(/^;; global.*$/gm, '')))
        .map((no) => `with ${no}`),
    ];
    t.same(wrong, [], `${name}\n${wrong.length > 0 ? stdout : ''}`);
    if (wrong.length === 0) passed++;
  }
  t.equal(passed, 20, `${passed} of 20`);
});
