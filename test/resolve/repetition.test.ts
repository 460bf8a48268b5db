import { test } from 'tap';
import { outerDenialLife, zoneDenialLife } from '../../src/resolve/denial-life.ts';
import { type Repetition, repetition } from '../../src/resolve/repetition.ts';
import { type Answer, ownQuery } from '../../src/resolve/stage.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, cname, message, nodata, nxdomain } from '../support/messages.ts';

const NOW = 10_000;

async function setup({ knownUntil = Number.POSITIVE_INFINITY } = {}) {
  const clock = new HandClock();
  await clock.advance(NOW);
  const repeat = repetition({
    clock,
    isExpansion: (qname) => qname.endsWith('.cluster.local.'),
    denialLife: (qname) =>
      qname.endsWith('cluster.local.') ? zoneDenialLife('tld') : outerDenialLife(86_400_000),
    knownUntil: () => knownUntil,
  });
  return (
    qname: string,
    answer: Partial<Answer>,
    qtype: number = RrType.A,
  ): Repetition | undefined =>
    repeat(ownQuery(qname, qtype), { message: message(), source: 'cache', age: 0, ...answer });
}

const addresses = (ttl: number) => message({ answer: [a('a.example', '192.0.2.1', ttl)] });

test('data is repeated until a hit would renew it (C2, C5)', async (t) => {
  const repeat = await setup();
  const kept = repeat('a.example.', { message: addresses(60), age: 20, freshAt: NOW - 20_400 });
  t.equal(kept?.until, NOW - 20_400 + 54_000);
  t.equal(kept?.agedAt, NOW - 400, 'when its 20th second began');
  const unknown = repeat('a.example.', { message: addresses(60), source: 'upstream' });
  t.equal(unknown?.until, NOW + 54_000 - 999, 'it may have been held for a sibling (F3)');
  const chain = [cname('a.example', 'b.example', 7), a('b.example', '192.0.2.1', 60)];
  const shortest = repeat('a.example.', { message: message({ answer: chain }), freshAt: NOW });
  t.equal(shortest?.until, NOW + 6_300);
});

test('what was held for its walk alone is not repeated (N4)', async (t) => {
  const repeat = await setup();
  t.equal(repeat('a.example.', { message: addresses(0), freshAt: NOW }), undefined);
  t.equal(repeat('a.example.', { message: addresses(1), age: 1, freshAt: NOW - 1_000 }), undefined);
});

test('data of an expansion is data: it hangs on nothing', async (t) => {
  const repeat = await setup();
  const kept = repeat('nginx.svc.cluster.local.', { message: addresses(60), freshAt: NOW });
  t.same(kept, { agedAt: NOW, until: NOW + 54_000, isExpansion: true });
});

test('failures, stale answers, repairs and answers with a remark are for once (C4, F5)', async (t) => {
  const repeat = await setup();
  const data = addresses(60);
  t.ok(repeat('a.example.', { message: data, freshAt: NOW }));
  t.equal(repeat('a.example.', { message: data, source: 'stale' }), undefined);
  t.equal(repeat('a.example.', { message: data, source: 'failure' }), undefined);
  t.equal(repeat('a.example.', { message: data, ede: { code: 0, text: '' } }), undefined);
  t.equal(repeat('a.example.', { message: { ...data, truncated: true } }), undefined, 'cut short');
  t.equal(repeat('a.example.', { message: { ...data, rcode: Rcode.SERVFAIL } }), undefined);
  t.equal(repeat('a.example.', { message: { ...data, rcode: Rcode.REFUSED } }), undefined);
  const failed = { ...nodata('example', 60), rcode: Rcode.SERVFAIL };
  t.equal(repeat('a.example.', { message: failed }), undefined, 'a failure with an SOA');
  t.equal(repeat('a.example.', { message: message() }), undefined, 'NODATA without SOA');
});

