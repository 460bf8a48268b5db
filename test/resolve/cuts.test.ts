import fc from 'fast-check';
import { test } from 'tap';
import { Cuts, cutPoints } from '../../src/resolve/cuts.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { joinNames, labelsOf, type Name } from '../../src/wire/name.ts';
import { ownNegative } from '../../src/wire/soa.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, cname, message, nodata, nxdomain, record, soa } from '../support/messages.ts';
import { answer, query } from './queries.ts';

const ZONE = 'cluster.local.';
const COM = 'com.svc.cluster.local.';
const DB = 'db.job.svc.cluster.local.';

function setup() {
  const clock = new HandClock();
  const refreshed: Name[] = [];
  const server = { trusted: true };
  const cuts = new Cuts({
    zone: ZONE,
    clock,
    trusted: () => server.trusted,
    refresh: (point) => refreshed.push(point),
  });
  const note = (point: Name, said: Message, age = 0) =>
    cuts.note(query(point), answer(said, { age }));
  return { cuts, clock, refreshed, server, note };
}

/** N3, read off the rule: children of Z, `svc.Z` and `NS.svc.Z`; never at `_…` or `dns`. */
function pointsByModel(labels: readonly string[]): Name[] {
  const fromTop = labels.toReversed();
  const parents: string[][] = [[]];
  if (fromTop[0] === 'svc') parents.push(['svc']);
  if (fromTop[0] === 'svc' && fromTop[1] !== undefined) parents.push(['svc', fromTop[1]]);
  return parents
    .map((parent) => fromTop.slice(0, parent.length + 1))
    .filter((point, i) => point.length === i + 1)
    .filter((point) => !(point.at(-1) ?? '').startsWith('_') && point.at(-1) !== 'dns')
    .map((point) => joinNames(`${point.toReversed().join('.')}.`, ZONE));
}

test('N3: cuts stand at children of Z, svc.Z and NS.svc.Z, and nowhere else', async (t) => {
  const label = fc.constantFrom('svc', 'pod', 'com', 'dns', '_tcp', 'job', 'nginx', 'ns', 'a');
  const property = fc.property(fc.array(label, { minLength: 1, maxLength: 6 }), (labels) => {
    const points = cutPoints(joinNames(`${labels.join('.')}.`, ZONE), ZONE);
    t.same(points, pointsByModel(labels));
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 200 }));
});

test('N3: every point is the name or above it, from the top', async (t) => {
  t.same(cutPoints('git.example.com.job.svc.cluster.local.', ZONE), [
    'svc.cluster.local.',
    'job.svc.cluster.local.',
    'com.job.svc.cluster.local.',
  ]);
  t.same(cutPoints('git.example.com.cluster.local.', ZONE), ['com.cluster.local.']);
  t.same(cutPoints('10-0-0-1.job.pod.cluster.local.', ZONE), ['pod.cluster.local.']);
  t.same(cutPoints(ZONE, ZONE), []);
  t.same(cutPoints('cluster.local.example.com.', ZONE), []);
  t.same(cutPoints('notcluster.local.', ZONE), [], 'a zone ends at a label');
});

test('N3: a cut denies its point and everything below, and nothing beside it', async (t) => {
  const { cuts, note } = setup();
  note(COM, nxdomain(ZONE));
  for (const name of [COM, `example.${COM}`, `a.b.c.${COM}`]) {
    t.equal(cuts.covering(name)?.message.rcode, Rcode.NXDOMAIN, name);
    t.equal(cuts.covering(name)?.source, 'cut');
  }
  for (const name of [`xcom.svc.${ZONE}`, `svc.${ZONE}`, `com.job.svc.${ZONE}`, `com.${ZONE}`]) {
    t.equal(cuts.covering(name), undefined, name);
  }
  t.equal(cuts.standsAt(COM), true);
  t.equal(cuts.standsAt(`example.${COM}`), false);
});

