import { test } from 'tap';
import { ClusterZone } from '../../src/resolve/cluster-zone.ts';
import type { Query, Resolve } from '../../src/resolve/stage.ts';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { Rcode, RrType, typeName } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, cname, message, nodata, nxdomain } from '../support/messages.ts';
import { answerFrom } from '../support/world.ts';
import { answer, query } from './queries.ts';

const ZONE = 'cluster.local.';
const COM = 'com.svc.cluster.local.';
const RTT = 20;

async function setup({
  lines = {},
  sameRoute = true,
  conforming = true,
}: {
  /** Read at each question: a test may change them. */
  lines?: Record<string, Message | UpstreamError>;
  sameRoute?: boolean;
  conforming?: boolean;
} = {}) {
  const clock = new HandClock();
  const asked: string[] = [];
  const queries: Query[] = [];
  const script = (asking: Query) => answerFrom({ lines })(asking);
  const next: Resolve = (asking, asker) => {
    asked.push(`${asking.qname} ${typeName(asking.qtype)}`);
    queries.push(asking);
    const said = script(asking);
    clock.after(RTT, () => {
      if (said instanceof UpstreamError) asker.onFailure(said);
      else if (said !== 'silence') asker.onAnswer(answer(said));
    });
  };
  const verdicts: string[] = [];
  const zone = new ClusterZone({
    zone: ZONE,
    clock,
    sameRoute: () => sameRoute,
    onVerdict: (verdict, reason) => verdicts.push(`${verdict}: ${reason}`),
  });
  zone.attach(next);
  if (conforming) zone.test(next);
  await clock.advance(RTT);
  asked.length = 0;
  return { zone, clock, asked, queries, verdicts, next };
}

/** Asks whether `point` is denied and winds the clock until it is known. */
async function denied(
  { zone, clock }: { zone: ClusterZone; clock: HandClock },
  point: string,
): Promise<boolean> {
  const told = zone.denied(point);
  await clock.advance(RTT);
  return told;
}

test('N3: the point of an expansion is the last label of its base under its suffix', async (t) => {
  const { zone } = await setup();
  const cases: [string, string, string | undefined][] = [
    ['git.example.com.', 'job.svc.cluster.local.', 'com.job.svc.cluster.local.'],
    ['git.example.com.', 'svc.cluster.local.', 'com.svc.cluster.local.'],
    ['git.example.com.', 'cluster.local.', 'com.cluster.local.'],
    ['nginx.', 'job.svc.cluster.local.', 'nginx.job.svc.cluster.local.'],
    ['a._tcp.', 'svc.cluster.local.', undefined],
    ['ns.dns.', 'cluster.local.', undefined],
    ['a.b.', 'x.y.job.svc.cluster.local.', undefined],
  ];
  for (const [base, suffix, point] of cases) {
    t.equal(zone.pointFor({ base, suffix, inZone: true }), point, `${base} ${suffix}`);
  }
  t.equal(zone.pointFor({ base: 'git.com.', suffix: 'corp.example.', inZone: false }), undefined);
});

test('N3: a probe asks for A once, and its denial is a cut', async (t) => {
  const scene = await setup();
  const both = [scene.zone.denied(COM), scene.zone.denied(COM)];
  await scene.clock.advance(RTT);
  t.same(await Promise.all(both), [true, true]);
  t.same(scene.asked, [`${COM} A`]);
  t.equal(scene.zone.cutCount, 1);
  t.equal(scene.zone.covering(`git.example.${COM}`)?.source, 'cut');
  t.equal(await scene.zone.denied(COM), true, 'the cut knows');
  t.equal(scene.asked.length, 1);
});

test('N3: a probe asks as the first step of a name under that suffix, early and on nobody’s account', async (t) => {
  const scene = await setup();
  await denied(scene, COM);
  t.match(scene.queries.at(-1), {
    speculative: true,
    expansion: { base: 'com.', suffix: 'svc.cluster.local.', inZone: true },
  });
  t.notOk('client' in (scene.queries.at(-1) ?? {}));
});