test('a cut or a pin answers for one walk, then the search stage sees the next (N4)', async (t) => {
  const repeat = await setup();
  const denied = nxdomain('cluster.local', 30);
  for (const source of ['cut', 'pin'] as const) {
    const kept = repeat('git.com.svc.cluster.local.', { message: denied, source, freshAt: NOW });
    t.equal(kept?.until, NOW + 2_000, source);
    t.equal(kept?.isExpansion, true);
  }
  const old = {
    message: nxdomain('cluster.local', 5),
    source: 'cut',
    age: 4,
    freshAt: NOW - 4_500,
  } as const;
  t.equal(repeat('git.com.svc.cluster.local.', old)?.until, NOW + 500, 'no longer than the cut');
});

test('a cut and a pin are as short for other types, and a pin is made when it is asked (N4)', async (t) => {
  const repeat = await setup();
  const denied = nxdomain('cluster.local', 30);
  const cut = { message: denied, source: 'cut', freshAt: NOW } as const;
  t.equal(repeat('_a._tcp.com.svc.cluster.local.', cut, RrType.SRV)?.until, NOW + 2_000);
  const pin = repeat('git.com.svc.cluster.local.', { message: denied, source: 'pin' }, RrType.SRV);
  t.equal(pin?.agedAt, NOW);
  t.equal(pin?.until, NOW + 2_000);
});

test('a denial of an address hangs on the other family (F3, F4, N7)', async (t) => {
  const repeat = await setup();
  const denied = nxdomain('example', 60);
  t.equal(repeat('a.example.', { message: denied, freshAt: NOW }), undefined);
  t.equal(repeat('a.example.', { message: denied, freshAt: NOW }, RrType.AAAA), undefined);
  t.ok(repeat('a.example.', { message: denied, freshAt: NOW }, RrType.SRV), 'no pair, no sibling');
  const empty = repeat('a.example.', { message: nodata('example', 60), freshAt: NOW }, RrType.AAAA);
  t.equal(empty?.until, NOW + 2_000, 'NODATA may be a denial beside addresses');
  const step = { message: nodata('cluster.local', 30), freshAt: NOW };
  t.equal(repeat('a.svc.cluster.local.', step), undefined, 'NODATA of an expansion');
});

test('denials in the cluster zone are short, local ones are not (C2)', async (t) => {
  const repeat = await setup();
  const denied = { message: nxdomain('cluster.local', 30), age: 1, freshAt: NOW - 1_000 };
  t.equal(repeat('_a._tcp.x.svc.cluster.local.', denied, RrType.SRV)?.until, NOW + 4_000);
  const local = repeat('a.invalid.', { message: nxdomain('invalid', 86_400), source: 'local' });
  t.equal(local?.until, NOW + 86_400_000);
});

test('what another sidestub was told of its probe is not repeated to clients (N7)', async (t) => {
  const clock = new HandClock();
  const denialLife = () => zoneDenialLife('tld');
  const repeat = repetition({ clock, isExpansion: () => true, denialLife, knownUntil: () => 0 });
  const cut: Answer = {
    message: nxdomain('cluster.local', 30),
    source: 'cut',
    age: 0,
    freshAt: clock.now(),
  };
  const asked = ownQuery('com.svc.cluster.local.', RrType.A, { client: '192.0.2.1' });
  t.ok(repeat(asked, cut));
  t.equal(repeat({ ...asked, fromProbe: true }, cut), undefined);
});

test('NODATA is repeated for as long as the other family is known, which may fail after that (F5)', async (t) => {
  const empty = { message: nodata('example', 60), freshAt: NOW };
  const known = await setup({ knownUntil: NOW + 300 });
  t.equal(known('a.example.', empty, RrType.AAAA)?.until, NOW + 300);
  const unknown = await setup({ knownUntil: Number.NEGATIVE_INFINITY });
  t.equal(unknown('a.example.', empty, RrType.AAAA), undefined);
  t.ok(unknown('a.example.', empty, RrType.TXT), 'no family');
});
