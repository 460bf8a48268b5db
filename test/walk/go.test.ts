import { test } from 'tap';
import { go } from '../../src/walk/go.ts';
import { RrType } from '../../src/wire/codes.ts';
import { message, nodata, nxdomain } from '../support/messages.ts';
import {
  both,
  FACTS,
  FOUND,
  type Reaction,
  ROUND_TRIP,
  type Script,
  type Sent,
  scripted,
} from './scripted-sockets.ts';

const ABSOLUTE = 'git.example.com.';

function setup(script: Script, facts = FACTS) {
  return scripted(go, script, facts);
}

test('a pair leaves two sockets at once, with EDNS', async (t) => {
  const { transport, walk, clock } = setup(both);
  t.match(await walk(ABSOLUTE), { outcome: 'found', addresses: ['198.51.100.7', '2001:db8::7'] });
  const [first, second] = transport.sent;
  t.not(first?.socket, second?.socket);
  t.equal(first?.at, second?.at);
  t.equal(first?.request.edns?.udpOctets, 1232);
  t.equal(transport.open, 0);
  t.equal(clock.timers, 0);
});

test('the search goes on after NODATA, SERVFAIL and silence', async (t) => {
  const words: Record<string, Reaction> = {
    'git.example.com.job.svc.cluster.local.': nodata('cluster.local.'),
    'git.example.com.svc.cluster.local.': message({ rcode: 2 }),
    'git.example.com.cluster.local.': 'silence',
  };
  const { walk } = setup((sent) =>
    sent.qname === ABSOLUTE ? both(sent) : (words[sent.qname] ?? nxdomain('.')),
  );
  const { outcome, steps, elapsed } = await walk('git.example.com');
  t.equal(outcome, 'found');
  t.strictSame(
    steps.map(({ meaning }) => meaning),
    ['no-data', 'failure', 'failure', 'no-such-name', 'addresses'],
  );
  t.equal(elapsed, 10_000 + 5 * ROUND_TRIP, '5 s x 2, and SERVFAIL is asked twice');
});

test('dots >= ndots: as it is first, then the list', async (t) => {
  const { walk } = setup(() => nxdomain('.'), { ...FACTS, ndots: 2 });
  const { steps } = await walk('git.example.com');
  t.strictSame(
    steps.map(({ suffix }) => suffix),
    [undefined, ...FACTS.search],
  );
});

test('an address of one family wins over NXDOMAIN, SERVFAIL and silence of the other', async (t) => {
  for (const other of [nxdomain('com.'), message({ rcode: 2 }), 'silence'] as const) {
    const { walk } = setup(({ qtype }) => (qtype === RrType.A ? FOUND : other));
    t.match(await walk(ABSOLUTE), { outcome: 'found', addresses: ['198.51.100.7'] });
  }
});

test('TC: the same question over TCP', async (t) => {
  const { transport, walk } = setup((sent) =>
    sent.transport === 'tcp' ? both(sent) : { message: message(), options: { tc: true } },
  );
  t.strictSame((await walk(ABSOLUTE)).addresses, ['198.51.100.7', '2001:db8::7']);
  t.equal(transport.sent.filter((sent) => sent.transport === 'tcp').length, 2);
});

test('the error of the name as it was written is told', async (t) => {
  const failing = (name: string) => (sent: Sent) =>
    sent.qname === name ? message({ rcode: 2 }) : nxdomain('.');
  t.equal((await setup(failing(ABSOLUTE)).walk('git.example.com')).outcome, 'try-again');
  const other = failing('git.example.com.corp.example.');
  t.equal((await setup(other).walk('git.example.com')).outcome, 'not-found');
  const asIsFirst = setup(failing(ABSOLUTE), { ...FACTS, ndots: 2 });
  t.equal((await asIsFirst.walk('git.example.com')).outcome, 'try-again');
});