test('N3: only NXDOMAIN of that very name, with an SOA inside Z, makes a cut', async (t) => {
  const cases: [string, Message][] = [
    ['NODATA', nodata(ZONE)],
    ['data', message({ answer: [a(COM, '192.0.2.1')] })],
    ['SERVFAIL', message({ rcode: Rcode.SERVFAIL, authority: [soa(ZONE)] })],
    ['no SOA', message({ rcode: Rcode.NXDOMAIN })],
    ['the SOA of the root', nxdomain('.')],
    ['the end of a chain', { ...nxdomain(ZONE), answer: [cname(COM, `gone.${ZONE}`)] }],
    ['TTL 0', nxdomain(ZONE, 0)],
  ];
  for (const [what, said] of cases) {
    const { cuts, note, clock } = setup();
    note(COM, said);
    t.equal(cuts.covering(COM), undefined, what);
    t.equal(clock.timers, 0);
  }
  const { cuts, note } = setup();
  note(`a.b.c.job.svc.${ZONE}`, nxdomain(ZONE));
  t.equal(cuts.size, 0, 'not at a point');
});

test('N3: an answer ends the cut that stood there; a failure does not', async (t) => {
  const { cuts, note } = setup();
  note(COM, nxdomain(ZONE));
  note(COM, message({ rcode: Rcode.SERVFAIL }));
  t.ok(cuts.covering(COM));
  note(COM, nodata(ZONE));
  t.equal(cuts.covering(COM), undefined);
});

test('N3: a TLD is denied for 30 s, another label for 5 s, neither longer than the SOA says', async (t) => {
  const cases: [Name, number, number][] = [
    [COM, 3_600, 30],
    [COM, 12, 12],
    [DB, 3_600, 5],
    [DB, 2, 2],
  ];
  for (const [point, minimum, life] of cases) {
    const { cuts, note, clock } = setup();
    note(point, nxdomain(ZONE, minimum));
    t.equal(cuts.covering(point)?.message.authority[0]?.ttl, life, 'told to the client');
    await clock.advance(life * 1_000 + 499);
    t.ok(cuts.standsAt(point), `${point} within the grace of 500 ms`);
    await clock.advance(1);
    t.notOk(cuts.standsAt(point), `${point} after it`);
    t.equal(cuts.covering(point), undefined);
  }
});

test('N3: what the cache had of the denial already counts against the life of its cut', async (t) => {
  const { cuts, note, clock } = setup();
  note(COM, nxdomain(ZONE, 10), 4);
  await clock.advance(6_000 + 499);
  t.ok(cuts.covering(COM));
  await clock.advance(1);
  t.equal(cuts.covering(COM), undefined);
  note(COM, nxdomain(ZONE, 10), 10);
  t.equal(cuts.covering(COM), undefined, 'nothing is left of it');
});

test('N3, C2: a denial from the cache is no cut for longer than it is a denial there', async (t) => {
  const { cuts, clock } = setup();
  await clock.advance(10_000);
  const freshAt = clock.now() - 4_900;
  const said = answer(nxdomain(ZONE, 10), { age: 4, source: 'cache', freshAt });
  cuts.note(query(COM), said);
  await clock.advance(5_000 + 499);
  t.ok(cuts.covering(COM));
  await clock.advance(1);
  t.equal(cuts.covering(COM), undefined, 'five whole seconds were left, not six');
});

test('N3: the limit of 5 s counts from upstream’s word, not from when a cut is made of it', async (t) => {
  const { cuts, clock } = setup();
  await clock.advance(10_000);
  const freshAt = clock.now() - 3_000;
  cuts.note(query(DB), answer(nxdomain(ZONE, 3_600), { age: 3, source: 'cache', freshAt }));
  await clock.advance(2_000 + 499);
  t.ok(cuts.covering(DB));
  await clock.advance(1);
  t.equal(cuts.covering(DB), undefined);
});

test('N3: a cut ages, so that no client is told more than is left', async (t) => {
  const { cuts, note, clock } = setup();
  await clock.advance(60_000);
  note(COM, nxdomain(ZONE, 30));
  await clock.advance(7_900);
  t.equal(cuts.covering(COM)?.age, 7);
});

test('N3: a cut tells the proof alone, and no record of it for longer than it had', async (t) => {
  const { cuts, note } = setup();
  const nsec = record(ZONE, RrType.NSEC, new Uint8Array(3), 4);
  const said = nxdomain(ZONE, 3_600);
  note(COM, { ...said, authority: [...said.authority, nsec], additional: [a(ZONE, '192.0.2.1')] });
  const { authority, additional } = cuts.covering(COM)?.message ?? message();
  t.same(
    authority.map(({ type, ttl }) => [type, ttl]),
    [
      [RrType.SOA, 30],
      [RrType.NSEC, 4],
    ],
  );
  t.same(additional, []);
});

