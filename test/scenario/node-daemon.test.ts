// N1, S1: one daemon for pods of many namespaces, each with a search list of its own that the daemon has never seen.
import { test } from 'tap';
import { bendAnswer } from '../../src/demo/cluster-answer.ts';
import { noFaults } from '../../src/demo/cluster-faults.ts';
import { ownQuery, type Query } from '../../src/resolve/stage.ts';
import type { Outgoing } from '../../src/upstream/exchange.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import type { Name } from '../../src/wire/name.ts';
import { crowd, PODS } from '../support/crowd.ts';
import { a, message, nodata, nxdomain } from '../support/messages.ts';
import type { Line } from '../support/scripted-upstream.ts';
import { type Stub, startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';
import { type Found, plainWalk, type WalkPlan } from './plain-walk.ts';

/** What kubelet gives the daemon's own pod; no client has it. */
const OWN_LIST = ['kube-system.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.'];

function listOf(namespace: string, ...more: Name[]): Name[] {
  return [`${namespace}.svc.cluster.local.`, 'svc.cluster.local.', 'cluster.local.', ...more];
}

/** A pod's walk, through the daemon. */
async function walk(stub: Stub, client: string, plan: WalkPlan): Promise<Found> {
  return plainWalk(plan, async (qname) => {
    const [one, other] = [RrType.A, RrType.AAAA].map((qtype) =>
      stub.resolve(ownQuery(qname, qtype, { client })),
    );
    return [(await one)?.message ?? message(), (await other)?.message ?? message()];
  });
}

/** Winds the clock until it is done. */
async function wound<T>(stub: Stub, work: Promise<T>): Promise<T & { readonly elapsed: number }> {
  const started = stub.clock.now();
  let done: { value: T } | undefined;
  void work.then((value) => {
    done = { value };
  });
  for (let ms = 0; done === undefined && ms < 20_000; ms++) await stub.clock.advance(1);
  if (done === undefined) throw new Error('a walk did not end');
  return { ...done.value, elapsed: stub.clock.now() - started };
}

const nodes = ['team-a', 'team-b', 'dev'].map((name) => `${name}.svc.cluster.local.`);
const world = answerFrom({ hosts: ['git.example.com.', 'registry.example.com.'], nodes });

function plan(namespace: string, base = 'git.example.com.'): WalkPlan {
  return { library: 'musl', base, suffixes: listOf(namespace), ndots: 5 };
}

test('N1: a pod of another namespace walks as cold as one of our own', async (t) => {
  const stub = await startStub({ script: world, suffixes: OWN_LIST });
  const { outcome, elapsed } = await wound(stub, walk(stub, '10.244.0.5', plan('team-a')));
  t.equal(outcome, 'found');
  t.ok(elapsed <= 2.2 * stub.upstream.delay, `two round trips: ${elapsed} ms`);
  t.same(
    stub.upstream.takeAsked().sort(),
    [
      'com.cluster.local. A',
      'com.svc.cluster.local. A',
      'com.team-a.svc.cluster.local. A',
      'git.example.com. A',
      'git.example.com. AAAA',
      'git.example.com.team-a.svc.cluster.local. A',
    ],
    'no word of kube-system',
  );
});

test('N1: what one pod has proven serves the next, whatever its namespace', async (t) => {
  const stub = await startStub({ script: world, suffixes: OWN_LIST });
  await wound(stub, walk(stub, '10.244.0.5', plan('team-a')));
  stub.upstream.takeAsked();
  await wound(stub, walk(stub, '10.244.0.6', plan('team-b')));
  t.same(stub.upstream.takeAsked(), [
    'git.example.com.team-b.svc.cluster.local. A',
    'com.team-b.svc.cluster.local. A',
  ]);
  await wound(stub, walk(stub, '10.244.0.7', plan('team-b', 'registry.example.com.')));
  t.same(
    stub.upstream.takeAsked(),
    ['registry.example.com. A', 'registry.example.com. AAAA'],
    'nothing but the name itself',
  );
});

test('N1: a namespace called like a TLD is known for one when it has been met', async (t) => {
  const stub = await startStub({ script: world, suffixes: OWN_LIST });
  const first = await wound(stub, walk(stub, '10.244.0.5', plan('dev')));
  t.equal(first.outcome, 'found', 'the first walk is longer and as right');
  stub.upstream.takeAsked();
  const next = await wound(stub, walk(stub, '10.244.0.5', plan('dev', 'registry.example.com.')));
  t.equal(next.outcome, 'found');
  t.ok(next.elapsed <= 2.2 * stub.upstream.delay, `two round trips: ${next.elapsed} ms`);
});

test('N6: a pinned name has no expansion in any namespace, not even by a namespace `com`', async (t) => {
  const hijack = answerFrom({
    hosts: ['git.example.com.', 'git.example.com.svc.cluster.local.'],
    nodes: ['com.svc.cluster.local.', 'example.com.svc.cluster.local.', ...nodes],
  });
  const stub = await startStub({ script: hijack, suffixes: OWN_LIST, pin: ['git.example.com.'] });
  // Met, so that the daemon knows it for a namespace.
  await wound(stub, walk(stub, '10.244.0.5', plan('team-a', 'other.com.')));
  t.equal((await wound(stub, walk(stub, '10.244.0.5', plan('team-a')))).name, 'git.example.com.');
});

test('N7: a namespace called like the service that is asked for ends no walk of any pod', async (t) => {
  const corporate = answerFrom({
    hosts: ['redis.corp.example.'],
    nodes: ['redis.svc.cluster.local.', ...nodes],
  });
  const stub = await startStub({ script: corporate, suffixes: [...OWN_LIST, 'corp.example.'] });
  const suffixes = listOf('team-a', 'corp.example.');
  const redis: WalkPlan = { library: 'musl', base: 'redis.', suffixes, ndots: 5 };
  t.equal((await wound(stub, walk(stub, '10.244.0.5', redis))).name, 'redis.corp.example.');
  const literal = await wound(
    stub,
    stub.resolve(ownQuery('redis.svc.cluster.local.', RrType.A, { client: '10.244.0.9' })),
  );
  t.equal(literal.message.rcode, Rcode.NOERROR, 'another client asked for the namespace itself');
});

test('N7: the probe of a sidecar costs one question, and its cut serves the next sidecar', async (t) => {
  const stub = await startStub({ script: world, suffixes: OWN_LIST });
  const point = 'com.team-a.svc.cluster.local.';
  const probe = async (client: string, more: Partial<Query> = { fromProbe: true }) => {
    const asked = ownQuery(point, RrType.A, { client, ...more });
    const { message: said } = await wound(stub, stub.resolve(asked));
    return [said.rcode, said.authority[0]?.ttl, stub.upstream.takeAsked()] as const;
  };
  t.same(await probe('10.244.0.5'), [Rcode.NXDOMAIN, 5, [`${point} A`]]);
  await stub.clock.advance(1_000);
  t.same(
    await probe('10.244.0.6'),
    [Rcode.NXDOMAIN, 5, []],
    'by the cut, which the responder ages',
  );
  // A program that asks for a service called `com` there.
  t.same(await probe('10.244.0.6', {}), [Rcode.NXDOMAIN, 0, [`${point} A`]]);
});

test('N10: collapse takes the first step of any namespace', async (t) => {
  const stub = await startStub({ script: world, suffixes: OWN_LIST, collapse: true });
  const found = await wound(stub, walk(stub, '10.244.0.5', plan('team-a')));
  t.equal(found.name, 'git.example.com.team-a.svc.cluster.local.');
  t.equal(found.addresses.length, 2);
});

test('U1: a second cluster and a stub domain have their own word, and no proof of the first counts there', async (t) => {
  const other =
    (address: string) =>
    ({ qname, qtype }: Outgoing): Line =>
      qtype === RrType.A ? message({ answer: [a(qname, address)] }) : nodata('other.', 5);
  const stub = await startStub({
    script: world,
    suffixes: OWN_LIST,
    routes: {
      'cluster2.local.': other('10.2.0.1'),
      'corp.example.': other('10.3.0.1'),
      // Below a name that the first cluster denies.
      'lab.com.svc.cluster.local.': other('10.4.0.1'),
    },
  });
  await wound(stub, walk(stub, '10.244.0.5', plan('team-a')));
  t.ok(stub.zone?.covering('x.com.svc.cluster.local.') !== undefined, 'a cut stands');
  const addressOf = async (qname: Name) => {
    const { message: said } = await stub.ask(qname);
    return said.answer[0] === undefined ? said.rcode : [...said.answer[0].rdata].join('.');
  };
  t.equal(await addressOf('api.default.svc.cluster2.local.'), '10.2.0.1');
  t.equal(await addressOf('com.svc.cluster2.local.'), '10.2.0.1');
  t.equal(await addressOf('git.corp.example.'), '10.3.0.1');
  t.equal(await addressOf('x.lab.com.svc.cluster.local.'), '10.4.0.1', 'below a cut, elsewhere');
  t.equal(await addressOf('x.com.svc.cluster.local.'), Rcode.NXDOMAIN);
  stub.upstream.takeAsked();
  for (const [zone, upstream] of stub.routed) {
    for (const question of upstream.takeAsked()) t.match(question, zone, 'asked for its own zone');
  }
});

test('U1: a route that is silent, or denies everything, is no matter of the others', async (t) => {
  const stub = await startStub({
    script: world,
    suffixes: OWN_LIST,
    routes: {
      'cluster2.local.': () => 'silence',
      'corp.example.': () => nxdomain('corp.example.'),
    },
  });
  const silent = stub.resolve(ownQuery('api.default.svc.cluster2.local.', RrType.A));
  const found = await wound(stub, walk(stub, '10.244.0.5', plan('team-a')));
  t.ok(found.elapsed <= 2.2 * stub.upstream.delay, `two round trips: ${found.elapsed} ms`);
  t.equal((await stub.ask('git.corp.example.')).message.rcode, Rcode.NXDOMAIN);
  t.equal((await wound(stub, silent)).message.rcode, Rcode.SERVFAIL, 'in time (U2)');
});

test('N3: clusterset.local is cached exactly and never cut', async (t) => {
  const lines: Record<string, Line> = {
    'api.team-a.svc.clusterset.local. A': message({
      answer: [a('api.team-a.svc.clusterset.local.', '10.9.0.1', 30)],
    }),
  };
  const stub = await startStub({ script: answerFrom({ lines, nodes }), suffixes: OWN_LIST });
  const ask = async (qname: Name) => {
    const { message: said } = await stub.ask(qname);
    return [said.rcode, stub.upstream.takeAsked()] as const;
  };
  t.same(await ask('com.svc.clusterset.local.'), [
    3,
    ['com.svc.clusterset.local. A', 'com.svc.clusterset.local. AAAA'],
  ]);
  t.same(
    (await ask('git.com.svc.clusterset.local.'))[1][0],
    'git.com.svc.clusterset.local. A',
    'its own question',
  );
  t.same(await ask('api.team-a.svc.clusterset.local.'), [
    0,
    ['api.team-a.svc.clusterset.local. A'],
  ]);
  t.same(await ask('api.team-a.svc.clusterset.local.'), [0, []], 'from the cache');
  t.equal(stub.zone?.cutCount, 0);
});

const clientOf = (pod: number): string => `10.244.${pod >> 8}.${pod & 255}`;

test('1,000 pods with 1,000 search lists find what they find directly', async (t) => {
  const { world: city, namespaces } = crowd();
  const tell = (question: Outgoing): Line =>
    bendAnswer(city, question, noFaults()) ?? nxdomain('.');
  const stub = await startStub({ script: tell, suffixes: OWN_LIST });
  const plans = namespaces.flatMap((namespace, pod) => {
    const suffixes = listOf(namespace);
    const library = pod % 2 === 0 ? 'musl' : 'glibc';
    const neighbour = namespaces[(pod * 7 + 3) % PODS];
    const bases = [`api.${neighbour}.`, `nowhere-${pod}.example.org.`];
    return bases.map((base) => ({ pod, plan: { library, base, suffixes, ndots: 5 } as const }));
  });
  const found = await wound(
    stub,
    Promise.all(plans.map((each) => walk(stub, clientOf(each.pod), each.plan))),
  );
  const wrong: string[] = [];
  for (const [index, { pod, plan: each }] of plans.entries()) {
    const direct = await plainWalk(each, async (qname) => [
      bendAnswer(city, ownQuery(qname, RrType.A), noFaults()) ?? message(),
      bendAnswer(city, ownQuery(qname, RrType.AAAA), noFaults()) ?? message(),
    ]);
    const own = found[index];
    const same = own?.name === direct.name && own.addresses.join() === direct.addresses.join();
    if (!same)
      wrong.push(
        `pod ${pod} in ${each.suffixes[0]}: ${each.base} ${JSON.stringify([own, direct])}`,
      );
  }
  t.equal(plans.length, 2 * PODS);
  t.same(wrong, []);
  t.same(stub.bugs, []);
});

/** As many as may be on a node. */
const OTHERS = 250;

test('S1: one pod that floods takes nothing from 250 others', async (t) => {
  const { world: city, namespaces } = crowd();
  const tell = (question: Outgoing): Line =>
    question.qname.endsWith('.flood.example.net.')
      ? 'silence'
      : (bendAnswer(city, question, noFaults()) ?? nxdomain('.'));
  const stub = await startStub({ script: tell, suffixes: OWN_LIST, flights: 2_000 });
  const flood = Array.from({ length: 3_000 }, (_, i) =>
    stub.resolve(ownQuery(`${i}.flood.example.net.`, RrType.A, { client: clientOf(0) })),
  );
  await stub.clock.advance(1);
  t.equal(stub.flights.size, 2_000, 'the table is full of its questions');
  const others = namespaces.slice(1, OTHERS + 1).map((namespace, index) =>
    walk(stub, clientOf(index + 1), {
      library: 'glibc',
      base: `host-${index % 50}.example.com.`,
      suffixes: listOf(namespace),
      ndots: 5,
    }),
  );
  const found = await wound(stub, Promise.all(others));
  t.equal(
    Object.values(found).filter((each) => (each as Found).outcome === 'found').length,
    OTHERS,
  );
  t.ok(found.elapsed <= 10 * stub.upstream.delay, `and in time: ${found.elapsed} ms`);
  await stub.clock.advance(4_600);
  const rcodes = (await Promise.all(flood)).map(({ message: said }) => said.rcode);
  t.ok(
    rcodes.every((rcode) => rcode === Rcode.SERVFAIL),
    'the pod itself is told',
  );
});
