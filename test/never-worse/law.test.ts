import fc from 'fast-check';
import { test } from 'tap';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { uint16 } from '../../src/wire/header.ts';
import { readResponse } from '../../src/wire/message.ts';
import { queryOctets } from '../support/messages.ts';
import { CASES } from './cases.ts';
import { type Draw, draws, type Faults, SOUND, SOUND_DRAW, simpler } from './draw.ts';
import { type Result, violations } from './law.ts';
import { replyTo } from './reply-octets.ts';

const found = (ms: number, ...addresses: string[]): Result => ({
  outcome: 'found',
  addresses,
  ms,
  error: '',
});
const failed = (outcome: 'not found' | 'try again', ms = 100): Result => ({
  outcome,
  addresses: [],
  ms,
  error: outcome,
});
const draw = (more: Partial<Draw> = {}): Draw => ({ ...SOUND_DRAW, ...more });
const judge = (direct: Result, through: Result, drawn = draw()) =>
  violations(drawn, [{ client: 'musl', direct, through }]).length;

test('what is found directly within 4 s is found through sidestub at most 350 ms later', (t) => {
  t.equal(judge(found(10, 'a', 'b'), found(360, 'b', 'a')), 0);
  t.equal(judge(found(10, 'a'), found(361, 'a')), 1);
  t.equal(judge(found(10, 'a', 'b'), found(10, 'a')), 1, 'every address');
  t.equal(judge(found(10, 'a'), failed('try again')), 1);
  t.equal(judge(found(4_001, 'a'), failed('try again')), 0);
  t.equal(judge(failed('not found'), found(10, 'a')), 0, 'better is allowed');
  t.end();
});

test('a denial is a denial directly, and a temporary failure never becomes one', (t) => {
  t.equal(judge(failed('try again'), failed('not found')), 1);
  t.equal(judge(found(4_500, 'a'), failed('not found')), 1);
  t.equal(judge(failed('not found'), failed('not found')), 0);
  t.equal(judge(failed('not found'), failed('try again')), 0);
  t.equal(judge(failed('try again'), failed('not found'), draw({ name: 'missing' })), 0);
  t.end();
});

test('a client makes a denial of SERVFAIL itself only where it finds nothing directly within 4 s', (t) => {
  const judgeBy = (client: string, direct: Result, drawn: Draw) =>
    violations(drawn, [{ client, direct, through: failed('not found') }]).length;
  const walk = draw({ name: 'service', list: 'Kubernetes' });
  t.equal(judgeBy('Go', failed('try again'), draw()), 0, 'Go asks the list after the name');
  t.ok(judgeBy('Go', found(4_000, 'a'), draw()) > 0);
  for (const client of ['glibc', 'Go']) {
    t.equal(judgeBy(client, failed('try again'), walk), 0, client);
    t.equal(judgeBy(client, found(4_001, 'a'), walk), 0, client);
    t.ok(judgeBy(client, found(4_000, 'a'), walk) > 0, client);
  }
  t.equal(judgeBy('glibc', failed('try again'), draw()), 1);
  t.equal(judgeBy('glibc', failed('try again'), draw({ name: 'v4' })), 0);
  t.equal(judgeBy('musl', failed('try again'), walk), 1);
  const notImp = { rcode: 'NOTIMP', family: 'A', names: 'expansions' } as const;
  const made = draw({ name: 'made service', servers: [{ ...SOUND, says: notImp }] });
  t.equal(judgeBy('glibc', found(10, 'a'), made), 0, 'a failure before it was made, remembered');
  t.ok(judgeBy('musl', found(10, 'a'), made) > 0);
  const says = { rcode: 'NXDOMAIN', family: 'A', names: 'all' } as const;
  const denied = (name: Draw['name']) => draw({ name, servers: [{ ...SOUND, says }] });
  t.equal(judgeBy('musl', failed('try again'), denied('v4')), 0, 'its only family is denied');
  t.equal(judgeBy('musl', failed('try again'), denied('both')), 1);
  t.end();
});