test('N3: a cut that was used is refreshed at its end, an idle one is not', async (t) => {
  const { cuts, note, clock, refreshed } = setup();
  note(COM, nxdomain(ZONE));
  note(DB, nxdomain(ZONE));
  cuts.covering(`git.example.${COM}`);
  await clock.advance(29_999);
  t.same(refreshed, []);
  await clock.advance(1);
  t.same(refreshed, [COM]);
  note(COM, nxdomain(ZONE));
  await clock.advance(31_000);
  t.same(refreshed, [COM], 'nobody used the second life');
});

test('N9: what was denied in the last five minutes is remembered for an upstream that fails', async (t) => {
  const { cuts, note, clock } = setup();
  note(COM, nxdomain(ZONE, 30));
  await clock.advance(30_000 + 5 * 60_000 - 1);
  t.equal(cuts.covering(COM), undefined);
  t.equal(cuts.lastKnown(`git.example.${COM}`)?.message.rcode, Rcode.NXDOMAIN);
  await clock.advance(1);
  t.equal(cuts.lastKnown(`git.example.${COM}`), undefined);
});

test('N2: without trust no cut is made, none answers, and none is remembered', async (t) => {
  const { cuts, note, server, clock, refreshed } = setup();
  note(COM, nxdomain(ZONE));
  cuts.covering(COM);
  server.trusted = false;
  t.equal(cuts.covering(COM), undefined);
  t.equal(cuts.lastKnown(COM), undefined);
  t.equal(cuts.standsAt(COM), false);
  note(DB, nxdomain(ZONE));
  await clock.advance(31_000);
  t.same(refreshed, []);
  server.trusted = true;
  t.equal(cuts.standsAt(DB), false);
});

test('S1: four thousand cuts at most, and none leaves a timer behind', async (t) => {
  const { cuts, note, clock } = setup();
  for (let i = 0; i < 5_000; i++) note(`n${i}.svc.${ZONE}`, nxdomain(ZONE));
  t.equal(cuts.size, 4_096);
  t.equal(clock.timers, 4_096);
  note(`n4999.svc.${ZONE}`, nxdomain(ZONE));
  t.equal(clock.timers, 4_096, 'a cut that is made anew has one timer');
  cuts.clear();
  t.equal(cuts.size, 0);
  t.equal(clock.timers, 0);
});

test('N3: whatever was noted, a name is denied only by a point at or above it that was', async (t) => {
  const label = fc.constantFrom('svc', 'com', 'job', 'db', 'a');
  const name = fc
    .array(label, { minLength: 1, maxLength: 5 })
    .map((labels) => joinNames(`${labels.join('.')}.`, ZONE));
  const property = fc.property(fc.array(name, { maxLength: 8 }), name, (points, qname) => {
    const { cuts, note } = setup();
    for (const point of points) note(point, nxdomain(ZONE));
    const noted = new Set(points);
    const expected = pointsByModel(labelsOf(qname).slice(0, -2)).some((point) => noted.has(point));
    return (cuts.covering(qname) !== undefined) === expected;
  });
  t.doesNotThrow(() => fc.assert(property, { numRuns: 500 }));
});

test('N3: what a sidestub upstream denies by its configuration is no proof, and ends none', async (t) => {
  const { cuts, note } = setup();
  note(COM, ownNegative(Rcode.NXDOMAIN, ZONE, 30));
  t.equal(cuts.covering(COM), undefined);
  note(COM, nxdomain(ZONE));
  note(COM, ownNegative(Rcode.NXDOMAIN, ZONE, 30));
  t.ok(cuts.covering(COM));
});

test('N3: what is there now ends the cuts at its name and above, and no other', async (t) => {
  const { cuts, note } = setup();
  for (const point of [COM, DB, `db.svc.${ZONE}`]) note(point, nxdomain(ZONE));
  cuts.end(`web-0.${DB}`);
  t.equal(cuts.standsAt(DB), false);
  t.equal(cuts.standsAt(COM), true);
  t.equal(cuts.standsAt(`db.svc.${ZONE}`), true);
});
