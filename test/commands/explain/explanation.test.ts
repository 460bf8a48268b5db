import { test } from 'tap';
import {
  type Explanation,
  explainName,
  type Lookup,
  warningsFor,
} from '../../../src/commands/explain/explanation.ts';
import type { Step, Walk } from '../../../src/walk/walk.ts';

import { HandClock } from '../../support/hand-clock.ts';
import { nxdomain } from '../../support/messages.ts';
import { FACTS, NAMESERVER, type Reaction, ScriptedSockets } from '../../walk/scripted-sockets.ts';

const NAME = 'api.dev';

function lookup(client: string, path: Lookup['path'], address?: string, suffix?: string): Lookup {
  const addresses = address === undefined ? [] : [address];
  const step: Step = {
    name: suffix === undefined ? `${NAME}.` : `${NAME}.${suffix}`,
    ...(suffix === undefined ? {} : { suffix }),
    started: 0,
    ended: 5,
    queries: 2,
    addresses,
    meaning: address === undefined ? 'no-such-name' : 'addresses',
  };
  const outcome = address === undefined ? 'not-found' : 'found';
  const walk: Walk = { outcome, addresses, steps: [step], elapsed: 5 };
  return { client, path, walk, sources: new Map() };
}

test('where all agree there is nothing to warn of', (t) => {
  const same = ['sidestub', 'direct'] as const;
  const lookups = same.flatMap((path) =>
    ['musl', 'glibc'].map((each) => lookup(each, path, '192.0.2.1')),
  );
  t.same(warningsFor(NAME, lookups), []);
  t.end();
});

test('clients that would disagree are named, with what each of them gets', (t) => {
  const lookups = [
    lookup('musl', 'sidestub', '192.0.2.1'),
    lookup('glibc', 'sidestub', '192.0.2.1'),
    lookup('musl', 'direct'),
    lookup('glibc', 'direct', '192.0.2.1'),
  ];
  t.same(warningsFor(NAME, lookups), [
    'clients disagree directly: musl: not-found; glibc: 192.0.2.1',
    'musl: through sidestub 192.0.2.1, directly not-found',
  ]);
  t.end();
});

test('N6: a name in the cluster that stands before a public one is told, with what to do', (t) => {
  const warned = warningsFor(NAME, [lookup('musl', 'sidestub', '10.96.0.9', 'svc.cluster.local.')]);
  t.same(warned, [
    'api.dev.svc.cluster.local stands before the public name api.dev, by the suffix svc.cluster.local: where api.dev itself is meant, pin it (search.pin)',
  ]);
  t.end();
});

test('a lookup that was given up is no answer', (t) => {
  const { walk: _, ...given } = lookup('musl', 'direct');
  t.same(warningsFor(NAME, [lookup('musl', 'sidestub', '192.0.2.1'), given]), [
    'musl: through sidestub 192.0.2.1, directly no answer in 10 s',
  ]);
  t.end();
});

/** Explains a name in a scripted world, as long as that takes. */
async function explained(daemonSays: Reaction, upstreamSays: Reaction) {
  const clock = new HandClock();
  const daemon = { address: '127.0.0.1', port: 53 };
  const transport = new ScriptedSockets(clock, ({ to }) =>
    to === daemon.address ? daemonSays : upstreamSays,
  );
  let explanation: Explanation | undefined;
  const options = { daemon, servers: [NAMESERVER], search: FACTS, clock, transport };
  void explainName(NAME, options).then((done) => {
    explanation = done;
  });
  for (let wound = 0; explanation === undefined && wound < 60_000; wound += 100) {
    await clock.advance(100);
  }
  if (explanation === undefined) throw new Error('it does not end');
  return { ...explanation, timers: clock.timers, open: transport.open };
}

test('a daemon that says nothing is asked by one client, and the rest is seen all the same', async (t) => {
  const { lookups, warnings, timers, open } = await explained('silence', nxdomain('.'));
  t.equal(lookups.filter(({ path }) => path === 'sidestub').length, 1);
  t.equal(lookups.filter(({ path }) => path === 'direct').length, 4);
  t.match(warnings.join(), /musl 1\.2\.3: through sidestub try-again, directly not-found/);
  t.same([timers, open], [0, 0], 'no timer and no socket is left');
});

test('servers that say nothing are given up after ten seconds each', async (t) => {
  const { lookups, timers, open } = await explained(nxdomain('.'), 'silence');
  const direct = lookups.filter(({ path }) => path === 'direct');
  t.same(
    direct.map(({ walk }) => walk?.outcome),
    ['try-again', undefined, undefined, undefined],
    'musl alone gives up by itself before',
  );
  t.same([timers, open], [0, 0]);
});
