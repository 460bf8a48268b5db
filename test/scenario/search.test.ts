import { test } from 'tap';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { a, cname, message, nxdomain } from '../support/messages.ts';
import { type Stub, SUFFIXES, startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';

const GIT = 'git.example.com.';
const world = answerFrom({ hosts: [GIT, 'www.example.com.'] });
const RTT = 20;

/** Walks as musl does: the pair under each suffix, then as it is, until one is not NXDOMAIN. */
async function walk(
  stub: Stub,
  base: string,
): Promise<{ elapsed: number; rcodes: number[]; found: string }> {
  const started = stub.clock.now();
  const rcodes: number[] = [];
  for (const suffix of [...SUFFIXES, '']) {
    const step = await stub.askPair(`${base}${suffix}`);
    rcodes.push(step.a.message.rcode);
    const denied = [step.a, step.aaaa].some((answer) => answer.message.rcode === Rcode.NXDOMAIN);
    if (!denied) return { elapsed: stub.clock.now() - started, rcodes, found: `${base}${suffix}` };
  }
  return { elapsed: stub.clock.now() - started, rcodes, found: '' };
}

test('N4: a cold walk costs two round trips and seven queries', async (t) => {
  const stub = await startStub({ script: world });
  const cold = await walk(stub, GIT);
  t.equal(cold.found, GIT);
  t.ok(cold.elapsed <= 2.2 * RTT, `${cold.elapsed} ms`);
  t.same(
    stub.upstream.takeAsked().sort(),
    [
      `${GIT} A`,
      `${GIT} AAAA`,
      `${GIT}corp.example. A`,
      `${GIT}job.svc.cluster.local. A`,
      'com.cluster.local. A',
      'com.job.svc.cluster.local. A',
      'com.svc.cluster.local. A',
    ].sort(),
  );
  t.same(stub.bugs, []);
});

test('N3: one cut serves every name with that last label, so the next name costs three queries', async (t) => {
  const stub = await startStub({ script: world });
  await walk(stub, GIT);
  stub.upstream.takeAsked();
  const next = await walk(stub, 'www.example.com.');
  t.ok(next.elapsed <= 2.2 * RTT, `${next.elapsed} ms`);
  t.same(stub.upstream.takeAsked(), [
    'www.example.com. A',
    'www.example.com.corp.example. A',
    'www.example.com. AAAA',
  ]);
  t.ok(stub.fates.get('cut') >= 6, 'cuts answered the steps in the zone');
});

test('C2: a warm walk asks nothing', async (t) => {
  const stub = await startStub({ script: world });
  await walk(stub, GIT);
  stub.upstream.takeAsked();
  const warm = await walk(stub, GIT);
  t.equal(warm.found, GIT);
  t.same(stub.upstream.takeAsked(), []);
});

test('N4: a base that may be a service is not shown outside before the cluster denies it', async (t) => {
  const stub = await startStub({ script: answerFrom({ hosts: ['europe-docker.pkg.dev.'] }) });
  const first = stub.askPair('europe-docker.pkg.dev.job.svc.cluster.local.');
  t.notOk(
    stub.upstream.asked.some((asked) => asked.startsWith('europe-docker.pkg.dev. ')),
    'not before dev.svc.Z is denied',
  );
  await first;
  const cold = await walk(stub, 'europe-docker.pkg.dev.');
  t.equal(cold.found, 'europe-docker.pkg.dev.');
  t.ok(cold.elapsed <= 2.2 * RTT, 'two round trips are left after the first step');
});

test('N4: a namespace called like a TLD keeps its names in the cluster', async (t) => {
  const script = answerFrom({
    nodes: ['dev.svc.cluster.local.'],
    hosts: ['api.dev.svc.cluster.local.'],
  });
  const stub = await startStub({ script });
  const walked = await walk(stub, 'api.dev.');
  t.equal(walked.found, 'api.dev.svc.cluster.local.');
  t.notOk(
    stub.upstream.asked.some((asked) => asked.startsWith('api.dev. ')),
    'the leak guard held',
  );
  t.notOk(stub.upstream.asked.some((asked) => asked.startsWith('api.dev.corp')));
});

test('N2: without a positive verdict there are no cuts, and the walk is as short', async (t) => {
  const kubeDns = answerFrom({
    hosts: [GIT],
    lines: { 'svc.cluster.local.': nxdomain('cluster.local.') },
  });
  const stub = await startStub({ script: kubeDns });
  t.match(stub.verdicts, [/^nonconforming: svc\.cluster\.local\. is denied/]);
  const cold = await walk(stub, GIT);
  t.equal(cold.found, GIT);
  t.ok(cold.elapsed <= 2.2 * RTT, `${cold.elapsed} ms`);
  t.equal(stub.fates.get('cut'), 0);
  t.equal(stub.upstream.takeAsked().length, 6, 'the four expansions by A, and the base');
});

test('N2: queries do not wait for the verdict', async (t) => {
  const stub = await startStub({ script: world, conformance: false });
  stub.start();
  const cold = await walk(stub, GIT);
  t.equal(cold.found, GIT);
  t.ok(cold.elapsed <= 2.2 * RTT, `${cold.elapsed} ms`);
});

test('N2: a server that denies names without SOA, or from outside the zone, gets no cuts', async (t) => {
  for (const denial of [message({ rcode: Rcode.NXDOMAIN }), nxdomain('.')]) {
    const script = answerFrom({ hosts: [GIT] });
    const stub = await startStub({
      script: (question) => {
        const line = script(question);
        const isDenial =
          typeof line === 'object' && 'rcode' in line && line.rcode === Rcode.NXDOMAIN;
        return isDenial ? denial : line;
      },
    });
    t.match(stub.verdicts, [/^nonconforming: NXDOMAIN below/]);
  }
});

test('N2: a test that gets no answer is repeated until it does', async (t) => {
  let up = false;
  const stub = await startStub({
    script: (question) => (up ? world(question) : new UpstreamError('timeout', 'no answer')),
  });
  t.same(stub.verdicts, [], 'no answer is no verdict');
  up = true;
  await stub.clock.advance(2_000);
  t.match(stub.verdicts, [/^conforming/]);
});

test('N3: data below a live cut drops every cut until the next test', async (t) => {
  const lines = {
    'a.b.backend.job.svc.cluster.local.': message({
      answer: [a('a.b.backend.job.svc.cluster.local.', '10.0.0.1')],
    }),
  };
  const stub = await startStub({ script: answerFrom({ lines }) });
  await stub.ask('a.b.backend.job.svc.cluster.local.');
  await stub.clock.advance(0);
  t.match(stub.verdicts.at(-1), /^unknown: data below a cut/);
  stub.upstream.takeAsked();
  await stub.ask('other.b.backend.job.svc.cluster.local.');
  t.same(stub.upstream.takeAsked(), ['other.b.backend.job.svc.cluster.local. A'], 'asked, not cut');
  await stub.clock.advance(31_000);
  t.match(stub.verdicts.at(-1), /^conforming/, 'tested again after half a minute');
});

test('N3: a cut lives five seconds for a label that is no TLD', async (t) => {
  const stub = await startStub({ script: world });
  await stub.ask('a.x.backend.job.svc.cluster.local.');
  stub.upstream.takeAsked();
  await stub.ask('b.x.backend.job.svc.cluster.local.');
  t.same(stub.upstream.takeAsked(), [], 'the cut answers');
  await stub.clock.advance(5_600);
  await stub.clock.advance(5_600);
  stub.upstream.takeAsked();
  await stub.ask('c.x.backend.job.svc.cluster.local.');
  t.same(stub.upstream.takeAsked().sort(), [
    'backend.job.svc.cluster.local. A',
    'c.x.backend.job.svc.cluster.local. A',
  ]);
});

test('N3: a cut that was used is refreshed at its end, and serves while that lasts', async (t) => {
  const stub = await startStub({ script: world });
  await walk(stub, GIT);
  await walk(stub, 'www.example.com.');
  stub.upstream.takeAsked();
  await stub.clock.advance(5_010);
  t.ok(stub.upstream.asked.includes('com.svc.cluster.local. A'), 'asked again by itself');
  await stub.clock.advance(RTT);
  const asked = stub.upstream.takeAsked();
  const step = await stub.ask('third.example.com.svc.cluster.local.');
  t.equal(step.source, 'cut');
  t.notOk(asked.includes('third.example.com.svc.cluster.local. A'));
  await stub.clock.advance(20_000);
  stub.upstream.takeAsked();
  await stub.clock.advance(20_000);
  t.same(stub.upstream.takeAsked(), [], 'nobody refreshes what nobody uses');
});

test('N3: no cut stands at a label that starts with _, or at dns', async (t) => {
  const stub = await startStub({ script: world });
  for (const label of ['_tcp', 'dns']) {
    await stub.ask(`a.${label}.job.svc.cluster.local.`);
    stub.upstream.takeAsked();
    await stub.ask(`b.${label}.job.svc.cluster.local.`);
    t.same(stub.upstream.takeAsked(), [`b.${label}.job.svc.cluster.local. A`], label);
  }
});

test('N3: NXDOMAIN at the end of a CNAME chain is no cut (RFC 6604)', async (t) => {
  const point = 'backend.job.svc.cluster.local.';
  const alias = {
    ...nxdomain('cluster.local.'),
    answer: [cname(point, 'gone.cluster.local.')],
  };
  const stub = await startStub({ script: answerFrom({ lines: { [point]: alias } }) });
  await stub.ask(`a.${point}`);
  stub.upstream.takeAsked();
  const next = await stub.ask(`b.${point}`);
  t.equal(next.source, 'upstream');
  t.ok(stub.upstream.takeAsked().includes(`b.${point} A`));
});

test('N3: a cut answers other types too, and never asks for them', async (t) => {
  const stub = await startStub({ script: world });
  await walk(stub, GIT);
  stub.upstream.takeAsked();
  const srv = await stub.ask('_http._tcp.example.com.svc.cluster.local.', RrType.SRV);
  t.equal(srv.source, 'cut');
  t.equal(srv.message.rcode, Rcode.NXDOMAIN);
  t.same(stub.upstream.takeAsked(), []);
});

test('N6: expansions of a pinned name do not exist, whatever the cluster says', async (t) => {
  const script = answerFrom({
    hosts: [GIT],
    nodes: ['com.svc.cluster.local.', 'example.com.svc.cluster.local.'],
    lines: {
      [`${GIT}svc.cluster.local.`]: message({
        answer: [a(`${GIT}svc.cluster.local.`, '10.0.0.66')],
      }),
    },
  });
  const hijacked = await startStub({ script });
  t.equal((await walk(hijacked, GIT)).found, `${GIT}svc.cluster.local.`, 'the hijack is real');
  const pinned = await startStub({ script, pin: [GIT] });
  t.equal((await walk(pinned, GIT)).found, GIT);
  t.same(pinned.upstream.takeAsked(), [`${GIT} A`, `${GIT} AAAA`]);
});

test('N9: SERVFAIL under a suffix never becomes NXDOMAIN', async (t) => {
  const stub = await startStub({
    script: answerFrom({
      nodes: ['com.svc.cluster.local.'],
      lines: { [`${GIT}svc.cluster.local.`]: message({ rcode: Rcode.SERVFAIL }) },
    }),
  });
  const step = await stub.ask(`${GIT}svc.cluster.local.`);
  t.equal(step.message.rcode, Rcode.SERVFAIL);
});

test('N9: a cut of the last five minutes stands in for an upstream that fails', async (t) => {
  let up = true;
  const stub = await startStub({
    script: (question) => (up ? world(question) : new UpstreamError('timeout', 'no answer')),
  });
  await walk(stub, GIT);
  up = false;
  await stub.clock.advance(60_000);
  const step = await stub.ask(`${GIT}svc.cluster.local.`);
  t.equal(step.message.rcode, Rcode.NXDOMAIN);
  t.equal(step.source, 'stale');
  await stub.clock.advance(5 * 60_000);
  t.equal((await stub.ask(`${GIT}svc.cluster.local.`)).message.rcode, Rcode.SERVFAIL);
});

test('N9: a cut whose life is over denies nothing that upstream has a word on', async (t) => {
  const service = 'db.backend.dev.job.svc.cluster.local.';
  const before = answerFrom({});
  const after = answerFrom({ hosts: [service] });
  let created = false;
  const stub = await startStub({ script: (question) => (created ? after : before)(question) });
  t.equal((await stub.ask(service)).message.rcode, Rcode.NXDOMAIN);
  created = true;
  await stub.clock.advance(60_000);
  // Not an address: no probe goes out beside it, whose answer would end the cut.
  t.equal((await stub.ask(service, RrType.TXT)).message.rcode, Rcode.NOERROR);
});

test('N4: what speculation brought is held for its walk, even with TTL 0 and without SOA', async (t) => {
  const script = answerFrom({
    lines: {
      [`${GIT} A`]: message({ answer: [a(GIT, '192.0.2.7', 0)] }),
      [`${GIT}corp.example.`]: message({ rcode: Rcode.NXDOMAIN }),
    },
  });
  const stub = await startStub({ script });
  await walk(stub, GIT);
  t.equal(stub.upstream.asked.filter((asked) => asked === `${GIT} A`).length, 1);
  t.equal(stub.upstream.asked.filter((asked) => asked === `${GIT}corp.example. A`).length, 1);
  await stub.clock.advance(2_100);
  stub.upstream.takeAsked();
  await stub.ask(GIT);
  t.same(stub.upstream.takeAsked(), [`${GIT} A`], 'TTL 0 is not kept for anybody else');
});

test('a name that exists nowhere fails as fast as the walk', async (t) => {
  const stub = await startStub({ script: answerFrom({}) });
  const walked = await walk(stub, 'nope.example.com.');
  t.equal(walked.found, '');
  t.same(
    walked.rcodes,
    Array.from({ length: 5 }, () => Rcode.NXDOMAIN),
  );
  t.ok(walked.elapsed <= 2.2 * RTT, `${walked.elapsed} ms`);
});

test('off: nothing is fetched early and nothing is cut', async (t) => {
  const stub = await startStub({ script: world, mode: 'off' });
  await walk(stub, GIT);
  t.equal(stub.upstream.takeAsked()[0], `${GIT}job.svc.cluster.local. A`);
  t.equal(stub.fates.get('cut'), 0);
  const again = await stub.ask(`x.example.com.svc.cluster.local.`);
  t.equal(again.source, 'upstream');
});

test('names of the cluster resolve as they do directly', async (t) => {
  const script = answerFrom({
    hosts: [
      'nginx.job.svc.cluster.local.',
      'web-0.nginx.job.svc.cluster.local.',
      'registry.tools.corp.example.',
    ],
  });
  const stub = await startStub({ script });
  t.equal((await walk(stub, 'nginx.')).found, 'nginx.job.svc.cluster.local.');
  t.equal((await walk(stub, 'web-0.nginx.')).found, 'web-0.nginx.job.svc.cluster.local.');
  t.equal((await walk(stub, 'kubernetes.default.')).found, 'kubernetes.default.svc.cluster.local.');
  t.equal((await walk(stub, 'registry.tools.')).found, 'registry.tools.corp.example.');
});

test('N4: a base that lies in the cluster zone is meant as it is', async (t) => {
  const stub = await startStub({ script: world });
  const walked = await walk(stub, 'kubernetes.default.svc.cluster.local.');
  t.equal(walked.found, 'kubernetes.default.svc.cluster.local.');
  t.ok(walked.elapsed <= 2.2 * RTT, `${walked.elapsed} ms`);
});

test('C2: a denial in the zone is believed for a moment where a service may be made, and for five seconds elsewhere', async (t) => {
  for (const [base, life] of [
    ['late', 250],
    ['late.other', 250],
    ['late.example.com', 5_000],
    ['git.host.internal', 5_000],
  ] as const) {
    const late = `${base}.job.svc.cluster.local.`;
    const script = answerFrom({ lines: { [late]: nxdomain('cluster.local.', 3_600) } });
    const stub = await startStub({ script, mode: 'off' });
    await stub.ask(late);
    await stub.clock.advance(life - 10);
    t.equal((await stub.ask(late)).source, 'cache', base);
    await stub.clock.advance(10);
    t.equal((await stub.ask(late)).source, 'upstream', base);
  }
});
