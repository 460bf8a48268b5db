import { test } from 'tap';
import { Conformance } from '../../src/resolve/conformance.ts';
import type { Query } from '../../src/resolve/stage.ts';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { Rcode, typeName } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, cname, message, nodata, nxdomain } from '../support/messages.ts';

const ZONE = 'cluster.local.';
const API = `kubernetes.default.svc.${ZONE}`;
const SERVFAIL = message({ rcode: Rcode.SERVFAIL });
const RTT = 20;

type Script = (question: string, query: Query) => Message | Error | 'silence';

/** What CoreDNS says to the six questions; a random label is written `*`. */
const coredns: Script = (question) => {
  if (question === `${API} A`) return message({ answer: [a(API, '10.96.0.1')] });
  return question.startsWith('*') ? nxdomain(ZONE) : nodata(ZONE);
};

function setup(script: Script) {
  const clock = new HandClock();
  const asked: string[] = [];
  const askedAt: number[] = [];
  const verdicts: string[] = [];
  const server = { script };
  const conformance = new Conformance({
    zone: ZONE,
    clock,
    onVerdict: (verdict, reason) => verdicts.push(`${verdict}: ${reason}`),
    ask: (query, asker) => {
      const name = query.qname.replace(/^[0-9a-f]{16}\./, '*.');
      asked.push(query.qname);
      askedAt.push(clock.now());
      const said = server.script(`${name} ${typeName(query.qtype)}`, query);
      if (said === 'silence') return;
      clock.after(RTT, () => {
        if (said instanceof Error) asker.onFailure(said);
        else asker.onAnswer({ message: said, source: 'upstream', age: 0 });
      });
    },
  });
  return { conformance, clock, asked, askedAt, verdicts, server };
}

test('N2: six answers make a server conform, and nothing is known before they came', async (t) => {
  const { conformance, clock, asked, verdicts } = setup(coredns);
  t.equal(conformance.verdict, 'unknown');
  conformance.start();
  await clock.advance(RTT - 1);
  t.equal(conformance.verdict, 'unknown');
  await clock.advance(1);
  t.equal(conformance.verdict, 'conforming');
  t.same(verdicts, ['conforming: all six answers']);
  t.equal(asked.length, 6);
});

test('N2: the random names are new each time', async (t) => {
  const { conformance, clock, asked } = setup(coredns);
  conformance.start();
  await clock.advance(600_000 + RTT);
  t.equal(asked.length, 12, 'tested again after ten minutes');
  t.equal(new Set(asked.filter((name) => /^[0-9a-f]{16}\./.test(name))).size, 4);
});

const wrong: [string, Message, RegExp][] = [
  [`${API} A`, nxdomain(ZONE), /kubernetes\.default\.svc\.cluster\.local\. is denied/],
  [`${API} AAAA`, nxdomain(ZONE), /kubernetes\.default\.svc\.cluster\.local\. is denied/],
  [`default.svc.${ZONE} A`, nxdomain(ZONE), /^nonconforming: default\.svc\.cluster\.local\. is/],
  [`svc.${ZONE} A`, nxdomain(ZONE), /^nonconforming: svc\.cluster\.local\. is denied/],
  [`*.default.svc.${ZONE} A`, nodata(ZONE), /below default\.svc\.\S+ is not denied: nodata/],
  [`*.svc.${ZONE} A`, nodata(ZONE), /below svc\.cluster\.local\. is not denied: nodata/],
  [
    `*.svc.${ZONE} A`,
    message({ answer: [a(API, '192.0.2.1')] }),
    /below svc\.cluster\.local\. is not denied: data/,
  ],
  [`*.svc.${ZONE} A`, message({ rcode: Rcode.NXDOMAIN }), /NXDOMAIN below svc\.\S+ without SOA/],
  [`*.default.svc.${ZONE} A`, nxdomain('local.'), /NXDOMAIN below default\.svc\.\S+ from local\./],
];

test('N2: each of the six answers, when it is wrong, keeps a server from conforming', async (t) => {
  for (const [which, said, reason] of wrong) {
    const { conformance, clock, verdicts } = setup((question, query) =>
      question === which ? said : coredns(question, query),
    );
    conformance.start();
    await clock.advance(RTT);
    t.equal(conformance.verdict, 'nonconforming', which);
    t.match(verdicts[0], reason);
  }
});

test('N2: a verdict is told when it changes, not each time it is found again', async (t) => {
  const { conformance, clock, asked, verdicts } = setup(coredns);
  conformance.start();
  await clock.advance(600_000 + 2 * RTT);
  t.equal(asked.length, 12);
  t.same(verdicts, ['conforming: all six answers']);
});

test('N2: a server is tested anew every ten minutes, and may change its mind', async (t) => {
  const { conformance, clock, verdicts, server } = setup(coredns);
  conformance.start();
  await clock.advance(RTT);
  server.script = (question, query) =>
    question === `svc.${ZONE} A` ? nxdomain(ZONE) : coredns(question, query);
  await clock.advance(600_000 + RTT);
  t.equal(conformance.verdict, 'nonconforming');
  server.script = coredns;
  await clock.advance(600_000 + RTT);
  t.equal(conformance.verdict, 'conforming');
  t.equal(verdicts.length, 3);
});

