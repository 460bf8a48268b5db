// N5: what `assume` gets right, and what it gets wrong. Each wrong is told in docs/modes.md.
import { test } from 'tap';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { nxdomain } from '../support/messages.ts';
import { type Stub, SUFFIXES, startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';
import { plainWalk } from './plain-walk.ts';

const GIT = 'git.example.com.';
const RTT = 20;

async function musl(stub: Stub, base: string) {
  const started = stub.clock.now();
  const found = await plainWalk(
    { library: 'musl', base, suffixes: SUFFIXES, ndots: 5 },
    async (qname) => {
      const pair = await stub.askPair(qname);
      return [pair.a.message, pair.aaaa.message];
    },
  );
  return { ...found, elapsed: stub.clock.now() - started };
}

test('N5: a cold walk to a public name costs two queries', async (t) => {
  const stub = await startStub({ script: answerFrom({ hosts: [GIT] }), mode: 'assume' });
  const found = await musl(stub, GIT);
  t.equal(found.name, GIT);
  t.ok(found.elapsed <= 2.3 * RTT, `${found.elapsed} ms`);
  t.same(stub.upstream.takeAsked(), [`${GIT} A`, `${GIT} AAAA`]);
  t.equal(
    stub.fates.get('pin'),
    8,
    'four steps of two questions were answered by the configuration',
  );
});

test('N5: it needs no conforming zone: on kube-dns it is as short', async (t) => {
  const lines = { 'svc.cluster.local.': nxdomain('cluster.local.') };
  const stub = await startStub({ script: answerFrom({ hosts: [GIT], lines }), mode: 'assume' });
  t.equal((await musl(stub, GIT)).name, GIT);
  t.same(stub.upstream.takeAsked(), [`${GIT} A`, `${GIT} AAAA`]);
});

test('N5: every other name is looked for as in prove', async (t) => {
  const hosts = [
    'db.backend.svc.cluster.local.',
    'nginx.job.svc.cluster.local.',
    'wiki.corp.example.',
  ];
  const stub = await startStub({
    script: answerFrom({ hosts, nodes: ['backend.svc.cluster.local.'] }),
    mode: 'assume',
  });
  for (const [base, name] of [
    ['db.backend.', 'db.backend.svc.cluster.local.'],
    ['nginx.', 'nginx.job.svc.cluster.local.'],
    ['wiki.', 'wiki.corp.example.'],
    ['kubernetes.default.svc.', 'kubernetes.default.svc.cluster.local.'],
  ] as const) {
    t.equal((await musl(stub, base)).name, name, base);
  }
  t.equal(stub.fates.get('pin'), 0);
});

test('N5: a single label is no public name, even where it is a TLD', async (t) => {
  const stub = await startStub({
    script: answerFrom({ hosts: ['app.job.svc.cluster.local.'] }),
    mode: 'assume',
  });
  t.equal((await musl(stub, 'app.')).name, 'app.job.svc.cluster.local.');
});

test('N5: search.keep exempts a base with all below it', async (t) => {
  const script = answerFrom({
    hosts: ['api.dev.svc.cluster.local.'],
    nodes: ['dev.svc.cluster.local.'],
  });
  const stub = await startStub({ script, mode: 'assume', keep: ['dev.'] });
  t.equal((await musl(stub, 'api.dev.')).name, 'api.dev.svc.cluster.local.');
  const leaked = stub.upstream.takeAsked().filter((asked) => asked.startsWith('api.dev. '));
  t.same(leaked, [], 'and the leak guard holds for it (N4)');
});

test('N5: search.keep exempts a suffix, which is fetched beside the base', async (t) => {
  const under = `${GIT}corp.example.`;
  const stub = await startStub({
    script: answerFrom({ hosts: [under] }),
    mode: 'assume',
    keep: ['corp.example.'],
  });
  t.equal((await musl(stub, GIT)).name, under);
  t.equal(stub.upstream.takeAsked()[1], `${under} A`, 'it left with the base, before its turn');
});

test('N5: the denial has an SOA, whatever the type', async (t) => {
  const stub = await startStub({ script: answerFrom({}), mode: 'assume' });
  for (const qtype of [RrType.A, RrType.SRV]) {
    const { message, source } = await stub.ask(`${GIT}job.svc.cluster.local.`, qtype);
    t.same([message.rcode, message.authority.length, source], [Rcode.NXDOMAIN, 1, 'pin']);
  }
  t.same(
    stub.upstream.takeAsked().filter((asked) => asked.includes('cluster.local')),
    [],
  );
});

test('wrong, and known: a namespace called like a TLD is not found, even by its full name', async (t) => {
  // So are prod, app, cloud, build and tools.
  const name = 'api.dev.svc.cluster.local.';
  const script = answerFrom({ hosts: [name], nodes: ['dev.svc.cluster.local.'] });
  const stub = await startStub({ script, mode: 'assume' });
  t.equal((await musl(stub, 'api.dev.')).outcome, 'not-found');
  t.equal((await musl(stub, name)).outcome, 'not-found', 'in prove both are found');
  const proving = await startStub({ script, mode: 'prove' });
  t.same([(await musl(proving, 'api.dev.')).name, (await musl(proving, name)).name], [name, name]);
});

test('wrong, and known: an endpoint of a service called like a TLD, and a corporate host below one', async (t) => {
  const hosts = ['web-0.app.job.svc.cluster.local.', 'git.io.corp.example.'];
  const script = answerFrom({ hosts, nodes: ['app.job.svc.cluster.local.'] });
  const stub = await startStub({ script, mode: 'assume' });
  for (const base of ['web-0.app.', 'git.io.']) {
    t.equal((await musl(stub, base)).outcome, 'not-found', base);
  }
});
