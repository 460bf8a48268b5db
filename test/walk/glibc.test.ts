import { test } from 'tap';
import { glibc } from '../../src/walk/glibc.ts';
import { RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { a, cname, message, nodata, nxdomain } from '../support/messages.ts';
import {
  base,
  both,
  FACTS,
  FOUND,
  FOUND6,
  NAMESERVER,
  ROUND_TRIP,
  type Script,
  SECOND_NAMESERVER,
  type Sent,
  scripted,
} from './scripted-sockets.ts';

const NAME = 'git.example.com';
const ABSOLUTE = 'git.example.com.';

function setup(script: Script, facts = FACTS) {
  const { walk, ...rest } = scripted(glibc, script, facts);
  return { ...rest, walk: (name = NAME) => walk(name) };
}

test('a cold walk is five names, a pair each from one socket at once (G1, G5)', async (t) => {
  const { transport, walk, clock } = setup(base(both));
  const { outcome, addresses, steps, elapsed } = await walk();
  t.equal(outcome, 'found');
  t.strictSame(addresses, ['198.51.100.7', '2001:db8::7']);
  t.equal(elapsed, 5 * ROUND_TRIP);
  t.strictSame(
    steps.map(({ queries }) => queries),
    [2, 2, 2, 2, 2],
  );
  t.equal(transport.sent[0]?.socket, transport.sent[1]?.socket);
  t.notOk(transport.sent[0]?.request.edns, 'no EDNS unless asked for');
  t.equal(transport.open, 0, 'no socket stays open');
  t.equal(clock.timers, 0);
});

test('dots >= ndots: as it is first, then the list (G5)', async (t) => {
  const { transport, walk } = setup(() => nxdomain('.'), { ...FACTS, ndots: 2 });
  const { outcome, steps } = await walk();
  t.equal(outcome, 'not-found');
  t.strictSame(
    steps.map(({ suffix }) => suffix),
    [undefined, ...FACTS.search],
  );
  t.equal(transport.sent.length, 10);
});

test('NXDOMAIN of AAAA does not hide the address (table of clients)', async (t) => {
  const { walk } = setup(base(({ qtype }) => (qtype === RrType.A ? FOUND : nxdomain('com.'))));
  t.match(await walk(), { outcome: 'found', addresses: ['198.51.100.7'] });
});

test('NXDOMAIN, NODATA and SERVFAIL all go on to the next suffix (G5)', async (t) => {
  const words: Record<string, Message> = {
    'git.example.com.job.svc.cluster.local.': nodata('cluster.local.'),
    'git.example.com.svc.cluster.local.': message({ rcode: 2 }),
    'git.example.com.corp.example.': nodata('corp.example.'),
  };
  const { walk } = setup((sent) =>
    sent.qname === ABSOLUTE ? both(sent) : (words[sent.qname] ?? nxdomain('cluster.local.')),
  );
  const { outcome, steps } = await walk();
  t.equal(outcome, 'found');
  t.strictSame(
    steps.map(({ meaning }) => meaning),
    ['no-data', 'failure', 'no-such-name', 'no-data', 'addresses'],
  );
});

test('a suffix that fails makes the whole a failure, unless another had NODATA (G5)', async (t) => {
  const failing = 'git.example.com.corp.example.';
  const script = (first: Message) => (sent: Sent) => {
    if (sent.qname === failing) return message({ rcode: 2 });
    return sent.qname.includes('.job.') ? first : nxdomain('.');
  };
  t.equal((await setup(script(nxdomain('.'))).walk()).outcome, 'try-again');
  t.equal((await setup(script(nodata('cluster.local.'))).walk()).outcome, 'not-found');
});

test('a timeout ends the list, and the name as it is has its turn all the same (G5)', async (t) => {
  const { walk } = setup((sent) => (sent.qname === ABSOLUTE ? both(sent) : 'silence'));
  const { outcome, steps, elapsed } = await walk();
  t.equal(outcome, 'found');
  t.strictSame(
    steps.map(({ suffix }) => suffix),
    ['job.svc.cluster.local.', undefined],
  );
  t.equal(elapsed, 10_000 + ROUND_TRIP, 'two tries of 5 s (G1)');
});

test('a lost answer costs 5 s once; from then on the thread asks one after the other (G1)', async (t) => {
  const { transport, walk } = setup((sent) =>
    sent.qtype === RrType.AAAA && sent.nth === 1 && sent.at === 0 ? 'silence' : both(sent),
  );
  const first = await walk(ABSOLUTE);
  t.equal(first.outcome, 'found');
  t.equal(first.elapsed, 5_000 + 2 * ROUND_TRIP);
  t.strictSame(transport.asked.slice(2), [
    `5000 A ${ABSOLUTE}`,
    `${5_000 + ROUND_TRIP} AAAA ${ABSOLUTE}`,
  ]);
  const second = await walk(ABSOLUTE);
  t.equal(second.elapsed, 2 * ROUND_TRIP, 'the mode stays');
});

test('AAAA that never comes: parallel, single, single on a new socket, then A alone (G1)', async (t) => {
  const { transport, walk } = setup(({ qtype }) => (qtype === RrType.A ? FOUND : 'silence'));
  const { outcome, addresses, elapsed } = await walk(ABSOLUTE);
  t.equal(outcome, 'found');
  t.strictSame(addresses, ['198.51.100.7']);
  t.equal(elapsed, 15_000);
  t.strictSame(
    transport.sent.map(({ socket }) => socket),
    [1, 1, 1, 1, 2, 3],
  );
});

test('an answer with another question is not taken, though its ID is right (G2)', async (t) => {
  const decoy = message({ answer: [a(NAME, '203.0.113.66')] });
  const question = { qname: 'other.example.', qtype: 1, qclass: 1 };
  const { walk } = setup((sent) => [{ message: decoy, options: { question } }, both(sent)]);
  t.strictSame((await walk(ABSOLUTE)).addresses, ['198.51.100.7', '2001:db8::7']);
});

test('SERVFAIL, NOTIMP and REFUSED send the pair to the next nameserver (G2)', async (t) => {
  const facts = { ...FACTS, nameservers: [NAMESERVER, SECOND_NAMESERVER] };
  for (const rcode of [2, 4, 5]) {
    const { transport, walk } = setup(
      (sent) => (sent.to === NAMESERVER.address ? message({ rcode }) : both(sent)),
      facts,
    );
    t.equal((await walk(ABSOLUTE)).outcome, 'found');
    t.strictSame(
      transport.sent.map(({ to }) => to),
      [NAMESERVER, NAMESERVER, SECOND_NAMESERVER, SECOND_NAMESERVER].map((n) => n.address),
    );
  }
});

test("a family that fails leaves the other's answer (G2)", async (t) => {
  const { walk } = setup(({ qtype }) => (qtype === RrType.A ? message({ rcode: 2 }) : FOUND6));
  t.match(await walk(ABSOLUTE), {
    outcome: 'found',
    addresses: ['2001:db8::7'],
    elapsed: ROUND_TRIP,
  });
});

test('an empty NOERROR without RA is a lame server (G3)', async (t) => {
  const lame = { message: message(), options: { ra: false } };
  const { transport, walk } = setup(() => lame);
  t.equal((await walk(ABSOLUTE)).outcome, 'try-again');
  t.equal(transport.sent.length, 4, 'asked in both rounds');
  t.equal((await setup(() => message()).walk(ABSOLUTE)).outcome, 'not-found', 'RA makes it NODATA');
});

test('nobody at the port ends the search at once', async (t) => {
  const { transport, walk } = setup(() => 'closed');
  const { outcome, steps } = await walk();
  t.equal(outcome, 'try-again');
  t.equal(steps.length, 1);
  t.equal(transport.open, 0);
});

test('TC: the pair is asked again over one connection, both at once (G4)', async (t) => {
  const { transport, walk } = setup((sent) =>
    sent.transport === 'tcp' ? both(sent) : { message: message(), options: { tc: true } },
  );
  const { addresses } = await walk(ABSOLUTE);
  t.strictSame(addresses, ['198.51.100.7', '2001:db8::7']);
  const streams = transport.sent.filter((sent) => sent.transport === 'tcp');
  t.equal(streams.length, 2);
  t.equal(streams[0]?.socket, streams[1]?.socket);
  t.equal(streams[0]?.at, streams[1]?.at);
});

test('a server that closes after the first answer fails the lookup (G4)', async (t) => {
  const { walk } = setup((sent) => {
    if (sent.transport === 'udp') return { message: message(), options: { tc: true } };
    return sent.qtype === RrType.A ? [FOUND, 'closed'] : 'silence';
  });
  t.equal((await walk(ABSOLUTE)).outcome, 'try-again');
});

test('an address belongs to the QNAME or to the end of its chain; a foreign one is dropped (G6)', async (t) => {
  const chain = message({
    answer: [
      cname(NAME, 'edge.example.net'),
      a('edge.example.net', '198.51.100.8'),
      a('foreign.example', '203.0.113.66'),
    ],
  });
  const { walk } = setup(({ qtype }) => (qtype === RrType.A ? chain : nodata('com.')));
  t.strictSame((await walk(ABSOLUTE)).addresses, ['198.51.100.8']);
});

test('an answer of nothing but a CNAME ends the search without an address (G5)', async (t) => {
  const { walk } = setup(() => message({ answer: [cname(NAME, 'edge.example.net')] }));
  const { outcome, steps } = await walk();
  t.equal(outcome, 'not-found');
  t.equal(steps.length, 1);
});
