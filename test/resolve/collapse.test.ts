import { test } from 'tap';
import { collapse } from '../../src/resolve/collapse.ts';
import { SearchList } from '../../src/resolve/search-list.ts';
import type { Answer } from '../../src/resolve/stage.ts';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, aaaa, cname, message, nodata } from '../support/messages.ts';
import { type Line, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { answerFrom } from '../support/world.ts';
import { answer, answering, below, over, promised, query } from './queries.ts';

const GIT = 'git.example.com.';
const SUFFIXES = ['job.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.'];
const [FIRST = '', SECOND = ''] = SUFFIXES.map((suffix) => `${GIT}${suffix}`);
const RTT = 20;
const list = new SearchList({ suffixes: SUFFIXES, zone: 'cluster.local.', routedZones: [] });
const NO_ANSWER = new UpstreamError('timeout', 'no answer');

function setup(lines: Record<string, Line> = {}) {
  const clock = new HandClock();
  const upstream = new ScriptedUpstream(clock, answerFrom({ hosts: [GIT], lines }), RTT);
  const resolve = promised(collapse({ list, clock })(over(upstream)));
  /** What the client is told, at once after the decision: long before anybody's patience ends. */
  const ask = async (qname: string, qtype: number = RrType.A): Promise<Answer> => {
    let told: Answer | undefined;
    void resolve(query(qname, qtype)).then((got) => {
      told = got;
    });
    await clock.advance(5 * RTT);
    if (told === undefined) throw new Error(`no answer in time: ${qname}`);
    return told;
  };
  return { clock, upstream, ask };
}

/** Whether the first step was answered with the alias. */
const isCollapsed = ({ message: said }: Answer) => said.answer[0]?.type === RrType.CNAME;

test('N10: the alias stands before the base’s own answer, as an honest NOERROR, and leaves no timer', async (t) => {
  const { ask, clock } = setup();
  const got = await ask(FIRST);
  t.same(got.message.answer, [cname(FIRST, GIT, 5), a(GIT, '192.0.2.1', 30)]);
  t.equal(got.message.rcode, Rcode.NOERROR);
  t.equal(clock.timers, 0);
});

test('N10: what is no first step of a walk for an address goes on as it came', async (t) => {
  const { next, asked } = below();
  const resolve = promised(collapse({ list, clock: new HandClock() })(next));
  const others = [
    query(FIRST, RrType.TXT),
    query(SECOND),
    query(`nginx.${SUFFIXES[0]}`),
    query(GIT),
    query('cluster.local.'),
  ];
  for (const each of others) void resolve(each);
  t.equal(asked.length, others.length, 'and nothing is asked beside it');
  t.ok(asked.every((each, i) => each.query === others[i]));
});

test('N10: a first step that exists is told, whatever the other names say', async (t) => {
  for (const said of [message({ answer: [a(FIRST, '10.0.0.1')] }), nodata('cluster.local.')]) {
    const { ask } = setup({ [FIRST]: said });
    t.same((await ask(FIRST)).message, said);
  }
});

test('N10: both families and a client that repeats itself share one decision for two seconds', async (t) => {
  const { ask, upstream, clock } = setup();
  await clock.advance(10_000);
  t.ok(isCollapsed(await ask(FIRST)));
  t.equal(
    upstream.takeAsked().length,
    6,
    'own, three candidates, a family that has an address, base',
  );
  t.ok(isCollapsed(await ask(FIRST, RrType.AAAA)));
  t.same(upstream.takeAsked(), [`${FIRST} AAAA`, `${GIT} AAAA`]);
  await clock.advance(12_000 - clock.now());
  t.ok(isCollapsed(await ask(FIRST)), 'decided anew');
  t.equal(upstream.takeAsked().length, 6);
});

test('N10: a candidate that fails ends the wait at once: the client walks by itself', async (t) => {
  for (const lines of [{ [SECOND]: NO_ANSWER }, { [`${FIRST} A`]: NO_ANSWER }]) {
    const { ask } = setup(lines);
    const got = await ask(FIRST, RrType.AAAA);
    t.notOk(isCollapsed(got));
    t.equal(got.message.rcode, Rcode.NXDOMAIN);
  }
});

test('N10: one family of the base is enough, though the other fails', async (t) => {
  const { ask } = setup({ [`${GIT} A`]: NO_ANSWER });
  t.same((await ask(FIRST, RrType.AAAA)).message.answer, [
    cname(FIRST, GIT, 5),
    aaaa(GIT, '2001:db8::1', 30),
  ]);
});

test('N10, M5: a base that fails for the family that was asked is told as a failure', async (t) => {
  const { ask } = setup({ [`${GIT} AAAA`]: message({ rcode: Rcode.SERVFAIL }) });
  const got = await ask(FIRST, RrType.AAAA);
  t.equal(got.message.rcode, Rcode.SERVFAIL);
  t.same(got.message.answer, [], 'no alias speaks for the other family');
});

test('N10: the client’s own question may fail unseen, where the walk is answered without it', async (t) => {
  const { ask, upstream } = setup({ [`${FIRST} AAAA`]: NO_ANSWER });
  t.ok(isCollapsed(await ask(FIRST, RrType.AAAA)), 'and no rejection is left unhandled');
  t.equal(upstream.asked[0], `${FIRST} AAAA`);
});

test('C2, N10: the alias lives for five seconds as the client sees it, or as long as the addresses', async (t) => {
  const told = async (base: Message, age: number) => {
    const clock = new HandClock();
    const script = answerFrom({ lines: { [GIT]: base } });
    const next = async (asking: ReturnType<typeof query>) =>
      answer(script(asking) as Message, { age: asking.qname === GIT ? age : 0 });
    const got = await promised(collapse({ list, clock })(answering(next)))(query(FIRST));
    return (got.message.answer[0]?.ttl ?? 0) - got.age;
  };
  const addresses = (ttl: number) => message({ answer: [a(GIT, '192.0.2.1', ttl)] });
  t.equal(await told(addresses(60), 0), 5);
  t.equal(await told(addresses(60), 20), 5);
  t.equal(await told(addresses(3), 1), 2);
});

test('N10: where the base has no record of this family the alias stands alone, for five seconds', async (t) => {
  const { ask } = setup({ [`${GIT} AAAA`]: nodata('.') });
  t.same((await ask(FIRST, RrType.AAAA)).message.answer, [cname(FIRST, GIT, 5)]);
});