for (const [title, said] of [
  ['no answer', new UpstreamError('timeout', 'no answer')],
  ['SERVFAIL', SERVFAIL],
] as const) {
  test(`N2: ${title} is no verdict; the test comes again after 1, 2, 4 … 30 s`, async (t) => {
    const { conformance, clock, askedAt, verdicts, server } = setup(() => said);
    conformance.start();
    await clock.advance(125_000);
    const starts = [...new Set(askedAt)];
    const pauses = starts.slice(1).map((at, i) => at - (starts[i] ?? 0) - RTT);
    t.same(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    t.same(verdicts, []);
    server.script = coredns;
    await clock.advance(31_000);
    t.equal(conformance.verdict, 'conforming');
  });
}

test('N2: one lost answer of six is no verdict either', async (t) => {
  const { conformance, clock } = setup((question, query) =>
    question.startsWith('*.svc') ? SERVFAIL : coredns(question, query),
  );
  conformance.start();
  await clock.advance(RTT);
  t.equal(conformance.verdict, 'unknown');
});

test('N2: another MNAME is another server and is tested at once; the old verdict ends', async (t) => {
  const { conformance, clock, asked, verdicts } = setup(coredns);
  conformance.start();
  await clock.advance(60_000);
  conformance.sawMname('ns.dns.cluster.local.');
  t.equal(asked.length, 6, 'the same server');
  conformance.sawMname('ns1.elsewhere.example.');
  t.equal(conformance.verdict, 'unknown');
  t.equal(asked.length, 12);
  await clock.advance(RTT);
  t.equal(conformance.verdict, 'conforming');
  t.match(verdicts[1], /^unknown: SOA MNAME changed: ns1\.elsewhere\.example\./);
});

test('N2: another server within half a minute of a test ends the verdict too, and its own test waits for as long', async (t) => {
  for (const [pause, wait] of [
    [29_999, 30_000],
    [30_000, 0],
  ] as const) {
    const { conformance, clock, asked } = setup(coredns);
    conformance.start();
    await clock.advance(pause);
    conformance.sawMname('ns1.elsewhere.example.');
    t.equal(conformance.verdict, 'unknown', `${pause} ms after the test began`);
    await clock.advance(wait - 1);
    t.equal(asked.length, wait === 0 ? 12 : 6);
    await clock.advance(1 + RTT);
    t.equal(conformance.verdict, 'conforming');
  }
});

test('N2: one test at a time, whoever wants another', async (t) => {
  const { conformance, clock, asked } = setup(() => 'silence');
  conformance.start();
  conformance.start();
  conformance.retest('another server');
  conformance.suspend('data below a cut');
  await clock.advance(31_000);
  t.equal(asked.length, 6);
});

test('N2: before the first verdict there is no server to compare with', async (t) => {
  const { conformance, asked } = setup(() => 'silence');
  conformance.sawMname('ns1.elsewhere.example.');
  t.same(asked, []);
});

test('N2: two servers that answer in turn are not tested for every denial', async (t) => {
  const { conformance, clock, asked } = setup(coredns);
  conformance.start();
  for (let i = 0; i < 600; i++) {
    await clock.advance(100);
    conformance.sawMname(i % 2 === 0 ? 'ns1.example.' : 'ns2.example.');
  }
  t.ok(asked.length <= 6 * 4, `${asked.length} questions in a minute`);
});

test('N3: after a contradiction a test is due in half a minute, then in twice that, at most in ten', async (t) => {
  const { conformance, clock, askedAt } = setup(coredns);
  conformance.start();
  await clock.advance(RTT);
  const pauses: number[] = [];
  for (let i = 0; i < 7; i++) {
    const before = clock.now();
    const tests = askedAt.length;
    conformance.suspend('data below a cut');
    t.equal(conformance.verdict, 'unknown');
    while (askedAt.length === tests) await clock.advance(1_000);
    pauses.push((askedAt.at(-1) ?? 0) - before);
    await clock.advance(RTT);
    t.equal(conformance.verdict, 'conforming');
  }
  t.same(pauses, [30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]);
});

test('N3: a test that was out when the server contradicted itself says nothing', async (t) => {
  const { conformance, clock, verdicts, asked } = setup(coredns);
  conformance.start();
  await clock.advance(RTT + 600_000 + RTT / 2);
  t.equal(asked.length, 12, 'the second test is out');
  conformance.suspend('data below a cut');
  await clock.advance(RTT);
  t.equal(conformance.verdict, 'unknown');
  t.match(verdicts.at(-1), /^unknown/);
  await clock.advance(30_000);
  t.equal(conformance.verdict, 'conforming');
});

test('N3: nor does its failure bring the next test before its time', async (t) => {
  const { conformance, clock, asked } = setup(() => new UpstreamError('timeout', 'no answer'));
  conformance.start();
  conformance.suspend('data below a cut');
  await clock.advance(29_999);
  t.equal(asked.length, 6);
  await clock.advance(1);
  t.equal(asked.length, 12);
});

test('stop leaves no timer and says no more, whenever it comes', async (t) => {
  for (const script of [coredns, () => SERVFAIL]) {
    for (const moment of [0, RTT / 2, RTT, 5_000, 600_000 + RTT / 2]) {
      const { conformance, clock, verdicts, asked } = setup(script);
      conformance.start();
      await clock.advance(moment);
      conformance.stop();
      const before = [verdicts.length, asked.length];
      await clock.advance(RTT);
      t.equal(clock.timers, 0, `stopped after ${moment} ms`);
      conformance.retest('no more');
      conformance.suspend('no more');
      conformance.start();
      t.same([verdicts.length, asked.length], before);
      t.equal(clock.timers, 0);
    }
  }
});

test('N2: a name that exists as an alias is not denied, whatever stands at the end of its chain', async (t) => {
  const { conformance, clock } = setup((question, query) =>
    question === `default.svc.${ZONE} A`
      ? message({ answer: [cname(`default.svc.${ZONE}`, API)] })
      : coredns(question, query),
  );
  conformance.start();
  await clock.advance(RTT);
  t.equal(conformance.verdict, 'conforming');
});
