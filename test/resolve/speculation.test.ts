import { test } from 'tap';
import { Tally } from '../../src/observe/tally.ts';
import { ClusterZone } from '../../src/resolve/cluster-zone.ts';
import { SearchList } from '../../src/resolve/search-list.ts';
import { Speculation } from '../../src/resolve/speculation.ts';
import { ownQuery, type Query, type Resolve } from '../../src/resolve/stage.ts';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { RrType, typeName } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { HandClock } from '../support/hand-clock.ts';
import { cname, nxdomain } from '../support/messages.ts';
import { SUFFIXES } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';
import { answer, query } from './queries.ts';

const ZONE = 'cluster.local.';
const RTT = 20;

type Script = (question: Query) => Message | Error;

interface Setup {
  readonly world?: Parameters<typeof answerFrom>[0];
  readonly conforming?: boolean;
  readonly zone?: boolean;
  readonly pin?: readonly string[];
  readonly routedZones?: readonly string[];
}

async function setup({
  world = {},
  conforming = true,
  zone = true,
  pin = [],
  routedZones = [],
}: Setup = {}) {
  const clock = new HandClock();
  const asked: Query[] = [];
  const script = answerFrom(world) as Script;
  const next: Resolve = (asking, asker) => {
    asked.push(asking);
    const said = script(asking);
    clock.after(RTT, () => {
      if (said instanceof Error) asker.onFailure(said);
      else asker.onAnswer(answer(said));
    });
  };
  const cluster = new ClusterZone({
    zone: ZONE,
    clock,
    sameRoute: () => true,
    onVerdict: () => undefined,
  });
  cluster.attach(next);
  if (conforming) cluster.test(next);
  await clock.advance(RTT);
  asked.length = 0;
  const begun = new Tally();
  const list = new SearchList({
    suffixes: SUFFIXES,
    zone: zone ? ZONE : undefined,
    routedZones,
  });
  const speculation = new Speculation(next, {
    list,
    zone: zone ? cluster : undefined,
    clock,
    publicTlds: new Set(['com']),
    isDenied: ({ base }) => pin.includes(base),
    begun,
  });
  const beginWith = (asking: Query) => {
    const first = list.expansionOf(asking.qname);
    if (first === undefined) throw new Error(`no expansion: ${asking.qname}`);
    if (speculation.isDue(first)) speculation.begin(asking, first);
  };
  const begin = (...asking: Parameters<typeof query>) => beginWith(query(...asking));
  const taken = () => asked.splice(0).map(({ qname, qtype }) => `${qname} ${typeName(qtype)}`);
  return { clock, asked, taken, begin, beginWith, begun, cluster };
}

test('N4: the first expansion of a public name starts everything at once', async (t) => {
  const { begin, taken, clock, begun } = await setup();
  begin('git.example.com.job.svc.cluster.local.');
  t.same(taken().sort(), [
    'com.cluster.local. A',
    'com.svc.cluster.local. A',
    'git.example.com. A',
    'git.example.com. AAAA',
    'git.example.com.corp.example. A',
  ]);
  await clock.advance(RTT);
  t.same(taken(), []);
  t.equal(begun.value, 1);
});

test('N4: once for a walk: both families and every step within two seconds', async (t) => {
  const { begin, taken, clock, begun } = await setup();
  begin('git.example.com.job.svc.cluster.local.', RrType.A);
  taken();
  begin('git.example.com.job.svc.cluster.local.', RrType.AAAA);
  await clock.advance(1_999);
  for (const suffix of SUFFIXES) begin(`git.example.com.${suffix}`);
  t.same(taken(), []);
  await clock.advance(1);
  begin('git.example.com.job.svc.cluster.local.');
  t.ok(taken().length > 0);
  t.equal(begun.value, 2);
});

test('N4: a base without a TLD, or of one label, is not fetched', async (t) => {
  const { begin, taken } = await setup();
  for (const base of ['nginx.', 'com.', 'web-0.nginx.', 'kubernetes.default.']) {
    begin(`${base}job.svc.cluster.local.`);
  }
  t.same(taken(), []);
});

test('N4: the leak guard: a base that may be a service waits until the cluster denies its last label', async (t) => {
  const { begin, taken, clock } = await setup();
  begin('api.dev.job.svc.cluster.local.');
  t.same(taken().sort(), ['dev.cluster.local. A', 'dev.svc.cluster.local. A']);
  await clock.advance(RTT);
  t.same(taken(), ['api.dev. A', 'api.dev. AAAA', 'api.dev.corp.example. A']);
});

test('N4: what exists in the cluster is never shown outside, nor what nobody knows of', async (t) => {
  const worlds: [string, Setup['world']][] = [
    ['a namespace', { nodes: ['dev.svc.cluster.local.'] }],
    [
      'no answer',
      { lines: { 'dev.svc.cluster.local.': new UpstreamError('timeout', 'no answer') } },
    ],
    [
      'an alias to nowhere',
      {
        lines: {
          'dev.svc.cluster.local.': {
            ...nxdomain(ZONE),
            answer: [cname('dev.svc.cluster.local.', 'gone.example.')],
          },
        },
      },
    ],
  ];
  for (const [what, world] of worlds) {
    const { begin, taken, clock } = await setup({ world: world ?? {} });
    begin('api.dev.job.svc.cluster.local.');
    await clock.advance(RTT);
    t.notOk(
      taken().some((each) => each.startsWith('api.dev.')),
      what,
    );
  }
});

test('N4: a live cut is the guard: the next name under that TLD does not wait', async (t) => {
  const { begin, taken, clock } = await setup();
  begin('api.dev.job.svc.cluster.local.');
  await clock.advance(RTT);
  taken();
  begin('web.dev.job.svc.cluster.local.');
  await clock.advance(0);
  t.same(taken(), ['web.dev. A', 'web.dev. AAAA', 'web.dev.corp.example. A']);
});

