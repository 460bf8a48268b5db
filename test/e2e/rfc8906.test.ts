// RFC 8906 §8: the twenty checks, asked by the dig that the RFC writes them for.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { test } from 'tap';
import { RrType } from '../../src/wire/codes.ts';
import { startWorld } from '../hostile/hostile-daemon.ts';
import { isOnPath } from '../support/lab-requirements.ts';
import { message, soa } from '../support/messages.ts';

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
    name: '§8.1.1 is the server configured for the zone',
    arguments: '+noedns +noad +norec soa',
    shows: [NOERROR, SOA_ANSWER],
    never: [OPT],
  },
  {
    name: '§8.1.2 unknown types',
    arguments: '+noedns +noad +norec type1000',
    shows: [NOERROR],
    never: [OPT],
  },
  {
    name: '§8.1.3.1 CD=1',
    arguments: '+noedns +noad +norec +cd soa',
    shows: [NOERROR, SOA_ANSWER],
    never: [OPT],
  },
  {
    name: '§8.1.3.2 AD=1',
    arguments: '+noedns +norec +ad soa',
    shows: [NOERROR, SOA_ANSWER],
    never: [OPT],
  },
  {
    name: '§8.1.3.3 reserved bit',
    arguments: '+noedns +noad +norec +zflag soa',
    shows: [NOERROR, SOA_ANSWER],
    never: [/MBZ/, OPT],
  },
  {
    name: '§8.1.3.4 recursive queries',
    arguments: '+noedns +noad +rec soa',
    shows: [NOERROR, SOA_ANSWER, /flags:[^;]* rd/],
    never: [OPT],
  },
  {
    name: '§8.1.4 unknown opcodes',
    arguments: '+noedns +noad +opcode=15 +norec +header-only',
    shows: [/status: NOTIMP/, /opcode: RESERVED15/],
    never: [SOA_ANSWER, OPT],
  },
  {
    name: '§8.1.5 TCP',
    arguments: '+noedns +noad +norec +tcp soa',
    shows: [NOERROR, SOA_ANSWER],
    never: [OPT],
  },
  {
    name: '§8.2.1 minimal EDNS',
    arguments: '+nocookie +edns=0 +noad +norec soa',
    shows: [NOERROR, SOA_ANSWER, OPT],
  },
  {
    name: '§8.2.2 EDNS version',
    arguments: '+nocookie +edns=1 +noednsneg +noad +norec soa',
    shows: [/status: BADVERS/, OPT],
    never: [SOA_ANSWER],
  },
  {
    name: '§8.2.3 unknown EDNS options',
    arguments: '+nocookie +edns=0 +noad +norec +ednsopt=100 soa',
    shows: [NOERROR, SOA_ANSWER, OPT],
    never: [/OPT=100/],
  },
  {
    name: '§8.2.4 EDNS flags',
    arguments: '+nocookie +edns=0 +noad +norec +ednsflags=0x40 soa',
    shows: [NOERROR, SOA_ANSWER, OPT],
    never: [/MBZ/],
  },
  {
    name: '§8.2.5 EDNS version and flags',
    arguments: '+nocookie +edns=1 +noednsneg +noad +norec +ednsflags=0x40 soa',
    shows: [/status: BADVERS/, OPT],
    never: [SOA_ANSWER, /MBZ/],
  },
  {
    name: '§8.2.6 EDNS version and options',
    arguments: '+nocookie +edns=1 +noednsneg +noad +norec +ednsopt=100 soa',
    shows: [/status: BADVERS/, OPT],
    never: [SOA_ANSWER, /OPT=100/],
  },
  {
    name: '§8.2.7 EDNS flags and options',
    arguments: '+nocookie +edns=0 +noad +norec +ednsflags=0x40 +ednsopt=100 soa',
    shows: [NOERROR, SOA_ANSWER, OPT],
    never: [/MBZ/, /OPT=100/],
  },
  {
    name: '§8.2.8 EDNS version, flags and options',
    arguments: '+nocookie +edns=1 +noednsneg +noad +norec +ednsflags=0x40 +ednsopt=100 soa',
    shows: [/status: BADVERS/, OPT],
    never: [SOA_ANSWER, /MBZ/, /OPT=100/],
  },
  {
    name: '§8.2.9 EDNS over TCP',
    arguments: '+nocookie +edns=0 +noad +norec +tcp soa',
    shows: [NOERROR, SOA_ANSWER, OPT],
  },
  {
    name: '§8.3.1 DO=1',
    arguments: '+nocookie +edns=0 +noad +norec +dnssec soa',
    shows: [NOERROR, SOA_ANSWER, /flags: do/],
  },
  {
    name: '§8.3.2 DO=1 and an EDNS version',
    arguments: '+nocookie +edns=1 +noednsneg +noad +norec +dnssec soa',
    shows: [/status: BADVERS/, OPT],
    never: [SOA_ANSWER],
  },
  {
    name: '§8.4 several defined options',
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
  world.upstream.script = (asked) =>
    asked.answer(
      asked.qtype === RrType.SOA
        ? message({ answer: [soa(`${ZONE}.`)] })
        : message({ authority: [soa(`${ZONE}.`)] }),
    );
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
