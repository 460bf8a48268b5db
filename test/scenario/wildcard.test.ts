// N8: what the wildcard guard gets right, and what it gets wrong (docs/modes.md).
import { test } from 'tap';
import type { Outgoing } from '../../src/upstream/exchange.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { isAtOrBelow } from '../../src/wire/name.ts';
import { a, message, nodata } from '../support/messages.ts';
import type { Line } from '../support/scripted-upstream.ts';
import { type Stub, SUFFIXES, startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';
import { plainWalk } from './plain-walk.ts';

const GIT = 'git.example.com.';
const CORP = 'corp.example.';

/** A corporate zone with `*.corp.example A 203.0.113.9`, and hosts of its own (k3s#2801). */
function wildcard(hosts: Readonly<Record<string, string>> = {}): (question: Outgoing) => Line {
  const rest = answerFrom({ hosts: [GIT] });
  return (question) => {
    const { qname, qtype } = question;
    if (qname === CORP || !isAtOrBelow(qname, CORP)) return rest(question);
    if (qtype !== RrType.A) return nodata(CORP);
    return message({ answer: [a(qname, hosts[qname] ?? '203.0.113.9')] });
  };
}

async function walk(stub: Stub, library: 'musl' | 'glibc', base: string): Promise<string> {
  const plan = { library, base, suffixes: SUFFIXES, ndots: 5 };
  const found = await plainWalk(plan, async (qname) => {
    const pair = await stub.askPair(qname);
    return [pair.a.message, pair.aaaa.message];
  });
  return found.name;
}

for (const library of ['musl', 'glibc'] as const) {
  test(`N8: ${library}: a name with addresses is not taken by a wildcard`, async (t) => {
    const stub = await startStub({ script: wildcard(), wildcardGuard: true });
    t.equal(await walk(stub, library, GIT), GIT);
    t.same(stub.bugs, []);
  });

  test(`N8: ${library}: without the guard it is taken, as it is directly`, async (t) => {
    const stub = await startStub({ script: wildcard() });
    t.equal(await walk(stub, library, GIT), `${GIT}${CORP}`);
  });
}

test('N8: a name without addresses keeps what the wildcard says', async (t) => {
  const stub = await startStub({ script: wildcard(), wildcardGuard: true });
  t.equal(await walk(stub, 'musl', 'no.example.com.'), `no.example.com.${CORP}`);
});

test('N8: a host beside the wildcard keeps its address', async (t) => {
  const name = `${GIT}${CORP}`;
  const stub = await startStub({ script: wildcard({ [name]: '10.1.2.3' }), wildcardGuard: true });
  t.equal(await walk(stub, 'musl', GIT), name);
});

test('N8: a short name is not shown to the world to find out', async (t) => {
  const stub = await startStub({ script: wildcard(), wildcardGuard: true });
  t.equal(await walk(stub, 'musl', 'wiki.'), `wiki.${CORP}`);
  t.notOk(stub.upstream.takeAsked().some((asked) => asked.startsWith('wiki. ')));
});

test('N8: a suffix is probed once a minute for each family', async (t) => {
  const stub = await startStub({ script: wildcard(), wildcardGuard: true });
  const probes = () =>
    stub.upstream.takeAsked().filter((asked) => /^[0-9a-f]{16}\.corp\.example\. /.test(asked))
      .length;
  await stub.askPair(`${GIT}${CORP}`);
  await stub.askPair(`www.example.com.${CORP}`);
  t.equal(probes(), 1, 'AAAA has no data that could be a wildcard’s');
  await stub.clock.advance(60_000);
  await stub.askPair(`${GIT}${CORP}`);
  t.equal(probes(), 1);
});

test('N8: a probe that fails denies nothing, and is tried again', async (t) => {
  let up = false;
  const script = wildcard();
  const stub = await startStub({
    script: (question) => {
      const isProbe = /^[0-9a-f]{16}\.corp\./.test(question.qname);
      return isProbe && !up ? message({ rcode: Rcode.SERVFAIL }) : script(question);
    },
    wildcardGuard: true,
  });
  t.equal((await stub.ask(`${GIT}${CORP}`)).message.answer.length, 1);
  up = true;
  // What failed is remembered for a second (C6), by its name; the next probe has another.
  await stub.clock.advance(61_000);
  t.equal((await stub.ask(`${GIT}${CORP}`)).message.rcode, Rcode.NXDOMAIN);
});

test('wrong, and known: a host that has the very address of the wildcard gives way too', async (t) => {
  const name = `${GIT}${CORP}`;
  const script = wildcard({ [name]: '203.0.113.9' });
  const stub = await startStub({ script, wildcardGuard: true });
  t.equal(await walk(stub, 'musl', GIT), GIT);
});