test('the exceptions have bounds of their own', (t) => {
  const mute = { from: 0, to: 4_000, transport: 'both', family: 'A' } as const;
  const oneFamily = draw({ servers: [{ ...SOUND, mute }] });
  t.equal(judge(found(10, 'a'), found(1_060, 'a'), oneFamily), 0);
  t.equal(judge(found(10, 'a'), found(1_061, 'a'), oneFamily), 1);
  t.equal(judge(found(10, '::1', '1.1.1.1'), found(10, '::1'), oneFamily), 0, 'the other one');
  t.equal(judge(found(10, '::1', '1.1.1.1'), found(10, '1.1.1.1'), oneFamily), 1);
  const refused = { from: 0, to: 2_000, family: 'A' } as const;
  const onlyA = draw({ routes: 'IPv4', servers: [{ ...SOUND, refused }] });
  t.equal(judge(found(10, '::1'), found(3_160, '::1'), onlyA), 0, 'it is tried for so long');
  t.equal(judge(found(10, '::1'), found(3_161, '::1'), onlyA), 1);
  const walked = draw({ list: 'Kubernetes', servers: [{ ...SOUND, refused }] });
  t.equal(judge(found(10, '::1'), found(3_160, '::1'), walked), 0, 'each step waits for it');
  t.equal(judge(found(10, '::1'), found(3_161, '::1'), walked), 1);
  const says = { rcode: 'SERVFAIL', family: 'both', names: 'expansions' } as const;
  const failedBefore = (name: Draw['name']) => draw({ name, servers: [{ ...SOUND, says }] });
  t.equal(judge(found(10, 'a'), failed('try again'), failedBefore('made')), 0, 'RFC 9520');
  t.equal(judge(found(10, 'a'), failed('try again'), failedBefore('both')), 1);
  const plainOnly = draw({ servers: [{ ...SOUND, edns: 'dropped' }, SOUND] });
  t.equal(judge(found(10, 'a'), found(1_460, 'a'), plainOnly), 0, 'silent to an OPT');
  t.equal(judge(found(10, 'a'), found(1_461, 'a'), plainOnly), 1);
  const denies = { rcode: 'NXDOMAIN', family: 'both', names: 'existing' } as const;
  const firstDenies = draw({ servers: [{ ...SOUND, says: denies }, SOUND] });
  t.equal(judge(found(10, 'a'), failed('not found'), firstDenies), 0, 'the first is believed');
  t.equal(judge(found(10, 'a'), failed('try again'), firstDenies), 1);
  const silent = { ...mute, family: 'both' } as const;
  const firstSilent = draw({ servers: [{ ...SOUND, mute: silent }, SOUND] });
  t.equal(judge(found(10, 'a'), found(1_460, 'a'), firstSilent), 0);
  t.equal(judge(found(10, 'a'), found(1_461, 'a'), firstSilent), 1);
  const fails = { rcode: 'SERVFAIL', family: 'AAAA', names: 'all' } as const;
  const oneFailed = draw({
    servers: [
      { ...SOUND, says: fails },
      { ...SOUND, mute: silent },
    ],
  });
  t.equal(judge(found(10, '1.1.1.1'), found(1_060, '1.1.1.1'), oneFailed), 0, 'F5');
  t.equal(judge(found(10, '1.1.1.1'), found(1_061, '1.1.1.1'), oneFailed), 1);
  t.equal(judge(found(10, '::1', '1.1.1.1'), found(10, '1.1.1.1'), oneFailed), 0);
  t.equal(judge(found(10, '::1', '1.1.1.1'), found(10, '::1'), oneFailed), 1);
  const noTcp = (name: Draw['name']) =>
    draw({ name, servers: [{ ...SOUND, tcp: 'silent' }, SOUND] });
  t.equal(judge(found(10, 'a'), found(1_460, 'a'), noTcp('many')), 0, 'a long answer');
  t.equal(judge(found(10, 'a'), found(1_461, 'a'), noTcp('many')), 1);
  t.equal(judge(found(10, 'a'), found(361, 'a'), noTcp('both')), 1);
  const useless = draw({
    servers: [{ ...SOUND, tcp: 'refused', away: { from: 0, to: 9_000 } }, SOUND],
  });
  t.equal(judge(found(10, 'a'), found(1_461, 'a'), useless), 1, 'ICMP may not come');
  const refusing = draw({ servers: [{ ...SOUND, refused: { ...silent, from: 0 } }, SOUND] });
  t.equal(judge(found(10, 'a'), found(361, 'a'), refusing), 1, 'what refuses here is not silent');
  const both = draw({
    servers: [
      { ...SOUND, mute: silent },
      { ...SOUND, mute: silent },
    ],
  });
  t.equal(judge(found(10, 'a'), failed('try again'), both), 0, 'both have bad times');
  t.equal(judge(found(10, 'a'), failed('not found'), both), 1, 'and no denial comes of it');
  for (const faults of [
    { reply: 'cut', cutAt: 92 } as const,
    { reply: 'ANCOUNT too high' } as const,
  ]) {
    const judgeAt = (ms: number, nodeDaemon: boolean, tcp: Faults['tcp']) =>
      judge(
        found(10, '192.0.2.1'),
        found(ms, '192.0.2.1'),
        draw({ nodeDaemon, servers: [{ ...SOUND, ...faults, tcp }] }),
      );
    t.equal(judgeAt(610, true, 'silent'), 0, 'waited for by the daemon, and by the sidecar');
    t.equal(judgeAt(611, true, 'silent'), 1);
    t.equal(judgeAt(610, true, 'refused'), 0);
    t.equal(judgeAt(361, false, 'silent'), 1);
  }
  t.end();
});

