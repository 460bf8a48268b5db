import { test } from 'tap';
import { type MuslVersion, musl } from '../../src/walk/musl.ts';
import { RrType } from '../../src/wire/codes.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message, nodata, nxdomain } from '../support/messages.ts';
import {
  base,
  both,
  FACTS,
  FOUND,
  NAMESERVER,
  type Reaction,
  ROUND_TRIP,
  type Script,
  ScriptedSockets,
  SECOND_NAMESERVER,
  type Sent,
  scripted,
} from './scripted-sockets.ts';

const NAME = 'git.example.com';

function setup(script: Script, version: MuslVersion = '1.2.3', facts = FACTS) {
  const { walk, ...rest } = scripted((options) => musl(options, version), script, facts);
  return { ...rest, walk: (name = NAME) => walk(name) };
}

test('a cold walk is five names, a pair each, one round trip after the other (M2, M3)', async (t) => {
  const { transport, walk, clock } = setup(base(both));
  const { outcome, addresses, steps, elapsed } = await walk();
  t.equal(outcome, 'found');
  t.strictSame(addresses, ['198.51.100.7', '2001:db8::7']);
  t.equal(elapsed, 5 * ROUND_TRIP);
  t.equal(transport.sent.length, 10);
  t.strictSame(
    steps.map(({ suffix, started, ended, queries }) => [suffix, started, ended, queries]),
    [
      ['job.svc.cluster.local.', 0, 20, 2],
      ['svc.cluster.local.', 20, 40, 2],
      ['cluster.local.', 40, 60, 2],
      ['corp.example.', 60, 80, 2],
      [undefined, 80, 100, 2],
    ],
  );
  t.equal(transport.open, 0, 'no socket stays open');
  t.equal(clock.timers, 0);
});

test('a pair leaves one socket at once, with different IDs and no EDNS (M3)', async (t) => {
  const { transport, walk } = setup(both);
  await walk('git.example.com.');
  const [first, second] = transport.sent;
  t.equal(transport.sent.length, 2, 'a dot at the end: no search (M2)');
  t.equal(first?.socket, second?.socket);
  t.equal(first?.at, second?.at);
  t.not(first?.request.header.id, second?.request.header.id);
  t.notOk(first?.request.edns);
});

test('dots >= ndots: no search at all, even when the name is denied (M2)', async (t) => {
  const facts = { ...FACTS, ndots: 2 };
  const { transport, walk } = setup(() => nxdomain('.'), '1.2.3', facts);
  const { outcome } = await walk();
  t.equal(outcome, 'not-found');
  t.strictSame(transport.asked, ['0 A git.example.com.', '0 AAAA git.example.com.']);
});

test('NXDOMAIN for AAAA denies the name since 1.2.1; before, the address is used (M5)', async (t) => {
  const denied = base(({ qtype }) => (qtype === RrType.A ? FOUND : nxdomain('com.')));
  for (const version of ['1.2.3', '1.2.5'] as const) {
    const { outcome, steps } = await setup(denied, version).walk();
    t.equal(outcome, 'not-found', version);
    t.match(steps.at(-1), { rcodeA: 0, rcodeAAAA: 3, meaning: 'no-such-name' });
  }
  const old = await setup(denied, '1.2.0').walk();
  t.match(old, { outcome: 'found', addresses: ['198.51.100.7'] });
});

test('NODATA and SERVFAIL end the search, only NXDOMAIN goes on (M6)', async (t) => {
  const empty = await setup(() => nodata('corp.example.')).walk();
  t.equal(empty.outcome, 'not-found');
  t.equal(empty.steps.length, 1);
  const failing = await setup(() => message({ rcode: 2 })).walk();
  t.equal(failing.outcome, 'try-again');
  t.equal(failing.steps.length, 1);
});

test('SERVFAIL is asked again at once, twice for each question and round (M4)', async (t) => {
  const { transport, walk } = setup(() => message({ rcode: 2 }));
  const { elapsed } = await walk();
  t.equal(elapsed, 5_000);
  t.equal(transport.sent.length, 2 * (2 + 4));
  t.ok(transport.sent.every(({ at }) => at % 2_500 <= 3 * ROUND_TRIP));
});

test('REFUSED, FORMERR and NOTIMP are ignored until the time is over (M4)', async (t) => {
  for (const rcode of [1, 4, 5]) {
    const { outcome, elapsed } = await setup(() => message({ rcode })).walk();
    t.equal(outcome, 'try-again');
    t.equal(elapsed, 5_000);
  }
});

test('a lost answer is asked for again at 2.5 s, alone (M1)', async (t) => {
  const { transport, walk } = setup((sent) =>
    sent.qtype === RrType.AAAA && sent.nth === 1 ? 'silence' : both(sent),
  );
  const { outcome, elapsed } = await walk('git.example.com.');
  t.equal(outcome, 'found');
  t.equal(elapsed, 2_500 + ROUND_TRIP);
  t.strictSame(transport.asked.slice(2), ['2500 AAAA git.example.com.']);
});