test('N4: the guard asks for the namespace, even where the walk begins below svc.Z', async (t) => {
  const { begin, taken, clock } = await setup({ world: { nodes: ['dev.svc.cluster.local.'] } });
  begin('api.dev.svc.cluster.local.');
  await clock.advance(2 * RTT);
  t.notOk(taken().some((each) => /^api\.dev\. |^api\.dev\.corp/.test(each)));
});

test('N4: in a zone that does not conform the guard is the denial of each expansion itself', async (t) => {
  const { begin, taken, clock } = await setup({ conforming: false });
  begin('api.dev.job.svc.cluster.local.');
  t.same(taken().sort(), ['api.dev.cluster.local. A', 'api.dev.svc.cluster.local. A']);
  await clock.advance(RTT);
  t.same(taken(), ['api.dev. A', 'api.dev. AAAA', 'api.dev.corp.example. A']);
  const service = await setup({
    conforming: false,
    world: { hosts: ['api.dev.svc.cluster.local.'] },
  });
  service.begin('api.dev.job.svc.cluster.local.');
  await service.clock.advance(RTT);
  t.notOk(service.taken().some((each) => /^api\.dev\. |^api\.dev\.corp/.test(each)));
});

test('N4: where no probe may stand, at `dns`, each expansion is asked for itself (N3)', async (t) => {
  const { begin, taken, clock } = await setup({ routedZones: ['corp.dns.'] });
  begin('git.corp.dns.job.svc.cluster.local.');
  t.same(taken().sort(), [
    'dns.svc.cluster.local. A',
    'git.corp.dns.cluster.local. A',
    'git.corp.dns.svc.cluster.local. A',
  ]);
  await clock.advance(RTT);
  t.same(taken(), ['git.corp.dns. A', 'git.corp.dns. AAAA', 'git.corp.dns.corp.example. A']);
});

test('N4: without a cluster zone there is nothing to guard', async (t) => {
  const { begin, taken } = await setup({ zone: false });
  begin('api.dev.corp.example.');
  const asked = taken();
  t.same(asked.slice(0, 2), ['api.dev. A', 'api.dev. AAAA']);
});

test('N6: of a pinned name only the base itself is fetched, at once', async (t) => {
  const { begin, taken } = await setup({ pin: ['git.dev.', 'gitlab.'] });
  begin('git.dev.job.svc.cluster.local.');
  t.same(taken(), ['git.dev. A', 'git.dev. AAAA']);
  begin('gitlab.job.svc.cluster.local.');
  t.same(taken(), ['gitlab. A', 'gitlab. AAAA'], 'a pin needs no TLD');
});

test('N4: what is fetched says that it is early, and asks as the client does (C1)', async (t) => {
  const { begin, asked } = await setup();
  begin('git.example.com.job.svc.cluster.local.', RrType.AAAA, { dnssecOk: true });
  t.ok(asked.every((each) => each.speculative === true));
  const outside = asked.filter(({ qname }) => !qname.endsWith(ZONE));
  t.equal(outside.length, 3);
  t.ok(outside.every(({ dnssecOk }) => dnssecOk));
  const [corporate] = outside.filter(({ qname }) => qname.endsWith('corp.example.'));
  t.match(corporate?.expansion, {
    base: 'git.example.com.',
    suffix: 'corp.example.',
    inZone: false,
  });
});

test('S1: what is fetched counts for the client that walks, where there is one', async (t) => {
  // Without proofs there are no probes, which are on nobody's account.
  const { begin, beginWith, asked } = await setup({ conforming: false });
  begin('git.example.com.job.svc.cluster.local.');
  t.ok(asked.length > 0 && asked.every(({ client }) => client === '127.0.0.1'));
  asked.length = 0;
  beginWith(ownQuery('www.example.com.job.svc.cluster.local.', RrType.A));
  t.ok(asked.length > 0 && asked.every((each) => !('client' in each)));
});

test('N4: a base that is an expansion itself is asked as one, any other is none', async (t) => {
  const { begin, asked, clock } = await setup();
  begin('registry.corp.example.job.svc.cluster.local.');
  await clock.advance(RTT);
  const [own] = asked.filter(({ qname }) => qname === 'registry.corp.example.');
  t.same(own?.expansion, { base: 'registry.', suffix: 'corp.example.', inZone: false });
  begin('git.example.com.job.svc.cluster.local.');
  const [other] = asked.filter(({ qname }) => qname === 'git.example.com.');
  t.notOk('expansion' in (other ?? {}));
});

test('N4: its own failures are nobody else’s: nothing rejects', async (t) => {
  const failing = new UpstreamError('timeout', 'no answer');
  const lines = {
    'git.example.com.': failing,
    'com.svc.cluster.local.': failing,
    'api.dev.svc.cluster.local.': failing,
  };
  for (const conforming of [true, false]) {
    const { begin, clock } = await setup({ world: { lines }, conforming });
    begin('git.example.com.job.svc.cluster.local.');
    begin('api.dev.job.svc.cluster.local.');
    await clock.advance(1_000);
  }
  t.pass('no rejection is left unhandled: tap would fail');
});

test('S1: speculation remembers four thousand walks, not all', async (t) => {
  const { begin, begun } = await setup();
  for (let i = 0; i < 5_000; i++) begin(`n${i}.example.com.job.svc.cluster.local.`);
  begin('n0.example.com.job.svc.cluster.local.');
  t.equal(begun.value, 5_001, 'the oldest was forgotten');
  begin('n4999.example.com.job.svc.cluster.local.');
  t.equal(begun.value, 5_001);
});
