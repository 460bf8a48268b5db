import { test } from 'tap';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { a, aaaa, message, nodata, nxdomain } from '../support/messages.ts';
import { startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';

const NAME = 'api.example.com.';
const ADDRESS = message({ answer: [a(NAME, '192.0.2.1')] });
const ADDRESS6 = message({ answer: [aaaa(NAME, '2001:db8::1')] });
const SERVFAIL = message({ rcode: Rcode.SERVFAIL });
const world = (lines: Parameters<typeof answerFrom>[0]['lines']) =>
  answerFrom({ lines: lines ?? {} });

const serial = { kind: 'serial' } as const;

test('F2: with serial the two questions of a pair go up one after the other', async (t) => {
  const stub = await startStub({ script: answerFrom({ hosts: [NAME] }), order: serial });
  const pair = stub.askPair(NAME);
  t.same(stub.upstream.asked, [`${NAME} A`]);
  const { elapsed } = await pair;
  t.equal(elapsed, 40);
  t.same(stub.upstream.asked, [`${NAME} A`, `${NAME} AAAA`]);
});

test('F3: for an expansion, NXDOMAIN of A answers AAAA unasked', async (t) => {
  const stub = await startStub({ script: answerFrom({}), domain: undefined, order: serial });
  const { a: v4, aaaa: v6, elapsed } = await stub.askPair('api.corp.example.');
  t.equal(v4.message.rcode, Rcode.NXDOMAIN);
  t.equal(v6.message.rcode, Rcode.NXDOMAIN);
  t.equal(elapsed, 20);
  t.same(stub.upstream.takeAsked(), ['api.corp.example. A']);
  t.equal(stub.repairs.get('shared_nxdomain'), 1);
});

test('F3: NXDOMAIN of AAAA never answers A', async (t) => {
  const stub = await startStub({
    script: world({
      'api.corp.example. A': nodata('corp.example.'),
      'api.corp.example. AAAA': nxdomain('corp.example.'),
    }),
  });
  const { a: v4, aaaa: v6 } = await stub.askPair('api.corp.example.');
  t.equal(v4.message.rcode, Rcode.NOERROR, 'A keeps its NODATA');
  t.equal(
    v6.message.rcode,
    Rcode.NXDOMAIN,
    'F4: beside NODATA it stays, or musl would stop its search',
  );
});

test('F4: NXDOMAIN beside addresses becomes NODATA with the SOA', async (t) => {
  const stub = await startStub({
    script: world({ [`${NAME} A`]: ADDRESS, [`${NAME} AAAA`]: nxdomain('example.com.') }),
  });
  const { a: v4, aaaa: v6 } = await stub.askPair(NAME);
  t.equal(v4.message.answer.length, 1);
  t.equal(v6.message.rcode, Rcode.NOERROR);
  t.equal(v6.message.authority.length, 1);
  t.equal(stub.repairs.get('nxdomain_beside_addresses'), 1);
});

test('F4: it holds the other way round', async (t) => {
  const stub = await startStub({
    script: world({ [`${NAME} AAAA`]: ADDRESS6, [`${NAME} A`]: nxdomain('example.com.') }),
  });
  const { a: v4, aaaa: v6 } = await stub.askPair(NAME);
  t.equal(v4.message.rcode, Rcode.NOERROR);
  t.equal(v6.message.answer.length, 1);
});

test('F3: a base that does not exist is denied once both families are known', async (t) => {
  const stub = await startStub({ script: answerFrom({}) });
  const { a: v4, aaaa: v6, elapsed } = await stub.askPair(NAME);
  t.equal(v4.message.rcode, Rcode.NXDOMAIN);
  t.equal(v6.message.rcode, Rcode.NXDOMAIN);
  t.equal(elapsed, 20);
});

test('F3: a denial that the cache has lost before the other family is denied is not asked for again', async (t) => {
  const stub = await startStub({
    script: world({ [NAME]: nxdomain('example.com.', 1) }),
    order: serial,
  });
  const pair = stub.askPair(NAME);
  // AAAA leaves when A has been denied, and is denied when that denial's second is over.
  await stub.clock.advance(10);
  stub.upstream.delay = 1_500;
  const { a: v4, aaaa: v6, elapsed } = await pair;
  t.same([v4.message.rcode, v6.message.rcode], [Rcode.NXDOMAIN, Rcode.NXDOMAIN]);
  t.equal(elapsed, 20 + 1_500);
  t.same(stub.upstream.asked, [`${NAME} A`, `${NAME} AAAA`]);
});

test('F3: NXDOMAIN is held for the other family at most 700 ms', async (t) => {
  const stub = await startStub({
    script: world({ [`${NAME} A`]: nxdomain('example.com.'), [`${NAME} AAAA`]: 'silence' }),
  });
  const denied = await stub.ask(NAME);
  t.equal(denied.message.rcode, Rcode.NXDOMAIN);
  t.equal(denied.elapsed, 720);
});

for (const [title, failing] of [
  ['SERVFAIL', SERVFAIL],
  ['no answer', new UpstreamError('network', 'refused')],
] as const) {
  test(`F5: a family that fails with ${title} beside a working one has nothing for 5 s`, async (t) => {
    for (const [fails, works, data] of [
      ['AAAA', 'A', ADDRESS],
      ['A', 'AAAA', ADDRESS6],
    ] as const) {
      const stub = await startStub({
        script: world({ [`${NAME} ${works}`]: data, [`${NAME} ${fails}`]: failing }),
      });
      const pair = await stub.askPair(NAME);
      const broken = fails === 'A' ? pair.a : pair.aaaa;
      t.equal(broken.message.rcode, Rcode.NOERROR, `${fails} is NODATA`);
      t.equal(broken.message.authority[0]?.ttl, 5);
      t.ok(broken.ede, 'and says why');
      t.ok(pair.elapsed <= 3 * 20);
    }
  });
}

test('F5: silence beside addresses becomes NODATA after 700 ms, and a late answer is kept', async (t) => {
  const stub = await startStub({
    script: world({ [`${NAME} A`]: ADDRESS, [`${NAME} AAAA`]: ADDRESS6 }),
    order: serial,
  });
  const started = stub.clock.now();
  const pair = stub.askPair(NAME);
  // AAAA leaves when A has answered, and its answer takes a second.
  await stub.clock.advance(10);
  stub.upstream.delay = 1_000;
  const { a: v4, aaaa: v6 } = await pair;
  t.equal(v4.message.answer.length, 1);
  t.equal(v6.message.rcode, Rcode.NOERROR);
  t.equal(v6.message.answer.length, 0);
  t.ok(stub.clock.now() - started <= 20 + 700 + 2, `${stub.clock.now() - started} ms`);
  await stub.clock.advance(1_000);
  stub.upstream.takeAsked();
  const later = await stub.ask(NAME, RrType.AAAA);
  t.equal(later.source, 'cache');
  t.equal(later.message.answer.length, 1);
});

test('F5: the only family that the pod can route keeps its failure', async (t) => {
  const stub = await startStub({
    script: world({ [`${NAME} A`]: ADDRESS, [`${NAME} AAAA`]: SERVFAIL }),
    onlyRoutable: RrType.AAAA,
  });
  t.equal((await stub.askPair(NAME)).aaaa.message.rcode, Rcode.SERVFAIL);
});

test('F5: a pod that routes one family loses nothing by the failure of the other', async (t) => {
  const cases = [
    { onlyRoutable: RrType.AAAA, works: 'AAAA', data: ADDRESS6, fails: 'A' },
    { onlyRoutable: RrType.A, works: 'A', data: ADDRESS, fails: 'AAAA' },
  ] as const;
  for (const { onlyRoutable, works, data, fails } of cases) {
    const lines = { [`${NAME} ${works}`]: data, [`${NAME} ${fails}`]: SERVFAIL };
    const stub = await startStub({ script: world(lines), onlyRoutable });
    const { a: v4, aaaa: v6 } = await stub.askPair(NAME);
    const [working, failing] = works === 'A' ? [v4, v6] : [v6, v4];
    t.equal(working.message.answer.length, 1, `${works} alone is routed: it has its address`);
    t.equal(
      failing.message.rcode,
      Rcode.NOERROR,
      'and musl, which wants both answers, takes it (M5)',
    );
  }
});

test('F5, wrong: in a pod with routes for both, the address that is left may lead nowhere', async (t) => {
  const lines = { [`${NAME} AAAA`]: ADDRESS6, [`${NAME} A`]: SERVFAIL };
  const stub = await startStub({ script: world(lines) });
  const { a: v4, aaaa: v6 } = await stub.askPair(NAME);
  t.equal(v6.message.answer.length, 1, 'IPv6, though nothing may come back by it');
  t.equal(v4.message.rcode, Rcode.NOERROR, 'IPv4 seems to have nothing');
  await stub.clock.advance(4_000);
  t.equal((await stub.ask(NAME)).message.rcode, Rcode.NOERROR, 'and so for some seconds more');
});

test('F5: switched off, a failure is told as it is', async (t) => {
  const stub = await startStub({
    script: world({ [`${NAME} A`]: ADDRESS, [`${NAME} AAAA`]: SERVFAIL }),
    repair: false,
  });
  t.equal((await stub.askPair(NAME)).aaaa.message.rcode, Rcode.SERVFAIL);
});

test('both families failing is a failure', async (t) => {
  const stub = await startStub({ script: world({ [NAME]: SERVFAIL }) });
  const { a: v4, aaaa: v6 } = await stub.askPair(NAME);
  t.equal(v4.message.rcode, Rcode.SERVFAIL);
  t.equal(v6.message.rcode, Rcode.SERVFAIL);
});

test('L5: sixty equal questions are one upstream query', async (t) => {
  const stub = await startStub({ script: answerFrom({ hosts: [NAME] }) });
  await Promise.all([
    Promise.all(
      Array.from({ length: 60 }, () =>
        stub.resolve({
          qname: NAME,
          qtype: 1,
          qclass: 1,
          dnssecOk: false,
          checkingDisabled: false,
        }),
      ),
    ),
    stub.clock.advance(100),
  ]);
  t.same(stub.upstream.takeAsked(), [`${NAME} A`]);
});

test('U2: a client learns of silence after 4.5 s, before its libc gives up', async (t) => {
  const stub = await startStub({ script: () => 'silence', conformance: false });
  const answer = await stub.ask('silent.example.com.', RrType.TXT);
  t.equal(answer.message.rcode, Rcode.SERVFAIL);
  t.equal(answer.elapsed, 4_500);
  t.same(stub.bugs, []);
});

test('F5: NODATA is no answer while the other family has none: glibc would take it for a denial', async (t) => {
  let isAway = false;
  const lines = {
    // TTL 0: addresses that nobody keeps.
    [`${NAME} A`]: message({ answer: [a(NAME, '192.0.2.1', 0)] }),
    [`${NAME} AAAA`]: nodata('example.com.'),
  };
  const stub = await startStub({
    script: (question) =>
      isAway ? new UpstreamError('timeout', 'away') : answerFrom({ lines })(question),
  });
  t.equal((await stub.askPair(NAME)).a.message.answer.length, 1);
  isAway = true;
  const { a: v4, aaaa: v6 } = await stub.askPair(NAME);
  t.equal(v4.message.rcode, Rcode.SERVFAIL);
  t.equal(v6.message.rcode, Rcode.SERVFAIL, 'not the NODATA that the cache has');
  t.equal(stub.repairs.get('denial_beside_failure'), 1);
});