test('a damaged reply of a server that drops an OPT has two round trips more', (t) => {
  const faults = { delay: 120, edns: 'dropped', reply: 'ANCOUNT too high' } as const;
  const dropping = (more: Partial<Faults> = {}) =>
    draw({ servers: [{ ...SOUND, ...faults, ...more }] });
  t.equal(judge(found(120, 'a'), found(710, 'a'), dropping()), 0);
  t.equal(judge(found(120, 'a'), found(711, 'a'), dropping()), 1);
  t.equal(judge(found(120, 'a'), found(471, 'a'), dropping({ edns: 'known' })), 1);
  t.equal(judge(found(120, 'a'), found(471, 'a'), dropping({ reply: 'whole' })), 1);
  t.end();
});

test('what the first of two servers denies of one family is not looked for at the second (U1)', (t) => {
  const denies = (rcode: 'NODATA' | 'SERVFAIL', family: 'A' | 'AAAA' | 'both') =>
    ({ ...SOUND, says: { rcode, family, names: 'all' } }) as const;
  const lost = (servers: Draw['servers']) =>
    judge(found(10, '192.0.2.1', '2001:db8::1'), found(10, '192.0.2.1'), draw({ servers }));
  t.equal(lost([denies('NODATA', 'AAAA'), SOUND]), 0);
  t.equal(lost([denies('NODATA', 'both'), SOUND]), 0);
  t.equal(lost([denies('NODATA', 'A'), SOUND]), 1);
  t.equal(lost([denies('SERVFAIL', 'AAAA'), SOUND]), 1);
  t.equal(lost([SOUND, denies('NODATA', 'AAAA')]), 1);
  t.equal(lost([denies('NODATA', 'AAAA')]), 1);
  t.end();
});

test('where the second server is nearer, musl may wait for the first at each step, and no other client', (t) => {
  const [far, near] = [120, 20].map((delay) => ({ ...SOUND, delay }));
  if (far === undefined || near === undefined) throw new Error('two servers');
  const late = (client: string, ms: number, more: Partial<Draw>) =>
    violations(draw({ servers: [far, near], ...more }), [
      { client, direct: found(80, 'a'), through: found(80 + 350 + ms, 'a') },
    ]).length;
  t.equal(late('musl', 400, { list: 'Kubernetes' }), 0);
  t.equal(late('musl (new)', 401, { list: 'Kubernetes' }), 1);
  t.equal(late('musl', 100, {}), 0);
  t.equal(late('musl', 101, {}), 1);
  t.equal(late('glibc', 1, { list: 'Kubernetes' }), 1);
  t.equal(late('musl', 1, { servers: [near, far] }), 1);
  t.equal(late('musl', 1, { servers: [far] }), 1);
  t.end();
});