test('silence is over at 5 s, in the middle of the search (M1, M6)', async (t) => {
  const { transport, walk } = setup(() => 'silence');
  const { outcome, elapsed, steps } = await walk();
  t.equal(outcome, 'try-again');
  t.equal(elapsed, 5_000);
  t.equal(steps.length, 1);
  t.equal(transport.sent.length, 4);
});

test('AAAA that never comes fails the lookup since 1.2.1; before, the address is used late (M5)', async (t) => {
  const half = base((sent) => (sent.qtype === RrType.A ? FOUND : 'silence'));
  const { outcome, elapsed } = await setup(half).walk();
  t.equal(outcome, 'try-again');
  t.equal(elapsed, 4 * ROUND_TRIP + 5_000);
  t.equal((await setup(half, '1.2.0').walk()).outcome, 'found');
});

test('a reply is believed by its ID and address alone; owners are not looked at (M3)', async (t) => {
  const foreign = message({ answer: [a('other.example', '198.51.100.9')] });
  const question = { qname: 'other.example.', qtype: 16, qclass: 1 };
  const { walk } = setup(({ qtype }) =>
    qtype === RrType.A ? { message: foreign, options: { question } } : nodata('com.'),
  );
  t.match(await walk('git.example.com.'), { outcome: 'found', addresses: ['198.51.100.9'] });
});

test('a wrong ID and a stranger are passed over (M3)', async (t) => {
  const decoy = message({ answer: [a('git.example.com', '203.0.113.66')] });
  const { walk } = setup((sent) => [
    { message: decoy, options: { id: (sent.request.header.id + 2) & 0xffff } },
    { message: decoy, options: {}, from: { address: '203.0.113.1', port: 53 } },
    both(sent),
  ]);
  const { addresses } = await walk('git.example.com.');
  t.strictSame(addresses, ['198.51.100.7', '2001:db8::7']);
});

test('all nameservers are asked at once and the first word wins, were it a denial (M1)', async (t) => {
  const facts = { ...FACTS, nameservers: [NAMESERVER, SECOND_NAMESERVER] };
  const { transport, walk } = setup(
    (sent) => (sent.to === NAMESERVER.address ? 'silence' : nxdomain('.')),
    '1.2.3',
    facts,
  );
  t.equal((await walk('git.example.com.')).outcome, 'not-found');
  t.strictSame(
    transport.sent.map(({ at, to }) => [at, to]),
    [NAMESERVER, SECOND_NAMESERVER, NAMESERVER, SECOND_NAMESERVER].map((n) => [0, n.address]),
  );
});

test('TC: what fits is used before 1.2.4, a connection for each question after (M7)', async (t) => {
  const cut = message({ answer: [a('git.example.com', '198.51.100.1')] });
  const script = (sent: Sent): Reaction =>
    sent.transport === 'tcp' ? both(sent) : { message: cut, options: { tc: true } };
  const old = setup(script, '1.2.3');
  t.strictSame((await old.walk('git.example.com.')).addresses, ['198.51.100.1']);
  const recent = setup(script, '1.2.5');
  const { addresses, steps } = await recent.walk('git.example.com.');
  t.strictSame(addresses, ['198.51.100.7', '2001:db8::7']);
  t.equal(steps[0]?.queries, 4);
  const streams = recent.transport.sent.filter(({ transport }) => transport === 'tcp');
  t.equal(new Set(streams.map(({ socket }) => socket)).size, 2);
  t.equal(recent.transport.open, 0);
});

test('`search .` breaks every lookup before 1.2.4 (M7)', async (t) => {
  const facts = { ...FACTS, search: ['.'] };
  const old = setup(both, '1.2.3', facts);
  t.equal((await old.walk()).outcome, 'not-found');
  t.equal(old.transport.sent.length, 0);
  t.equal((await setup(both, '1.2.5', facts).walk()).outcome, 'found');
  t.equal((await setup(both, '1.2.3', facts).walk('git.example.com.')).outcome, 'found');
});

test('a walk that is given up rejects with the reason and closes its sockets', async (t) => {
  const clock = new HandClock();
  const transport = new ScriptedSockets(clock, () => 'silence');
  const giveUp = new AbortController();
  const walk = musl({ facts: FACTS, clock, transport }, '1.2.3').walk(NAME, giveUp.signal);
  await clock.advance(1_000);
  giveUp.abort(new Error('long enough'));
  await t.rejects(walk, { message: 'long enough' });
  t.equal(transport.open, 0);
  t.equal(clock.timers, 0);
});
