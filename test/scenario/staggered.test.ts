// F2, F3: `families.order: auto`, where a pair costs one round trip.
import { test } from 'tap';
import { Rcode } from '../../src/wire/codes.ts';
import { a, aaaa, message, nodata } from '../support/messages.ts';
import type { Line } from '../support/scripted-upstream.ts';
import { startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';

const SERVICE = 'web.job.svc.cluster.local.';
const GIT = 'git.example.com.';
const RTT = 20;

const lines: Record<string, Line> = {
  [`${SERVICE} A`]: message({ answer: [a(SERVICE, '10.0.0.9')] }),
  [`${SERVICE} AAAA`]: message(nodata('cluster.local.')),
  [`${GIT} A`]: message({ answer: [a(GIT, '192.0.2.1')] }),
  [`${GIT} AAAA`]: message({ answer: [aaaa(GIT, '2001:db8::1')] }),
};

lines['prod.svc.cluster.local. A'] = message(nodata('cluster.local.'));
for (const name of ['api', 'web']) {
  const qname = `${name}.prod.svc.cluster.local.`;
  lines[`${qname} A`] = message({ answer: [a(qname, '10.0.0.9')] });
  lines[`${qname} AAAA`] = message(nodata('cluster.local.'));
}

const setup = (kind: 'auto' | 'serial', delay = RTT) =>
  startStub({ script: answerFrom({ lines }), order: { kind }, delay });

test('F2: a base takes one round trip in auto, two in serial', async (t) => {
  t.equal((await (await setup('auto')).askPair(GIT)).elapsed, RTT);
  t.equal((await (await setup('serial')).askPair(GIT)).elapsed, 2 * RTT);
});

test('F3: a service is asked for both families at once, and answered one round trip later', async (t) => {
  const stub = await setup('auto');
  const { a: v4, aaaa: v6, elapsed } = await stub.askPair(SERVICE);
  t.equal(v4.message.answer.length, 1);
  t.equal(v6.message.rcode, Rcode.NOERROR);
  t.equal(elapsed, RTT);
  t.same(stub.upstream.takeAsked(), [`${SERVICE} A`, `${SERVICE} AAAA`]);
});

test('F3: a denied one has its AAAA answered by A, and upstream no more questions than the client has asked', async (t) => {
  const stub = await setup('auto');
  const { a: v4, aaaa: v6, elapsed } = await stub.askPair('nowhere.job.svc.cluster.local.');
  t.equal(v4.message.rcode, Rcode.NXDOMAIN);
  t.equal(v6.message.rcode, Rcode.NXDOMAIN);
  t.equal(elapsed, RTT, 'when A is denied, not when AAAA is');
  const own = stub.upstream.takeAsked().filter((each) => each.startsWith('nowhere.job.'));
  t.equal(own.length, 2);
});

test('F3: where DNS is nearer than a millisecond, AAAA of a denied expansion is asked only for what looks like a service', async (t) => {
  const stub = await setup('auto', 0.5);
  for (const qname of ['nowhere.svc.cluster.local.', 'nowhere.cluster.local.']) {
    await stub.askPair(qname);
    t.same(stub.upstream.takeAsked(), [`${qname} A`]);
  }
  const service = 'elsewhere.job.svc.cluster.local.';
  await stub.askPair(service);
  const own = stub.upstream.takeAsked().filter((each) => each.startsWith(service));
  t.same(own, [`${service} A`, `${service} AAAA`]);
});

test('F3: an expansion of a name of the world outside waits for A’s denial in auto too', async (t) => {
  const stub = await setup('auto');
  await stub.askPair(`git.example.com.job.svc.cluster.local.`);
  const asked = stub.upstream.takeAsked();
  t.notOk(asked.includes('git.example.com.job.svc.cluster.local. AAAA'));
  t.equal(asked.length, 7, 'as serial');
});

test('F3: a namespace that is called like a TLD costs no more in auto than in serial', async (t) => {
  const counts = [];
  for (const kind of ['auto', 'serial'] as const) {
    const stub = await setup(kind);
    for (const name of ['api.prod', 'web.prod']) {
      for (const suffix of ['job.svc.cluster.local.', 'svc.cluster.local.']) {
        await stub.askPair(`${name}.${suffix}`);
      }
    }
    await stub.clock.advance(100);
    counts.push(stub.upstream.takeAsked().length);
  }
  t.equal(counts[0], counts[1], 'questions');
});