test('c-ares may end at the SERVFAIL that FORMERR of a step is told in', (t) => {
  const judgeBy = (client: string, more: Partial<NonNullable<Faults['says']>> = {}) => {
    const says = { rcode: 'FORMERR', family: 'A', names: 'expansions', ...more } as const;
    const drawn = draw({ list: 'Kubernetes', servers: [{ ...SOUND, says }] });
    return violations(drawn, [{ client, direct: found(10, 'a'), through: failed('try again') }])
      .length;
  };
  t.equal(judgeBy('c-ares'), 0);
  t.equal(judgeBy('musl'), 1);
  t.equal(judgeBy('c-ares', { rcode: 'REFUSED' }), 1, 'c-ares ends there directly, too');
  t.equal(judgeBy('c-ares', { names: 'existing' }), 1);
  t.end();
});

test('what musl makes of half an address is not looked for', (t) => {
  const cut = draw({ servers: [{ ...SOUND, reply: 'cut', cutAt: 92 }] });
  const [whole, half] = ['192.0.2.1', '2001:db8::fe7f:0'];
  t.equal(judge(found(10, whole, half), found(10, whole), cut), 0);
  t.equal(judge(found(10, whole, half), found(10, whole)), 1, 'where nothing is cut, it is one');
  t.equal(judge(found(10, whole, half), found(10, half), cut), 1);
  t.equal(judge(found(10, half), failed('try again'), cut), 0);
  t.equal(judge(found(10, half), failed('not found'), cut), 1, 'and no denial comes of it');
  t.end();
});

test('addresses that the pod cannot route are promised unless the replies cannot be read (F5)', (t) => {
  const [ipv6, lost] = [found(20, '2001:db8::1'), failed('try again')];
  const servers = [{ ...SOUND, reply: 'ARCOUNT too high' as const }];
  t.equal(judge(ipv6, lost, draw({ routes: 'IPv4', servers })), 0);
  t.equal(judge(ipv6, lost, draw({ routes: 'IPv4' })), 1);
  t.equal(judge(ipv6, lost, draw({ servers })), 1);
  const both = found(20, '192.0.2.1', '2001:db8::1');
  t.equal(judge(both, lost, draw({ routes: 'IPv4', servers })), 1);
  t.equal(judge(ipv6, failed('not found'), draw({ routes: 'IPv4', servers })), 1, 'a denial');
  t.end();
});

test('shrinking takes one thing away at a time, and ends', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(draws, (drawn) => {
        let current = drawn;
        for (let steps = 0; ; steps++) {
          const [next] = simpler(current);
          if (next === undefined) return;
          if (steps > 40) throw new Error('no end');
          current = next;
        }
      }),
    ),
  );
  t.end();
});

test('a draw is a plain value: it can be printed and run again', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(draws, (drawn) => {
        t.same(JSON.parse(JSON.stringify(drawn)), drawn);
      }),
      { numRuns: 20 },
    ),
  );
  t.equal(new Set(CASES.map(({ name }) => name)).size, CASES.length);
  t.end();
});

const query = (edns = true) =>
  queryOctets('x.both.example.com.', RrType.A, edns ? { edns: { dnssecOk: false } } : {});
const replied = (faults: Partial<Faults>, edns = true) =>
  replyTo(query(edns), false, { ...SOUND, ...faults });

test('each fault of content does what it says', (t) => {
  const sound = replied({});
  t.equal(sound === 'nothing' ? 0 : readResponse(sound).message.answer.length, 2);
  t.equal(replied({ edns: 'dropped over UDP' }), 'nothing');
  t.not(replied({ edns: 'dropped over UDP' }, false), 'nothing');
  const formerr = replied({ edns: 'FORMERR' });
  t.equal(formerr === 'nothing' ? 0 : readResponse(formerr).message.rcode, Rcode.FORMERR);
  const broken: Partial<Faults>[] = [
    { edns: 'appended to the query' },
    { reply: 'ARCOUNT copied from the query' },
    { reply: 'ARCOUNT too high' },
    { reply: 'ANCOUNT too high' },
    { reply: 'cut', cutAt: 70 },
  ];
  for (const faults of broken) {
    const reply = replied(faults);
    t.throws(() => readResponse(reply as Uint8Array), JSON.stringify(faults));
  }
  const low = replied({ reply: 'ANCOUNT too low' }) as Uint8Array;
  t.equal(uint16(low, 6), 1);
  t.end();
});
