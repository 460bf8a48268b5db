import { test } from 'tap';
import { SearchList } from '../../src/resolve/search-list.ts';
import type { Answer } from '../../src/resolve/stage.ts';
import { wildcardGuard } from '../../src/resolve/wildcard-guard.ts';
import { type Outgoing, UpstreamError } from '../../src/upstream/exchange.ts';
import { EdeCode, Rcode, RrType } from '../../src/wire/codes.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, aaaa, cname, message, nodata } from '../support/messages.ts';
import { type Line, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { over, promised, query } from './queries.ts';

const GIT = 'git.example.com.';
const CORP = 'corp.example.';
const LAB = 'lab.example.';
const UNDER_CORP = `${GIT}${CORP}`;
const WILD = '203.0.113.9';
const RTT = 20;
const NO_ANSWER = new UpstreamError('timeout', 'no answer');
const list = new SearchList({ suffixes: [CORP, LAB], zone: undefined, routedZones: [] });

/** Suffixes with `*.corp.example A`, `*.lab.example A` and `*.lab.example AAAA`; GIT has an IPv4 address of its own. */
function setup(lines: Record<string, Line> = {}) {
  const clock = new HandClock();
  const script = ({ qname, qtype }: Outgoing): Line => {
    const isProbe = /^[0-9a-f]{16}\./.test(qname);
    const line = lines[isProbe ? qname.replace(/^[0-9a-f]{16}/, '*') : qname];
    if (line !== undefined) return line;
    if (qtype === RrType.A && (isProbe || qname !== GIT)) {
      return message({ answer: [a(qname, WILD)] });
    }
    if (qtype === RrType.A) return message({ answer: [a(GIT, '192.0.2.1')] });
    return qname.endsWith(LAB)
      ? message({ answer: [aaaa(qname, '2001:db8::9')] })
      : nodata('example.');
  };
  const upstream = new ScriptedUpstream(clock, script, RTT);
  const resolve = promised(wildcardGuard({ list, clock })(over(upstream)));
  const ask = async (qname: string, qtype: number = RrType.A): Promise<Answer> => {
    let told: Answer | undefined;
    void resolve(query(qname, qtype)).then((got) => {
      told = got;
    });
    await clock.advance(4 * RTT);
    if (told === undefined) throw new Error(`no answer: ${qname}`);
    return told;
  };
  const probes = () => upstream.takeAsked().filter((asked) => /^[0-9a-f]{16}\./.test(asked)).length;
  return { clock, ask, probes, lines };
}

/** Whether the name gave way. */
const isDenied = ({ message: said }: Answer) => said.rcode === Rcode.NXDOMAIN;

test('N8: what gives way says why, for this one step of a walk', async (t) => {
  const { ask } = setup();
  const got = await ask(UNDER_CORP);
  t.ok(isDenied(got));
  t.equal(got.message.authority[0]?.ttl, 5);
  t.same(got.ede, {
    code: EdeCode.OTHER,
    text: 'an address that this suffix has for every name; the name itself has others',
  });
});

test('N8: a name that has one address beside the wildcard’s keeps both', async (t) => {
  const both = message({ answer: [a(UNDER_CORP, WILD), a(UNDER_CORP, '10.0.0.1')] });
  t.notOk(isDenied(await setup({ [UNDER_CORP]: both }).ask(UNDER_CORP)));
});

test('N8: what is compared is addresses, whatever aliases lead to them', async (t) => {
  const alias = message({ answer: [cname(UNDER_CORP, 'lb.example.'), a('lb.example.', WILD)] });
  t.ok(isDenied(await setup({ [UNDER_CORP]: alias }).ask(UNDER_CORP)));
});

test('N8: one family of the base is enough, whichever, and its failure is no address', async (t) => {
  const six = message({ answer: [aaaa(GIT, '2001:db8::1')] });
  const cases: [string, Line, boolean][] = [
    ['a failure', NO_ANSWER, false],
    ['NODATA', nodata('example.'), false],
    ['IPv6 alone', six, true],
  ];
  for (const [what, line, gives] of cases) {
    t.equal(isDenied(await setup({ [GIT]: line }).ask(UNDER_CORP)), gives, what);
  }
});

test('N8: each suffix and each family has a probe of its own', async (t) => {
  const { ask, probes } = setup();
  const names: [string, number][] = [
    [UNDER_CORP, RrType.A],
    [`${GIT}${LAB}`, RrType.A],
    [`${GIT}${LAB}`, RrType.AAAA],
  ];
  for (const [qname, qtype] of names) {
    t.ok(isDenied(await ask(qname, qtype)));
    t.equal(probes(), 1);
  }
});

test('N8: a probe is good for a minute, to the millisecond', async (t) => {
  for (const [pause, again] of [
    [59_999, 0],
    [60_000, 1],
  ] as const) {
    const { ask, probes, clock } = setup();
    await clock.advance(10_000);
    const started = clock.now();
    await ask(UNDER_CORP);
    probes();
    await clock.advance(started + pause - clock.now());
    t.ok(isDenied(await ask(UNDER_CORP)));
    t.equal(probes(), again, `${pause} ms`);
  }
});

test('N8: a probe that fails denies nothing, and the next name asks again', async (t) => {
  const { ask, lines } = setup({ [`*.${CORP}`]: NO_ANSWER });
  t.notOk(isDenied(await ask(UNDER_CORP)));
  delete lines[`*.${CORP}`];
  t.ok(isDenied(await ask(UNDER_CORP)));
});

test('N8: a suffix without a wildcard keeps its names', async (t) => {
  t.notOk(isDenied(await setup({ [`*.${CORP}`]: nodata(CORP) }).ask(UNDER_CORP)));
});
