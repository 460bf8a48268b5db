import { test } from 'tap';
import type { Milliseconds } from '../../src/clock.ts';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { EdeCode, Rcode, RrType } from '../../src/wire/codes.ts';
import { a, aaaa, message, nodata, nxdomain } from '../support/messages.ts';
import type { Line } from '../support/scripted-upstream.ts';
import { startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';

const NAME = 'git.example.com.';
const KNOWN: Record<string, Line> = {
  [`${NAME} A`]: message({ answer: [a(NAME, '192.0.2.1', 60)] }),
  [`${NAME} AAAA`]: message({ answer: [aaaa(NAME, '2001:db8::1', 60)] }),
};
const SERVFAIL = message({ rcode: Rcode.SERVFAIL });
const HOUR: Milliseconds = 3_600_000;

/** A stub that has NAME in its cache, expired by now, in front of an upstream that says what a test has it say. */
async function setup({
  expiredFor = 1_000,
  known = KNOWN,
}: {
  expiredFor?: Milliseconds;
  known?: Record<string, Line>;
} = {}) {
  let world: Record<string, Line> = known;
  let broken: Line | undefined;
  const stub = await startStub({
    script: (question) => broken ?? answerFrom({ lines: world })(question),
  });
  await stub.askPair(NAME);
  await stub.clock.advance(60_000 + expiredFor);
  stub.upstream.takeAsked();
  return {
    stub,
    say: (lines: Record<string, Line>) => {
      world = lines;
      broken = undefined;
    },
    fail: (line: Line) => {
      broken = line;
    },
  };
}

test('C4: after 800 ms of silence a pair is answered with what it had, once for both', async (t) => {
  const { stub, fail } = await setup();
  fail('silence');
  const { a: ipv4, aaaa: ipv6, elapsed } = await stub.askPair(NAME);
  t.equal(elapsed, 800);
  for (const answer of [ipv4, ipv6]) {
    t.equal(answer.source, 'stale');
    t.equal(answer.ede?.code, EdeCode.STALE_ANSWER);
    t.equal(answer.message.answer[0]?.ttl, 30, 'RFC 8767 §4');
  }
});

test('C4: after one wait in vain nobody waits again, and the truth is told as soon as it is there', async (t) => {
  const { stub, fail, say } = await setup();
  fail('silence');
  await stub.ask(NAME);
  t.ok((await stub.ask(NAME)).elapsed <= 1);
  await stub.clock.advance(5_000);
  t.ok((await stub.ask(NAME)).elapsed <= 1);
  say({ [`${NAME} A`]: message({ answer: [a(NAME, '192.0.2.9', 60)] }) });
  // The scripted upstream never gives a question up, so it is another name's question that is answered here.
  t.equal((await stub.ask('other.example.com.')).source, 'upstream');
});

test('C4: a failure is answered with what was there, at once', async (t) => {
  for (const line of [SERVFAIL, new UpstreamError('refused', 'refused')]) {
    const { stub, fail } = await setup();
    fail(line);
    const answer = await stub.ask(NAME);
    t.equal(answer.source, 'stale');
    t.ok(answer.elapsed < 100, `${answer.elapsed} ms`);
  }
});

test('C4: an answer that comes late is the next one, and what was stale is forgotten', async (t) => {
  const { stub, say } = await setup();
  say({ [`${NAME} A`]: message({ answer: [a(NAME, '192.0.2.9', 60)] }) });
  stub.upstream.delay = 1_500;
  t.equal((await stub.ask(NAME)).source, 'stale');
  await stub.clock.advance(1_000);
  const next = await stub.ask(NAME);
  t.equal(next.source, 'cache');
  t.same(next.message.answer[0]?.rdata, a(NAME, '192.0.2.9').rdata);
});

test('C4: never stale over a fresh denial, cacheable or not', async (t) => {
  for (const denial of [nxdomain('.', 1), message({ rcode: Rcode.NXDOMAIN }), message()]) {
    const { stub, say, fail } = await setup();
    say({ [`${NAME} A`]: denial, [`${NAME} AAAA`]: denial });
    t.equal((await stub.ask(NAME)).message.rcode, denial.rcode);
    await stub.clock.advance(2_000);
    fail(SERVFAIL);
    t.not((await stub.ask(NAME)).message.answer.length, 1);
  }
});

test('C4: for a day, and no longer', async (t) => {
  const { stub, fail } = await setup({ expiredFor: 23 * HOUR });
  fail(SERVFAIL);
  t.equal((await stub.ask(NAME)).source, 'stale');
  await stub.clock.advance(HOUR + 60_000);
  t.equal((await stub.ask(NAME)).message.rcode, Rcode.SERVFAIL);
});

test('C4: a denial of what nobody makes is told for five minutes where upstream fails; of another name, never', async (t) => {
  const denied = { [NAME]: nxdomain('.', 60) };
  const { stub, fail, say } = await setup({ known: denied });
  say(KNOWN);
  stub.upstream.delay = 1_500;
  t.equal((await stub.ask(NAME, RrType.A)).source, 'upstream', 'a name that exists by now');
  fail(SERVFAIL);
  const second = await setup({ known: denied });
  second.fail(SERVFAIL);
  const name = await second.stub.ask(NAME);
  t.equal(name.message.rcode, Rcode.SERVFAIL, 'it may exist by now');
  const third = await setup({ known: denied });
  const expansion = `${NAME}corp.example.`;
  await third.stub.askPair(expansion);
  await third.stub.clock.advance(61_000);
  third.fail(SERVFAIL);
  const answer = await third.stub.ask(expansion);
  t.equal(answer.message.rcode, Rcode.NXDOMAIN);
  t.equal(answer.ede?.code, EdeCode.STALE_NXDOMAIN);
  await third.stub.clock.advance(5 * 60_000);
  t.equal((await third.stub.ask(expansion)).message.rcode, Rcode.SERVFAIL);
});

test('C4, N9: in an outage a whole walk is answered from memory, and upstream is heard as soon as it is back', async (t) => {
  const { stub, fail, say } = await setup();
  const steps = ['job.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.', 'corp.example.'];
  for (const suffix of steps) await stub.askPair(`${NAME}${suffix}`);
  await stub.askPair(NAME);
  await stub.clock.advance(61_000);
  fail('silence');
  for (const other of ['x.example.net.', 'y.example.net.', 'z.example.net.']) {
    stub.resolve({ qname: other, qtype: 16, qclass: 1, dnssecOk: false, checkingDisabled: false });
  }
  await stub.clock.advance(3_000);
  for (const suffix of steps) {
    const step = await stub.askPair(`${NAME}${suffix}`);
    t.equal(step.a.message.rcode, Rcode.NXDOMAIN, suffix);
    t.ok(step.elapsed <= 800, `${suffix}: ${step.elapsed} ms`);
  }
  const base = await stub.askPair(NAME);
  t.equal(base.a.message.answer.length, 1);
  t.ok(base.elapsed <= 800, `${base.elapsed} ms`);
  say(KNOWN);
  t.equal((await stub.ask('back.example.com.')).message.rcode, Rcode.NXDOMAIN);
});

test('C4, F5: a route that is found silent while a pair waits does not make one family look broken', async (t) => {
  const { stub, fail } = await setup();
  fail('silence');
  for (const other of ['x.example.net.', 'y.example.net.', 'z.example.net.']) {
    stub.resolve({ qname: other, qtype: 16, qclass: 1, dnssecOk: false, checkingDisabled: false });
  }
  // The 3 s of silence are over while the pair waits for its 800 ms.
  await stub.clock.advance(2_500);
  const pair = await stub.askPair(NAME);
  t.equal(pair.a.message.answer.length, 1);
  t.equal(pair.aaaa.message.answer.length, 1);
  t.ok(pair.elapsed <= 800, `${pair.elapsed} ms`);
});

const [FIRST, SECOND] = ['nginx.ci.job.svc.cluster.local.', 'nginx.ci.svc.cluster.local.'];

/** A stub that has walked to a service of another namespace and to one that is not there; denials are over by now. */
async function setupWalk() {
  let broken: Line | undefined;
  const lines = {
    'ci.svc.cluster.local.': message(),
    [`${SECOND} A`]: message({ answer: [a(SECOND, '10.0.0.1', 30)] }),
    [`${SECOND} AAAA`]: nodata('cluster.local.', 30),
  };
  const stub = await startStub({
    script: (question) => broken ?? answerFrom({ lines })(question),
    delay: 1,
  });
  for (const name of [FIRST, SECOND, FIRST.replace('nginx', 'web'), SECOND.replace('nginx', 'web')])
    await stub.askPair(name);
  await stub.clock.advance(10_000);
  return {
    stub,
    fail: (line: Line) => {
      broken = line;
    },
  };
}

test('N9: in an outage a walk to a service that is known is answered from memory, after 400 ms and then at once', async (t) => {
  const { stub, fail } = await setupWalk();
  fail('silence');
  const first = await stub.askPair(FIRST);
  t.equal(first.a.message.rcode, Rcode.NXDOMAIN);
  t.equal(first.aaaa.message.rcode, Rcode.NXDOMAIN);
  t.equal(first.a.ede?.code, EdeCode.STALE_NXDOMAIN);
  t.equal(first.elapsed, 400);
  const second = await stub.askPair(SECOND);
  t.equal(second.a.message.answer.length, 1);
  t.equal(second.aaaa.message.rcode, Rcode.NOERROR, 'NODATA beside an address');
  t.ok(second.elapsed <= 1, `${second.elapsed} ms`);
  await stub.clock.advance(30_000);
  const later = await stub.askPair(SECOND);
  t.equal(later.a.source, 'stale');
});

test('N9: in an outage a service that may have been made since is never denied', async (t) => {
  const { stub, fail } = await setupWalk();
  fail('silence');
  await stub.askPair(FIRST);
  const web = FIRST.replace('nginx', 'web');
  t.equal((await stub.askPair(web)).a.message.rcode, Rcode.SERVFAIL);
});

test('N9: an upstream that has become slow is waited for: it is not away', async (t) => {
  const { stub } = await setupWalk();
  stub.upstream.delay = 350;
  for (let lookup = 0; lookup < 6; lookup++) {
    await stub.clock.advance(1_000);
    t.equal((await stub.ask(FIRST)).source, 'upstream');
  }
  await stub.clock.advance(1_000);
  // Longer than the 400 ms of a server that is fast.
  stub.upstream.delay = 600;
  const { source, elapsed } = await stub.ask(FIRST);
  t.same([source, elapsed], ['upstream', 600]);
});
