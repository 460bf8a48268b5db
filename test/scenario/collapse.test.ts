// N10: what the collapse gets right, and what it gets wrong (docs/modes.md).
import { test } from 'tap';
import { chainOf } from '../../src/resolve/verdict.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { a, message, nodata, nxdomain } from '../support/messages.ts';
import { startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';

const GIT = 'git.example.com.';
const FIRST = `${GIT}job.svc.cluster.local.`;
const script = answerFrom({ hosts: [GIT] });

test('N10: the first step is answered with an alias to the base and its addresses', async (t) => {
  const stub = await startStub({ script, collapse: true });
  const { a: v4, aaaa: v6, elapsed } = await stub.askPair(FIRST);
  for (const { message: said } of [v4, v6]) {
    t.equal(said.rcode, Rcode.NOERROR);
    t.equal(said.answer.length, 2);
    t.equal(said.answer[0]?.type, RrType.CNAME, 'CNAME before what it leads to (G6)');
    t.same(chainOf(said.answer, FIRST), [FIRST, GIT]);
  }
  t.ok(elapsed <= 2.2 * 20, `${elapsed} ms`);
  t.same(stub.upstream.takeAsked().length, 7, 'as many questions as the walk, in one step');
  t.same(stub.bugs, []);
});

test('N10: not asked for, each step is answered for itself', async (t) => {
  const stub = await startStub({ script });
  t.equal((await stub.ask(FIRST)).message.rcode, Rcode.NXDOMAIN);
});

test('N10: both families follow one decision, also where the base has only one', async (t) => {
  const lines = {
    [`${GIT} A`]: message({ answer: [a(GIT, '192.0.2.1')] }),
    [`${GIT} AAAA`]: nodata('.'),
  };
  for (const aaaaSays of [nodata('.'), nxdomain('.')]) {
    const world = answerFrom({ lines: { ...lines, [`${GIT} AAAA`]: aaaaSays } });
    const stub = await startStub({ script: world, collapse: true });
    const { a: v4, aaaa: v6 } = await stub.askPair(FIRST);
    t.same([v4.message.rcode, v4.message.answer.length], [Rcode.NOERROR, 2]);
    t.same([v6.message.rcode, v6.message.answer.length], [Rcode.NOERROR, 1], 'the alias alone');
  }
});

test('N10: wherever a candidate is not denied, the client walks by itself', async (t) => {
  for (const lines of [
    { [`${GIT}corp.example.`]: message({ answer: [a(`${GIT}corp.example.`, '10.0.0.1')] }) },
    { [`${GIT}corp.example.`]: nodata('corp.example.') },
    { [`${GIT}corp.example.`]: message({ rcode: Rcode.SERVFAIL }) },
    {
      'com.svc.cluster.local.': nodata('cluster.local.'),
      [`${GIT}svc.cluster.local.`]: nodata('.'),
    },
  ]) {
    const stub = await startStub({ script: answerFrom({ hosts: [GIT], lines }), collapse: true });
    const { a: v4, aaaa: v6 } = await stub.askPair(FIRST);
    t.same([v4.message.rcode, v6.message.rcode], [3, 3], Object.keys(lines).join());
  }
});

test('N10: a base that does not exist, or comes late, collapses nothing', async (t) => {
  for (const lines of [{ [GIT]: nxdomain('.') }, { [GIT]: 'silence' as const }]) {
    const stub = await startStub({ script: answerFrom({ lines }), collapse: true });
    const { a: v4, elapsed } = await stub.askPair(FIRST);
    t.equal(v4.message.rcode, Rcode.NXDOMAIN);
    t.ok(elapsed <= 800, `${elapsed} ms`);
  }
});

test('N10: a name that may mean something in the cluster is never asked outside first (N4)', async (t) => {
  const world = answerFrom({
    nodes: ['dev.svc.cluster.local.'],
    hosts: ['api.dev.svc.cluster.local.'],
  });
  const stub = await startStub({ script: world, collapse: true });
  const { a: v4 } = await stub.askPair('api.dev.job.svc.cluster.local.');
  t.equal(v4.message.rcode, Rcode.NXDOMAIN, 'the service is found at the next step');
  t.notOk(stub.upstream.takeAsked().some((asked) => asked.startsWith('api.dev. ')));
});

test('N10: the alias lives five seconds, or less', async (t) => {
  const stub = await startStub({ script, collapse: true });
  await stub.askPair(FIRST);
  await stub.clock.advance(4_000);
  const { message: said, age } = await stub.ask(FIRST);
  const [alias] = said.answer;
  t.ok((alias?.ttl ?? 0) - age <= 5 && (alias?.ttl ?? 0) - age > 0, 'as the client is told');
});

test('wrong, and known: the literal name below the first suffix finds the base', async (t) => {
  const stub = await startStub({ script, collapse: true });
  t.equal((await stub.ask(FIRST)).message.answer.length, 2, 'it does not exist');
});