test('N1: a probe that finds a name below svc.Z has met a namespace, for ten minutes', async (t) => {
  const scene = await setup({
    lines: { 'dev.svc.cluster.local.': nodata(ZONE), 'io.svc.cluster.local.': nodata(ZONE) },
  });
  await scene.clock.advance(600_000);
  t.equal(scene.zone.isNamespace('dev'), false, 'not before');
  await denied(scene, 'dev.svc.cluster.local.');
  t.equal(scene.zone.isNamespace('dev'), true);
  t.equal(scene.zone.isNamespace('io'), false);
  await scene.clock.advance(599_999);
  t.equal(scene.zone.isNamespace('dev'), true);
  await scene.clock.advance(1);
  t.equal(scene.zone.isNamespace('dev'), false);
});

test('N1: what is denied, fails, or stands elsewhere is no namespace', async (t) => {
  const cases: [string, Message | UpstreamError][] = [
    ['dev.svc.cluster.local.', nxdomain(ZONE)],
    ['dev.svc.cluster.local.', message({ rcode: Rcode.SERVFAIL })],
    ['dev.svc.cluster.local.', new UpstreamError('timeout', 'no answer')],
    ['dev.cluster.local.', nodata(ZONE)],
    ['dev.job.svc.cluster.local.', nodata(ZONE)],
  ];
  for (const [point, said] of cases) {
    const scene = await setup({ lines: { [point]: said } });
    await denied(scene, point);
    t.equal(scene.zone.isNamespace('dev'), false, point);
  }
});

test('N3: what exists, fails or is only an alias is not denied; a probe never rejects', async (t) => {
  const cases: [string, Message | UpstreamError][] = [
    ['NODATA', nodata(ZONE)],
    ['data', message({ answer: [a(COM, '10.0.0.1')] })],
    ['SERVFAIL', message({ rcode: Rcode.SERVFAIL })],
    ['no answer', new UpstreamError('timeout', 'no answer')],
    ['an alias to nowhere', { ...nxdomain(ZONE), answer: [cname(COM, 'gone.example.')] }],
  ];
  for (const [what, said] of cases) {
    const scene = await setup({ lines: { [COM]: said } });
    t.equal(await denied(scene, COM), false, what);
    t.equal(scene.zone.cutCount, 0, what);
  }
});

test('N3: a point with another route than the zone is neither asked nor denied', async (t) => {
  const scene = await setup({ sameRoute: false });
  t.equal(await denied(scene, COM), false);
  t.same(scene.asked, []);
});

test('N2: without a verdict a denial is one, but makes no cut', async (t) => {
  const scene = await setup({ conforming: false });
  t.equal(scene.zone.verdict, 'unknown');
  t.equal(await denied(scene, COM), true);
  t.equal(scene.zone.cutCount, 0);
});

test('N3: a question waits a moment for the probe that left before it', async (t) => {
  const { zone, clock } = await setup();
  void zone.denied(COM);
  let waited = 0;
  const started = clock.now();
  void zone.awaitProbe(COM).then(() => {
    waited = clock.now() - started;
  });
  await clock.advance(RTT);
  t.equal(waited, 10, 'no longer than the jitter');
  const late = 'late.svc.cluster.local.';
  void zone.denied(late);
  await clock.advance(RTT - 4);
  let answered = false;
  const before = clock.timers;
  void zone.awaitProbe(late).then(() => {
    answered = true;
  });
  await clock.advance(4);
  t.ok(answered, 'nor longer than the probe');
  t.equal(clock.timers, before, 'the cut has a timer where the probe had one, and nobody waits');
  let done = false;
  void zone.awaitProbe('org.svc.cluster.local.').then(() => {
    done = true;
  });
  await clock.advance(0);
  t.ok(done, 'not at all where none is out');
  t.equal(clock.timers > 0, true, 'the cut has its timer');
  zone.stop();
  t.equal(clock.timers, 0);
});

