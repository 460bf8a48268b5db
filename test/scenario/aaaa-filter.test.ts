// F6: what the filter for AAAA gets right, and what it gets wrong (docs/modes.md).
import { test } from 'tap';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { aaaa, message, nodata } from '../support/messages.ts';
import { startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';

const NAME = 'api.example.com.';
const script = answerFrom({ hosts: [NAME] });

const cases: readonly ['pass' | 'auto' | 'filter', 1 | 28 | undefined, boolean][] = [
  ['pass', RrType.A, false],
  ['auto', RrType.A, true],
  ['auto', RrType.AAAA, false],
  ['auto', undefined, false],
  ['filter', RrType.A, true],
  ['filter', undefined, true],
];
for (const [setting, onlyRoutable, filters] of cases) {
  const only = onlyRoutable === undefined ? 'both or neither' : `type ${onlyRoutable} alone`;
  test(`F6: ${setting}, ${only} routable: ${filters ? 'AAAA is not asked' : 'both are asked'}`, async (t) => {
    const stub = await startStub({ script, aaaa: setting, onlyRoutable });
    const { a: v4, aaaa: v6 } = await stub.askPair(NAME);
    t.equal(v4.message.answer.length, 1);
    t.equal(v6.message.rcode, Rcode.NOERROR);
    t.equal(v6.message.answer.length, filters ? 0 : 1);
    t.same(stub.upstream.takeAsked(), filters ? [`${NAME} A`] : [`${NAME} A`, `${NAME} AAAA`]);
  });
}

test('F6: NODATA for AAAA has an SOA and comes at once', async (t) => {
  const stub = await startStub({ script, aaaa: 'filter' });
  const { elapsed, message: said, source } = await stub.ask(NAME, RrType.AAAA);
  t.ok(elapsed <= 1, `${elapsed} ms`);
  t.same([source, said.authority[0]?.type], ['local', RrType.SOA]);
});

test('F3, F6: a step that A denies is denied for AAAA too, so that every client goes on', async (t) => {
  const stub = await startStub({ script, aaaa: 'filter', domain: undefined });
  const { a: v4, aaaa: v6 } = await stub.askPair('api.corp.example.');
  t.same([v4.message.rcode, v6.message.rcode], [Rcode.NXDOMAIN, Rcode.NXDOMAIN]);
  t.same(stub.upstream.takeAsked(), ['api.corp.example. A']);
});

test('N4, F6: a cold walk asks six questions, none of them AAAA, in one round trip', async (t) => {
  const stub = await startStub({
    script: answerFrom({ hosts: ['git.example.com.'] }),
    aaaa: 'filter',
  });
  await stub.askPair('git.example.com.job.svc.cluster.local.');
  const { elapsed } = await stub.askPair('git.example.com.');
  t.ok(elapsed <= 1, 'it was there');
  const asked = stub.upstream.takeAsked();
  t.equal(asked.length, 6);
  t.notOk(asked.some((each) => each.endsWith(' AAAA')));
});

test('F6: other types pass', async (t) => {
  const stub = await startStub({ script, aaaa: 'filter' });
  await stub.ask(NAME, RrType.HTTPS);
  t.same(stub.upstream.takeAsked(), [`${NAME} HTTPS`]);
});

test('wrong, and known: a name that has IPv6 addresses alone seems to have none', async (t) => {
  const lines = {
    [`${NAME} A`]: nodata('example.com.'),
    [`${NAME} AAAA`]: message({ answer: [aaaa(NAME, '2001:db8::1')] }),
  };
  const stub = await startStub({ script: answerFrom({ lines }), aaaa: 'filter' });
  const { a: v4, aaaa: v6 } = await stub.askPair(NAME);
  t.same([v4.message.answer.length, v6.message.answer.length], [0, 0]);
});

test('wrong, and known: a lone AAAA question finds names that do not exist', async (t) => {
  const stub = await startStub({ script, aaaa: 'filter' });
  t.equal((await stub.ask('no.example.com.', RrType.AAAA)).message.rcode, Rcode.NOERROR);
  t.equal((await stub.ask('no.example.com.')).message.rcode, Rcode.NXDOMAIN);
});
