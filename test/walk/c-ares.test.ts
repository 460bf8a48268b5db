import { test } from 'tap';
import { cares } from '../../src/walk/c-ares.ts';
import { RrType } from '../../src/wire/codes.ts';
import { message, nodata, nxdomain } from '../support/messages.ts';
import {
  both,
  FACTS,
  FOUND,
  NAMESERVER,
  type Reaction,
  ROUND_TRIP,
  type Script,
  SECOND_NAMESERVER,
  scripted,
} from './scripted-sockets.ts';

const ABSOLUTE = 'git.example.com.';

function setup(script: Script, facts = FACTS) {
  return scripted(cares, script, facts);
}

test('a pair leaves one socket at once, with EDNS', async (t) => {
  const { transport, walk, clock } = setup(both);
  t.match(await walk(ABSOLUTE), { outcome: 'found', addresses: ['198.51.100.7', '2001:db8::7'] });
  t.equal(transport.sent[0]?.socket, transport.sent[1]?.socket);
  t.ok(transport.sent[0]?.request.edns);
  t.equal(transport.open, 0);
  t.equal(clock.timers, 0);
});

test('silence: three tries, 2 s, 4 s and 8 s, and the search ends', async (t) => {
  const { transport, walk } = setup(() => 'silence');
  const { outcome, steps, elapsed } = await walk('git.example.com');
  t.equal(outcome, 'try-again');
  t.equal(steps.length, 1);
  t.equal(elapsed, 14_000);
  t.strictSame([...new Set(transport.sent.map(({ at }) => at))], [0, 2_000, 6_000]);
});

test("after three replies a server's own pace sets the timeout, never below 250 ms", async (t) => {
  const { transport, walk } = setup((sent) =>
    sent.qname === ABSOLUTE && sent.nth === 1
      ? 'silence'
      : sent.qname === ABSOLUTE
        ? both(sent)
        : nxdomain('.'),
  );
  const { elapsed, outcome } = await walk('git.example.com');
  t.equal(outcome, 'found');
  t.equal(elapsed, 5 * ROUND_TRIP + 250);
  t.equal(transport.sent.length, 12);
});

test('once A is there, AAAA is no longer resent', async (t) => {
  const { transport, walk } = setup(({ qtype }) => (qtype === RrType.A ? FOUND : 'silence'));
  const { outcome, elapsed } = await walk(ABSOLUTE);
  t.equal(outcome, 'found');
  t.equal(elapsed, 2_000);
  t.equal(transport.sent.length, 2);
});

test('NODATA and NXDOMAIN go on; SERVFAIL ends the search', async (t) => {
  const words: Record<string, Reaction> = {
    'git.example.com.job.svc.cluster.local.': nodata('cluster.local.'),
  };
  const going = setup((sent) =>
    sent.qname === ABSOLUTE ? both(sent) : (words[sent.qname] ?? nxdomain('.')),
  );
  t.equal((await going.walk('git.example.com')).outcome, 'found');
  const ending = setup(() => message({ rcode: 2 }));
  const { outcome, steps } = await ending.walk('git.example.com');
  t.equal(outcome, 'try-again');
  t.equal(steps.length, 1);
  t.equal(ending.transport.sent.length, 6, 'three tries each');
});

test('a failure goes to the next server at once', async (t) => {
  const facts = { ...FACTS, nameservers: [NAMESERVER, SECOND_NAMESERVER] };
  for (const bad of [message({ rcode: 5 }), 'closed'] as const) {
    const { walk, transport } = setup(
      (sent) => (sent.to === NAMESERVER.address ? bad : both(sent)),
      facts,
    );
    t.match(await walk(ABSOLUTE), { outcome: 'found', elapsed: 2 * ROUND_TRIP });
    t.equal(transport.open, 0);
  }
});

test('TC: the same question over TCP', async (t) => {
  const { walk } = setup((sent) =>
    sent.transport === 'tcp' ? both(sent) : { message: message(), options: { tc: true } },
  );
  t.strictSame((await walk(ABSOLUTE)).addresses, ['198.51.100.7', '2001:db8::7']);
});