test('N3: data below a live cut ends all cuts and the verdict', async (t) => {
  const scene = await setup();
  await denied(scene, COM);
  await denied(scene, 'org.svc.cluster.local.');
  const name = `git.example.${COM}`;
  scene.zone.saw(query(name), answer({ answer: [a(name, '10.0.0.1')] }));
  t.equal(scene.zone.cutCount, 0);
  t.equal(scene.zone.verdict, 'unknown');
  t.match(scene.verdicts.at(-1), /^unknown: data below a cut/);
});

test('N3: NODATA below a live cut is a contradiction as well; a failure is not', async (t) => {
  const scene = await setup();
  await denied(scene, COM);
  const name = `git.example.${COM}`;
  scene.zone.saw(query(name), answer({ rcode: Rcode.SERVFAIL }));
  t.equal(scene.zone.cutCount, 1);
  scene.zone.saw(query(name, RrType.AAAA), answer(nodata(ZONE)));
  t.equal(scene.zone.cutCount, 0);
});

test('N3: data that no cut covers contradicts nothing', async (t) => {
  const scene = await setup();
  await denied(scene, COM);
  scene.zone.saw(query('nginx.job.svc.cluster.local.'), answer({ answer: [a('x.', '10.0.0.1')] }));
  t.equal(scene.zone.verdict, 'conforming');
  t.equal(scene.zone.cutCount, 1);
});

test('N2: a server that conforms no longer takes its cuts with it', async (t) => {
  const lines: Record<string, Message> = {};
  const scene = await setup({ lines });
  await scene.clock.advance(600_000 - 1_000);
  await denied(scene, COM);
  lines['svc.cluster.local.'] = nxdomain(ZONE);
  await scene.clock.advance(1_000 + RTT);
  t.equal(scene.zone.verdict, 'nonconforming');
  t.equal(scene.zone.cutCount, 0);
});

/** NXDOMAIN from `zone`, signed by another server than the world has. */
function signedByAnother(zone: string): Message {
  const said = nxdomain(zone);
  const [soa] = said.authority;
  if (soa === undefined) throw new Error('no SOA');
  const rdata = Uint8Array.from(soa.rdata);
  // The first letter of MNAME.
  rdata[1] = 'x'.charCodeAt(0);
  return { ...said, authority: [{ ...soa, rdata }] };
}

test('N2: only a zone that conforms listens to who denies, and a denial without SOA says nothing of that', async (t) => {
  const name = 'a.svc.cluster.local.';
  const fresh = await setup({ conforming: false });
  t.doesNotThrow(() => fresh.zone.saw(query(name), answer(signedByAnother(ZONE))));
  const failing = await setup({ lines: { 'svc.cluster.local.': nxdomain(ZONE) } });
  await failing.clock.advance(60_000);
  failing.zone.saw(query(name), answer(signedByAnother(ZONE)));
  t.equal(failing.zone.verdict, 'nonconforming');
  t.same(failing.asked, [], 'its test comes when it is due');
  const scene = await setup();
  scene.zone.saw(query(name), answer(message({ rcode: Rcode.NXDOMAIN })));
  t.equal(scene.zone.verdict, 'conforming');
});

test('N2: a denial signed by another MNAME has the zone tested anew; one of a zone inside Z has not', async (t) => {
  const scene = await setup();
  await scene.clock.advance(60_000);
  scene.asked.length = 0;
  scene.zone.saw(
    query('a.stub.svc.cluster.local.'),
    answer(signedByAnother('stub.svc.cluster.local.')),
  );
  t.equal(scene.zone.verdict, 'conforming');
  scene.zone.saw(query('a.svc.cluster.local.'), answer(signedByAnother(ZONE)));
  t.equal(scene.zone.verdict, 'unknown');
  t.equal(scene.asked.length, 6);
});

test('stop leaves no timer and no cut, though a probe and a test are out', async (t) => {
  const { zone, clock, asked } = await setup();
  void zone.denied(COM);
  await clock.advance(RTT / 2);
  zone.stop();
  await clock.advance(RTT);
  t.equal(zone.cutCount, 0);
  t.equal(clock.timers, 0);
  t.equal(asked.length, 1);
});

test('stop before any test is harmless', async (t) => {
  const { zone } = await setup({ conforming: false });
  t.doesNotThrow(() => zone.stop());
});
