// N4: a short name whose first step is denied has its other steps asked ahead.
import { test } from 'tap';
import type { Name } from '../../src/wire/name.ts';
import { a, message, nodata } from '../support/messages.ts';
import type { Line } from '../support/scripted-upstream.ts';
import { startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';

const RTT = 20;
const STEPS = [
  'job.svc.cluster.local.',
  'svc.cluster.local.',
  'cluster.local.',
  'corp.example.',
  '',
];

const found = (qname: Name): Record<string, Line> => ({
  [`${qname} A`]: message({ answer: [a(qname, '10.0.0.9')] }),
  [`${qname} AAAA`]: nodata('example.'),
});

const start = (lines: Record<string, Line> = {}) =>
  startStub({ script: answerFrom({ lines }), delay: RTT });

/** Walks the list as libc does, up to the first address. @returns How many steps that took, and how long. */
async function walk(stub: Awaited<ReturnType<typeof start>>, base: string) {
  const begun = stub.clock.now();
  let steps = 0;
  for (const suffix of STEPS) {
    steps++;
    const pair = await stub.askPair(`${base}.${suffix}`);
    if (pair.a.message.answer.length > 0) break;
  }
  return { steps, elapsed: stub.clock.now() - begun };
}

test('N4: a short name of the company takes three round trips, and no question that the client would not ask', async (t) => {
  const stub = await start(found('wiki.corp.example.'));
  const { steps, elapsed } = await walk(stub, 'wiki');
  t.equal(steps, 4);
  t.ok(elapsed <= 3 * RTT + 4, `${elapsed} ms for ${steps} steps`);
  await stub.clock.advance(5 * RTT);
  const asked = stub.upstream.takeAsked();
  t.ok(asked.length <= 2 * steps, asked.join());
  t.notOk(asked.includes('wiki. A'), 'the base is not shown to anybody');
});

test('N4: one that exists nowhere takes a round trip less than its steps, and fewer questions', async (t) => {
  const stub = await start();
  const { steps, elapsed } = await walk(stub, 'nowhere');
  t.equal(steps, 5);
  t.ok(elapsed <= 4 * RTT + 5, `${elapsed} ms for ${steps} steps`);
  const asked = stub.upstream.takeAsked();
  t.ok(asked.length < 2 * steps, asked.join());
});

test('N4: a service that exists has nothing asked ahead', async (t) => {
  const stub = await start(found('web.job.svc.cluster.local.'));
  await walk(stub, 'web');
  await stub.clock.advance(5 * RTT);
  t.same(stub.upstream.takeAsked(), [
    'web.job.svc.cluster.local. A',
    'web.job.svc.cluster.local. AAAA',
  ]);
});

test('N4: what the cluster has under another suffix is not asked for outside', async (t) => {
  const stub = await start(found('dns.cluster.local.'));
  await walk(stub, 'dns');
  await stub.clock.advance(5 * RTT);
  t.notOk(stub.upstream.takeAsked().some((each) => /^dns\.(corp|\s)/.test(each)));
});

test('N4: nor is a name of two labels, which the next step has', async (t) => {
  const stub = await start(found('web.other.svc.cluster.local.'));
  await walk(stub, 'web.other');
  await stub.clock.advance(5 * RTT);
  t.equal(stub.upstream.takeAsked().filter((each) => /corp|^web\.other\. /.test(each)).length, 0);
});

test('N4: the walks of two seconds have their steps asked ahead once', async (t) => {
  const stub = await start();
  await walk(stub, 'nowhere');
  stub.upstream.takeAsked();
  await stub.clock.advance(300);
  await stub.askPair('nowhere.job.svc.cluster.local.');
  await stub.clock.advance(5 * RTT);
  const asked = stub.upstream.takeAsked();
  t.same(asked, ['nowhere.job.svc.cluster.local. A', 'nowhere.job.svc.cluster.local. AAAA']);
});
