// What upstreams do that no RFC says, in front of the assembled stages: what the conformance test sees (N2), what a lookup
// survives, and what nobody can see. Each row of the table in docs/clients.md is a test here.
import { test } from 'tap';
import type { Outgoing } from '../../src/upstream/exchange.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import type { Name } from '../../src/wire/name.ts';
import { a, cname, message, nodata, nxdomain } from '../support/messages.ts';
import type { Line } from '../support/scripted-upstream.ts';
import { type Stub, SUFFIXES, startStub } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';
import { type Found, plainWalk } from './plain-walk.ts';

const GIT = 'git.example.com.';
const ZONE = 'cluster.local.';
const coredns = answerFrom({ hosts: [GIT, `nginx.job.svc.${ZONE}`] });

/** CoreDNS, but for the names that `odd` has an answer for. */
function except(odd: (question: Outgoing) => Line | undefined) {
  return (question: Outgoing): Line => odd(question) ?? coredns(question);
}

function walk(stub: Stub, base: Name, library: 'musl' | 'glibc' = 'musl'): Promise<Found> {
  return plainWalk({ library, base, suffixes: SUFFIXES, ndots: 5 }, async (qname) => {
    const pair = await stub.askPair(qname);
    return [pair.a.message, pair.aaaa.message];
  });
}

test('N2: NXDOMAIN for names that have names below them is seen: no cuts, and the walk is right', async (t) => {
  const script = except(({ qname }) =>
    qname === `svc.${ZONE}` || qname === `default.svc.${ZONE}` ? nxdomain(ZONE, 5) : undefined,
  );
  const stub = await startStub({ script });
  t.equal(stub.zone?.verdict, 'nonconforming');
  t.equal((await walk(stub, GIT)).name, GIT);
  t.equal((await walk(stub, 'nginx.')).name, `nginx.job.svc.${ZONE}`);
  t.equal(stub.zone?.cutCount, 0);
});

test('N2: NODATA for names that do not exist (RFC 9824) is seen: no cuts', async (t) => {
  const script = except((question) => {
    const said = coredns(question);
    const denies = typeof said === 'object' && 'rcode' in said && said.rcode === Rcode.NXDOMAIN;
    return denies ? nodata(question.qname.endsWith(ZONE) ? ZONE : '.', 5) : undefined;
  });
  const stub = await startStub({ script });
  t.equal(stub.zone?.verdict, 'nonconforming');
  t.equal((await walk(stub, GIT, 'glibc')).name, GIT, 'glibc walks on as it does directly');
  t.equal(
    (await walk(stub, GIT)).outcome,
    'not-found',
    'musl ends in the zone as it does directly',
  );
});

test('autopath: the first step has the last one’s answer, and what it contradicts is forgotten', async (t) => {
  const first = `${GIT}${SUFFIXES[0]}`;
  const script = except(({ qname, qtype }) => {
    if (qname !== first) return undefined;
    const address = qtype === RrType.A ? [a(GIT, '192.0.2.1', 30)] : [];
    return message({ answer: [cname(first, GIT), ...address] });
  });
  const stub = await startStub({ script });
  t.equal(stub.zone?.verdict, 'conforming', 'the test asks for names of its own');
  for (let lookups = 0; lookups < 3; lookups++) {
    const { outcome, addresses } = await walk(stub, GIT);
    t.equal(outcome, 'found');
    t.ok(addresses.includes('c0000201'));
  }
  t.equal(stub.zone?.verdict, 'unknown', 'data below what was denied: no cuts for a while');
  t.equal(stub.zone?.cutCount, 0);
});

test('a rewrite of one name below a label that is denied: unseen behind a cut, seen before it', async (t) => {
  const rewritten = `api.old.com.job.svc.${ZONE}`;
  const script = except(({ qname, qtype }) =>
    qname === rewritten && qtype === RrType.A
      ? message({ answer: [a(rewritten, '10.96.0.9', 5)] })
      : undefined,
  );
  const fresh = await startStub({ script });
  t.equal((await fresh.ask(rewritten)).message.rcode, Rcode.NOERROR, 'its own answer');
  const stub = await startStub({ script });
  await walk(stub, GIT);
  t.equal(
    (await stub.ask(rewritten)).message.rcode,
    Rcode.NXDOMAIN,
    'wrong: the cut of `com` answers',
  );
  const off = await startStub({ script, mode: 'off' });
  await walk(off, GIT);
  t.equal(
    (await off.ask(rewritten)).message.rcode,
    Rcode.NOERROR,
    'search.mode off asks each time',
  );
});

test('a namespace node that is denied though it has services: unseen, for as long as its cut lives', async (t) => {
  const service = `api.team.svc.${ZONE}`;
  const script = except(({ qname, qtype }) => {
    if (qname !== service) return undefined;
    return qtype === RrType.A ? message({ answer: [a(service, '10.96.0.9', 5)] }) : nodata(ZONE, 5);
  });
  const stub = await startStub({ script });
  t.equal(stub.zone?.verdict, 'conforming', 'default.svc.Z is there');
  const first = await walk(stub, 'api.team.');
  t.equal(
    first.outcome,
    'not-found',
    'wrong: NXDOMAIN at team.svc.Z is taken for the word on all below',
  );
  const off = await startStub({ script, mode: 'off' });
  t.equal((await walk(off, 'api.team.')).name, service);
});

test('C1: a server that rewrites names is heard: the addresses come under QNAME, with a remark each time', async (t) => {
  const name = 'web.job.svc.cluster.local.';
  const other = 'web.prod.svc.cluster.local.';
  const lines = {
    [`${name} A`]: message({ answer: [a(other, '10.0.0.9', 30)] }),
    [`${name} AAAA`]: nodata('cluster.local.', 5),
    // Below a label that is denied, where a real answer would contradict the cut.
    'git.example.com.job.svc.cluster.local. A': message({ answer: [a(other, '10.0.0.9', 30)] }),
  };
  const stub = await startStub({ script: answerFrom({ lines }) });
  for (const source of ['upstream', 'cache']) {
    const { message: told, source: from } = await stub.ask(name);
    t.same(told.answer, [a(name, '10.0.0.9', 30)]);
    t.equal(told.otherOwner, true);
    t.equal(from, source);
  }
  t.equal(stub.repairs.get('other_owner'), 1);
  await stub.ask('git.example.com.job.svc.cluster.local.');
  await stub.clock.advance(100);
  t.match(stub.verdicts, [/^conforming/], 'it proves nothing, and contradicts nothing');
});
