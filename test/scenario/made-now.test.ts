// C2, N3: a service that is made now is there now, although its name was denied a moment ago.
import { test } from 'tap';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import type { Name } from '../../src/wire/name.ts';
import { a, message, nodata, nxdomain } from '../support/messages.ts';
import type { Line } from '../support/scripted-upstream.ts';
import { startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';

const JOB = 'job.svc.cluster.local.';
const at = (name: Name, ttl = 30) => message({ answer: [a(name, '10.0.0.9', ttl)] });

/** A stub before a cluster in which a test makes things while it runs. */
async function setup() {
  const lines: Record<string, Line> = {};
  let down: Line | undefined;
  const stub = await startStub({ script: (question) => down ?? answerFrom({ lines })(question) });
  return {
    stub,
    lines,
    fail: (line: Line) => {
      down = line;
    },
  };
}

test('C2: a name asked every 20 ms is found at most 350 ms after the cluster has it, whatever it is called', async (t) => {
  for (const base of ['fresh1', 'app', 'docs', 'api.other', 'web-0.nginx']) {
    const { stub, lines } = await setup();
    const name = `${base}.${JOB}`;
    let made = Number.POSITIVE_INFINITY;
    for (let turn = 0; ; turn++) {
      if (turn === 37) {
        lines[`${name} A`] = at(name);
        made = stub.clock.now();
      }
      const pair = await stub.askPair(name);
      if (pair.a.message.answer.length > 0) break;
      if (stub.clock.now() > made + 350) break;
      await stub.clock.advance(20);
    }
    t.ok(stub.clock.now() - made <= 350, `${base}: ${stub.clock.now() - made} ms`);
    t.match(stub.verdicts, [/^conforming/], 'and the server is believed as before');
  }
});

test('C2: asked every 20 ms, a denied name costs four questions of each family a second', async (t) => {
  const { stub } = await setup();
  stub.upstream.takeAsked();
  const started = stub.clock.now();
  while (stub.clock.now() - started < 10_000) {
    await stub.askPair(`fresh1.${JOB}`);
    await stub.clock.advance(20);
  }
  const asked = stub.upstream.takeAsked().filter((each) => each.startsWith(`fresh1.${JOB}`));
  t.same([...new Set(asked)].sort(), [`fresh1.${JOB} A`, `fresh1.${JOB} AAAA`]);
  t.ok(asked.length <= 80, `${asked.length} in 10 s`);
  t.ok(asked.length >= 60, `${asked.length} in 10 s`);
});

test('C2: a cut at a TLD label denies bases of two labels and more, never a service of that name', async (t) => {
  const { stub, lines } = await setup();
  await stub.ask(`x.app.${JOB}`);
  t.equal((await stub.ask(`y.app.${JOB}`)).source, 'cut', 'a cut stands');
  lines[`app.${JOB} A`] = at(`app.${JOB}`);
  // The probe's own denial was believed for so long, like any other.
  await stub.clock.advance(250);
  t.equal((await stub.ask(`app.${JOB}`)).message.answer.length, 1);
  t.match(stub.verdicts, [/^conforming/], 'it was made since: nothing is contradicted');
  t.equal((await stub.ask(`z.app.${JOB}`)).source, 'upstream', 'and the cut is over');
});

test('C2: such a denial has no cut, no probe and no grace, and its SOA has TTL 0 for the client', async (t) => {
  const { stub } = await setup();
  stub.upstream.takeAsked();
  const denied = await stub.ask(`api.other.${JOB}`);
  t.same(stub.upstream.takeAsked(), [`api.other.${JOB} A`]);
  t.same(
    denied.message.authority.map(({ ttl }) => ttl),
    [0],
  );
  t.equal(stub.zone?.cutCount, 0);
  t.equal(stub.repeat({ ...anyQuery(`api.other.${JOB}`) }, denied), undefined, 'met by the stages');
  await stub.clock.advance(10_000);
  t.same(stub.upstream.takeAsked(), [], 'nobody refreshes it');
});

test('C2: a TTL of 0 serves both questions that wait for it, and nobody after', async (t) => {
  const { stub, lines } = await setup();
  lines[`fresh1.${JOB}`] = nxdomain('cluster.local.', 0);
  const pair = await stub.askPair(`fresh1.${JOB}`);
  t.equal(pair.aaaa.message.rcode, Rcode.NXDOMAIN);
  const asked = stub.upstream.takeAsked().filter((each) => each.startsWith(`fresh1.${JOB}`));
  t.same(asked, [`fresh1.${JOB} A`, `fresh1.${JOB} AAAA`]);
  lines[`fresh1.${JOB}`] = at(`fresh1.${JOB}`);
  t.equal((await stub.ask(`fresh1.${JOB}`)).message.answer.length, 1, 'at once');
});

test('C2: an SRV record of a service that is made now is there now', async (t) => {
  const { stub, lines } = await setup();
  const name = `_http._tcp.web.${JOB}`;
  t.equal((await stub.ask(name, RrType.SRV)).message.rcode, Rcode.NXDOMAIN);
  lines[name] = message({ answer: [{ ...a(name, '10.0.0.9'), type: RrType.SRV }] });
  await stub.clock.advance(250);
  t.equal((await stub.ask(name, RrType.SRV)).message.answer.length, 1);
});

test('C2: beside an address NODATA of the other family is kept, so that a warm service asks nothing', async (t) => {
  const { stub, lines } = await setup();
  const name = `web.${JOB}`;
  lines[`${name} A`] = at(name, 30);
  lines[`${name} AAAA`] = nodata('cluster.local.', 30);
  const first = await stub.askPair(name);
  t.ok((first.aaaa.message.authority[0]?.ttl ?? 0) > 0, 'it may be kept');
  stub.upstream.takeAsked();
  await stub.clock.advance(4_000);
  t.equal((await stub.askPair(name)).aaaa.message.rcode, Rcode.NOERROR);
  t.same(stub.upstream.takeAsked(), []);
  await stub.clock.advance(1_000);
  await stub.askPair(name);
  t.same(stub.upstream.takeAsked(), [`${name} AAAA`], 'for five seconds');
});

test('C2: NODATA of a name without any address is believed for a moment', async (t) => {
  const { stub, lines } = await setup();
  const name = `web.${JOB}`;
  lines[name] = nodata('cluster.local.', 30);
  await stub.askPair(name);
  lines[`${name} A`] = at(name);
  await stub.clock.advance(250);
  t.equal((await stub.ask(name)).message.answer.length, 1);
});

test('C4, N9: while upstream fails, nothing that may be a service is denied from memory', async (t) => {
  const { stub, fail } = await setup();
  const names = [`fresh1.${JOB}`, `api.other.${JOB}`, `git.host.internal.${JOB}`];
  for (const name of names) await stub.askPair(name);
  await stub.ask(`git.example.com.${JOB}`);
  await stub.clock.advance(60_000);
  for (const line of [message({ rcode: Rcode.SERVFAIL }), new UpstreamError('timeout', 'silent')]) {
    fail(line);
    for (const name of names) {
      t.equal((await stub.ask(name)).message.rcode, Rcode.SERVFAIL, name);
    }
    t.equal((await stub.ask(`git.example.com.${JOB}`)).message.rcode, Rcode.NXDOMAIN);
  }
});

test('C4: a name denied, then made, is found seven seconds later', async (t) => {
  for (const base of ['fresh1', 'app']) {
    const { stub, lines } = await setup();
    const name = `${base}.${JOB}`;
    await stub.askPair(name);
    lines[`${name} A`] = at(name);
    await stub.clock.advance(7_000);
    const found = await stub.ask(name);
    t.equal(found.message.answer.length, 1, base);
    t.ok(found.elapsed <= stub.upstream.delay + 1, 'one round trip');
  }
});

test('limit: a namespace made with the name of a TLD appears when the cut is over, at most 30 s later', async (t) => {
  const { stub, lines } = await setup();
  const name = 'api.docs.svc.cluster.local.';
  await stub.askPair(name);
  lines[`${name} A`] = at(name);
  lines['docs.svc.cluster.local.'] = nodata('cluster.local.', 5);
  t.equal((await stub.ask(name)).message.rcode, Rcode.NXDOMAIN);
  await stub.clock.advance(30_500);
  t.equal((await stub.ask(name)).message.answer.length, 1);
  lines['web.docs.svc.cluster.local. A'] = at('web.docs.svc.cluster.local.');
  await stub.ask('new.docs.svc.cluster.local.');
  lines['new.docs.svc.cluster.local. A'] = at('new.docs.svc.cluster.local.');
  await stub.clock.advance(250);
  t.equal(
    (await stub.ask('new.docs.svc.cluster.local.')).message.answer.length,
    1,
    'once the namespace is known its services appear as all others do',
  );
});

function anyQuery(qname: Name) {
  return { qname, qtype: RrType.A, qclass: 1, dnssecOk: false, checkingDisabled: false };
}
