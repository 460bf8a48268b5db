// N7: what the repair of NODATA gets right, and what it gets wrong. Each wrong is told in docs/modes.md.
import { test } from 'tap';
import { type Answer, ownQuery } from '../../src/resolve/stage.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { a, cname, message, nodata, nxdomain } from '../support/messages.ts';
import { type Stub, SUFFIXES, startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';
import { plainWalk } from './plain-walk.ts';

const GIT = 'git.example.com.';
const UNDER_CORP = `${GIT}corp.example.`;
const EMPTY = nodata('corp.example.');
/** A corporate zone as RFC 9824 servers sign it: what does not exist has NODATA (kubernetes#64924). */
const compact = answerFrom({ hosts: [GIT], lines: { [UNDER_CORP]: EMPTY } });

function musl(stub: Stub, base: string, suffixes: readonly string[] = SUFFIXES) {
  return plainWalk({ library: 'musl', base, suffixes, ndots: 5 }, async (qname) => {
    const pair = await stub.askPair(qname);
    return [pair.a.message, pair.aaaa.message];
  });
}

async function rcodes(stub: Stub, qname: string): Promise<number[]> {
  const pair = await stub.askPair(qname);
  return [pair.a.message.rcode, pair.aaaa.message.rcode];
}

/** As {@link Stub.ask}, for somebody else. */
async function askAs(stub: Stub, client: string, qname: string): Promise<Answer> {
  let answer: Answer | undefined;
  void stub.resolve(ownQuery(qname, RrType.A, { client })).then((own) => {
    answer = own;
  });
  await stub.clock.advance(2_000);
  if (answer === undefined) throw new Error(`no answer: ${qname}`);
  return answer;
}

test('N7: musl goes on past a suffix that says NODATA for what does not exist', async (t) => {
  const stub = await startStub({ script: compact });
  const found = await musl(stub, GIT);
  t.equal(found.name, GIT);
  t.equal(found.addresses.length, 2);
  t.equal(stub.repairs.get('nodata_in_search'), 2, 'one for each family');
  t.same(stub.bugs, []);
});

test('N7: off, the walk ends where it ends directly', async (t) => {
  const stub = await startStub({ script: compact, mode: 'off' });
  t.equal((await musl(stub, GIT)).outcome, 'not-found');
  t.equal(stub.repairs.get('nodata_in_search'), 0);
});

test('N7: a literal name keeps its NODATA', async (t) => {
  const stub = await startStub({ script: compact });
  t.same(await rcodes(stub, UNDER_CORP), [Rcode.NOERROR, Rcode.NOERROR]);
});

test('N7: a namespace called like the service that is asked for ends no walk', async (t) => {
  const script = answerFrom({
    hosts: ['redis.corp.example.'],
    nodes: ['redis.svc.cluster.local.'],
  });
  const stub = await startStub({ script });
  t.equal((await musl(stub, 'redis.')).name, 'redis.corp.example.');
  t.same(
    await rcodes(stub, 'redis.svc.cluster.local.'),
    [3, 3],
    'still the same walk, as far as can be told',
  );
});

test('N7: within the zone only the node of a namespace is repaired', async (t) => {
  // A service with IPv6 endpoints that are not ready yet, say: it exists, and the walk is over.
  const nodes = ['web.svc.cluster.local.', 'api.web.svc.cluster.local.'];
  const script = answerFrom({ nodes, hosts: ['api.web.'] });
  const stub = await startStub({ script });
  t.equal((await musl(stub, 'api.web.')).outcome, 'not-found');
  t.equal(stub.repairs.get('nodata_in_search'), 0);
});

test('N7: only NODATA for both families is repaired', async (t) => {
  const half = { [`${UNDER_CORP} A`]: message({ answer: [a(UNDER_CORP, '192.0.2.7')] }) };
  const others = [
    ['addresses', half, [Rcode.NOERROR, Rcode.NOERROR]],
    ['SERVFAIL', { [`${UNDER_CORP} A`]: message({ rcode: Rcode.SERVFAIL }) }, [2, 0]],
    ['NXDOMAIN', { [`${UNDER_CORP} A`]: EMPTY, [`${UNDER_CORP} AAAA`]: nxdomain('.') }, [0, 3]],
  ] as const;
  for (const [title, lines, expected] of others) {
    const script = answerFrom({ hosts: [GIT], lines: { ...lines, [UNDER_CORP]: EMPTY } });
    const stub = await startStub({ script });
    await stub.askPair(`${GIT}cluster.local.`);
    t.same(await rcodes(stub, UNDER_CORP), expected, `A is ${title}`);
  }
});

test('N7: an alias without addresses ends the walk, as it does for glibc (G5)', async (t) => {
  const alias = message({ answer: [cname(UNDER_CORP, 'gone.example.net.')] });
  const script = answerFrom({ hosts: [GIT], lines: { [UNDER_CORP]: alias } });
  const stub = await startStub({ script });
  await stub.askPair(`${GIT}cluster.local.`);
  t.same(await rcodes(stub, UNDER_CORP), [Rcode.NOERROR, Rcode.NOERROR]);
});

test("N7: another client's walk is not one's own", async (t) => {
  const stub = await startStub({ script: compact });
  await askAs(stub, '10.1.0.1', `${GIT}cluster.local.`);
  t.equal((await askAs(stub, '10.1.0.2', UNDER_CORP)).message.rcode, Rcode.NOERROR);
  t.equal((await askAs(stub, '10.1.0.1', UNDER_CORP)).message.rcode, Rcode.NXDOMAIN);
});

test('N7: the step before is remembered for five seconds', async (t) => {
  for (const [pause, rcode] of [
    [4_900, Rcode.NXDOMAIN],
    [5_001, Rcode.NOERROR],
  ] as const) {
    const stub = await startStub({ script: compact });
    const { elapsed } = await stub.ask(`${GIT}cluster.local.`);
    await stub.clock.advance(pause - elapsed);
    t.equal((await stub.ask(UNDER_CORP)).message.rcode, rcode, `${pause} ms`);
  }
});

test('N7: the denial is told, never believed: upstream is not asked less, and nothing is cut', async (t) => {
  const script = answerFrom({ hosts: [GIT], nodes: ['com.svc.cluster.local.'] });
  const stub = await startStub({ script });
  await stub.askPair('com.job.svc.cluster.local.');
  t.same(await rcodes(stub, 'com.svc.cluster.local.'), [3, 3]);
  t.same(await rcodes(stub, 'api.com.svc.cluster.local.'), [3, 3], "upstream's own word");
  t.ok(stub.upstream.takeAsked().includes('api.com.svc.cluster.local. A'), 'it was asked');
  t.same(stub.verdicts.slice(1), [], 'and the zone conforms as before');
});

test('wrong, and known: the literal name within five seconds of a walk that came by it', async (t) => {
  const stub = await startStub({ script: compact });
  await musl(stub, GIT);
  t.same(await rcodes(stub, UNDER_CORP), [Rcode.NXDOMAIN, Rcode.NXDOMAIN]);
  t.equal(
    (await stub.ask(UNDER_CORP, RrType.TXT)).message.rcode,
    Rcode.NOERROR,
    'its other types are untouched',
  );
  await stub.clock.advance(5_000);
  t.same(
    await rcodes(stub, UNDER_CORP),
    [Rcode.NOERROR, Rcode.NOERROR],
    'and five seconds later it is right',
  );
});

test('wrong, and known: the first suffix of a list has no step before it', async (t) => {
  const stub = await startStub({ script: compact, suffixes: ['corp.example.', 'cluster.local.'] });
  t.equal((await musl(stub, GIT, ['corp.example.', 'cluster.local.'])).outcome, 'not-found');
});

test('N7: led on past NODATA, musl comes to a suffix that fails, and ends there', async (t) => {
  const script = answerFrom({
    nodes: ['redis.svc.cluster.local.'],
    hosts: ['redis.'],
    lines: { 'redis.corp.example.': message({ rcode: Rcode.SERVFAIL }) },
  });
  const repaired = await startStub({ script });
  t.equal((await musl(repaired, 'redis.')).outcome, 'try-again');
  const off = await startStub({ script, mode: 'off' });
  t.equal((await musl(off, 'redis.')).outcome, 'not-found', 'directly it ends before');
});
