import { test } from 'tap';
import { TallySet } from '../../src/observe/tally.ts';
import { type FamiliesOptions, families as familiesStage } from '../../src/resolve/families.ts';
import type { Answer, Query } from '../../src/resolve/stage.ts';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { REPAIR_KINDS } from '../../src/vocabulary.ts';
import { Rcode, RrType, typeName } from '../../src/wire/codes.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, aaaa, message, nodata, nxdomain } from '../support/messages.ts';
import { answer, answering, promised, query } from './queries.ts';

/** The stage as a test asks it, over stages that answer with promises. */
function families(options: FamiliesOptions) {
  return (next: (query: Query) => Promise<Answer>) =>
    promised(familiesStage(options)(answering(next)));
}

const NAME = 'api.corp.example.';
const EXPANSION = { base: 'api.', suffix: 'corp.example.', inZone: false };
/** How late the answer to the first question of a pair is, and to the second. */
const FIRST = 20;
const SECOND = 60;

/** Everything that one family can come to. */
const OUTCOMES = ['addresses', 'nodata', 'nxdomain', 'servfail', 'timeout', 'silence'] as const;
type Outcome = (typeof OUTCOMES)[number];

/** What the client is told: `empty` is the NODATA of a repair (F5), `silence` no answer until the deadline (U2). */
type Told = 'addresses' | 'nodata' | 'empty' | 'nxdomain' | 'servfail' | 'error' | 'silence';

const UNREPAIRED: Readonly<Record<Outcome, Told>> = {
  addresses: 'addresses',
  nodata: 'nodata',
  nxdomain: 'nxdomain',
  servfail: 'servfail',
  timeout: 'error',
  silence: 'silence',
};

const WITHOUT_WORD = { timeout: 'error', silence: 'error' } as const;
/** F5: what NODATA becomes beside a failure, and NXDOMAIN of AAAA beside one that upstream has not told itself. */
const NODATA_BESIDE: Readonly<Record<'base' | 'expansion', Partial<Record<Outcome, Told>>>> = {
  base: { ...WITHOUT_WORD, servfail: 'servfail' },
  expansion: WITHOUT_WORD,
};

function besideFailure(kind: 'base' | 'expansion', own: Outcome, other: Outcome, isA: boolean) {
  const without: Partial<Record<Outcome, Told>> = WITHOUT_WORD;
  if (own === 'nxdomain' && !isA) return without[other];
  return own === 'nodata' ? NODATA_BESIDE[kind][other] : undefined;
}

/** What F3, F4 and F5 make of one family beside the other. */
function expected(kind: 'base' | 'expansion', own: Outcome, other: Outcome, isA: boolean): Told {
  // F3: for an expansion A's NXDOMAIN answers AAAA unasked, and stands whatever AAAA would have said.
  if (kind === 'expansion' && isA && own === 'nxdomain') return 'nxdomain';
  if (kind === 'expansion' && !isA && other === 'nxdomain') return 'nxdomain';
  // F5: what is to come of the other family is waited for.
  const beside = besideFailure(kind, own, other, isA);
  if (beside !== undefined) return beside;
  if (other !== 'addresses') return UNREPAIRED[own];
  // F4.
  if (own === 'nxdomain') return 'nodata';
  // F5.
  if (own === 'servfail' || own === 'timeout' || own === 'silence') return 'empty';
  return UNREPAIRED[own];
}

/** The stage where nothing else is in flight and nothing was refused, unless told. */
function stageOf(more: Partial<FamiliesOptions> = {}) {
  return families({
    clock: new HandClock(),
    repair: true,
    repairs: new TallySet(REPAIR_KINDS),
    refusedAt: never,
    outSince: nothingOut,
    ...more,
  });
}

interface Scene {
  readonly clock: HandClock;
  readonly repairs: TallySet<(typeof REPAIR_KINDS)[number]>;
  readonly asked: string[];
  readonly pair: (order: 'A first' | 'AAAA first') => { a: Promise<Answer>; aaaa: Promise<Answer> };
  readonly alone: (qtype: number) => Promise<Answer>;
}

interface SceneOptions {
  readonly kind: 'base' | 'expansion';
  readonly a: Outcome;
  readonly aaaa: Outcome;
  /** Which family's answer is the earlier. */
  readonly earlier: 'A' | 'AAAA';
  /** How late the answer to the second is. */
  readonly second?: number;
  readonly repair?: boolean;
  readonly onlyRoutable?: 1 | 28;
}

const never = () => Number.NEGATIVE_INFINITY;
const nothingOut = () => undefined;

function scene(options: SceneOptions): Scene {
  const clock = new HandClock();
  const repairs = new TallySet(REPAIR_KINDS);
  const asked: string[] = [];
  const flights = new Map<number, Promise<Answer>>();
  const out = new Set<number>();
  const ask = ({ qtype }: Query): Promise<Answer> => {
    const isA = qtype === RrType.A;
    // Single flight and cache stand below: a family is asked once and its answer stays.
    const flight = flights.get(qtype);
    if (flight !== undefined) return flight;
    asked.push(typeName(qtype));
    const delay = (options.earlier === 'A') === isA ? FIRST : (options.second ?? SECOND);
    const started = saying(isA ? options.a : options.aaaa, qtype, clock, delay);
    flights.set(qtype, started);
    out.add(qtype);
    const land = () => out.delete(qtype);
    started.then(land, land);
    return started;
  };
  const { repair = true, onlyRoutable } = options;
  const outSince = ({ qtype }: Query) => (out.has(qtype) ? 0 : undefined);
  const stage = stageOf({ clock, repair, onlyRoutable, repairs, outSince });
  const resolve = stage(ask);
  const more = options.kind === 'expansion' ? { expansion: EXPANSION } : {};
  const told = (qtype: number) => resolve(query(NAME, qtype, more));
  return {
    clock,
    repairs,
    asked,
    alone: told,
    pair: (order) => {
      if (order === 'A first') return { a: told(RrType.A), aaaa: told(RrType.AAAA) };
      const v6 = told(RrType.AAAA);
      return { a: told(RrType.A), aaaa: v6 };
    },
  };
}

function saying(outcome: Outcome, qtype: number, clock: HandClock, delay: number): Promise<Answer> {
  const record = qtype === RrType.A ? a(NAME, '192.0.2.1') : aaaa(NAME, '2001:db8::1');
  const said: Record<Outcome, Answer | Error | undefined> = {
    addresses: answer({ answer: [record] }),
    nodata: answer(nodata('corp.example.')),
    nxdomain: answer(nxdomain('corp.example.')),
    servfail: answer(message({ rcode: Rcode.SERVFAIL })),
    timeout: new UpstreamError('timeout', 'no answer'),
    silence: undefined,
  };
  const { [outcome]: line } = said;
  return new Promise((resolve, reject) => {
    clock.after(delay, () => {
      if (line instanceof Error) reject(line);
      else if (line !== undefined) resolve(line);
    });
  });
}

function tell({ message: said, source }: Answer): Told {
  if (said.rcode === Rcode.NXDOMAIN) return 'nxdomain';
  if (said.rcode !== Rcode.NOERROR) return 'servfail';
  if (said.answer.length > 0) return 'addresses';
  return source === 'failure' ? 'empty' : 'nodata';
}

/** What each client is told, and when the last of it came. */
async function watch({ clock, pair }: Scene, order: 'A first' | 'AAAA first') {
  const told: Record<'a' | 'aaaa', Told> = { a: 'silence', aaaa: 'silence' };
  let last = 0;
  const asked = pair(order);
  for (const family of ['a', 'aaaa'] as const) {
    void asked[family]
      .then(tell, (): Told => 'error')
      .then((what) => {
        told[family] = what;
        last = clock.now();
      });
  }
  // Past this every client has had SERVFAIL from the stage above (U2).
  await clock.advance(4_500);
  return { ...told, last };
}

/** What an expansion's NODATA becomes that is there before AAAA is asked: nobody knows yet that AAAA will fail. */
function firstOf(v6: Outcome, told: Told): Told {
  return v6 === 'timeout' || v6 === 'silence' ? 'nodata' : told;
}

for (const kind of ['base', 'expansion'] as const) {
  for (const earlier of ['A', 'AAAA'] as const) {
    test(`F3, F4, F5: ${kind}, ${earlier} answered first: all 36 pairs, whichever is asked first`, async (t) => {
      for (const v4 of OUTCOMES) {
        for (const v6 of OUTCOMES) {
          for (const order of ['A first', 'AAAA first'] as const) {
            const stage = scene({ kind, a: v4, aaaa: v6, earlier });
            const { a: gotA, aaaa: gotAaaa } = await watch(stage, order);
            const right = { a: expected(kind, v4, v6, true), aaaa: expected(kind, v6, v4, false) };
            if (kind === 'expansion' && order === 'A first' && v4 === 'nodata')
              right.a = firstOf(v6, right.a);
            t.same({ a: gotA, aaaa: gotAaaa }, right, `A ${v4}, AAAA ${v6}, ${order}`);
            t.equal(stage.clock.timers, 0, 'no timer is left');
          }
        }
      }
    });
  }
}

type LibcSays = 'addresses' | 'next' | 'end' | 'again';

/** M5, M6: what musl since 1.2.1 makes of a pair. */
function musl(v4: Told, v6: Told): LibcSays {
  for (const told of [v4, v6]) {
    if (told === 'nxdomain') return 'next';
    if (told === 'servfail' || told === 'error' || told === 'silence') return 'again';
  }
  return v4 === 'addresses' || v6 === 'addresses' ? 'addresses' : 'end';
}

/** G2, G5: what glibc makes of it. */
function glibc(v4: Told, v6: Told): LibcSays {
  if (v4 === 'addresses' || v6 === 'addresses') return 'addresses';
  const failed = (told: Told) => told === 'servfail' || told === 'error' || told === 'silence';
  return failed(v4) && failed(v6) ? 'again' : 'next';
}

test('F4, F5: wherever one family of a base has addresses, every libc gets them', async (t) => {
  for (const other of OUTCOMES) {
    for (const works of ['a', 'aaaa'] as const) {
      const pair = { a: other, aaaa: other, [works]: 'addresses' as const };
      const got = await watch(scene({ kind: 'base', earlier: 'A', ...pair }), 'A first');
      t.equal(musl(got.a, got.aaaa), 'addresses', `musl: ${works} beside ${other}`);
      t.equal(glibc(got.a, got.aaaa), 'addresses', `glibc: ${works} beside ${other}`);
      t.ok(got.last <= 1_000, `${got.last} ms`);
    }
  }
});

test('F3, F4: nothing is denied that is not denied upstream, nothing hidden that libc would see directly', async (t) => {
  for (const kind of ['base', 'expansion'] as const) {
    for (const v4 of OUTCOMES) {
      for (const v6 of OUTCOMES) {
        const got = await watch(scene({ kind, a: v4, aaaa: v6, earlier: 'A' }), 'A first');
        const direct = musl(UNREPAIRED[v4], UNREPAIRED[v6]);
        const here = musl(got.a, got.aaaa);
        const title = `${kind}: A ${v4}, AAAA ${v6}: directly ${direct}, here ${here}`;
        // Where it differs from the direct walk the libc got addresses, or a denial upstream had given.
        t.ok(
          here === direct || here === 'addresses' || (here === 'next' && v4 === 'nxdomain'),
          title,
        );
        if (direct === 'addresses') t.equal(here, 'addresses', title);
      }
    }
  }
});

test('F5: where A has no answer, what is said of AAAA is no denial for glibc', async (t) => {
  for (const kind of ['base', 'expansion'] as const) {
    for (const v4 of ['timeout', 'silence'] as const) {
      for (const v6 of ['nodata', 'nxdomain'] as const) {
        const got = await watch(scene({ kind, a: v4, aaaa: v6, earlier: 'AAAA' }), 'A first');
        t.equal(glibc(got.a, got.aaaa), 'again', `${kind}: A ${v4}, AAAA ${v6}`);
      }
    }
  }
});

test('F3: for an expansion AAAA is not asked where A is denied, and is where it is not', async (t) => {
  for (const [v4, asked] of [
    ['nxdomain', ['A']],
    ['nodata', ['A', 'AAAA']],
    ['addresses', ['A', 'AAAA']],
    ['servfail', ['A', 'AAAA']],
  ] as const) {
    const stage = scene({ kind: 'expansion', a: v4, aaaa: 'nodata', earlier: 'A' });
    await watch(stage, 'AAAA first');
    t.same(stage.asked, asked, v4);
  }
});

test('F3: a lone question of an expansion asks for A; a lone A asks for nothing more', async (t) => {
  const denied = scene({ kind: 'expansion', a: 'nxdomain', aaaa: 'silence', earlier: 'A' });
  const resolve = denied.pair('A first');
  await denied.clock.advance(FIRST);
  t.equal(tell(await resolve.a), 'nxdomain');
  t.equal(tell(await resolve.aaaa), 'nxdomain');
  t.equal(denied.repairs.get('shared_nxdomain'), 1);
});

test('F5: an expansion whose A stays silent has its AAAA within a second', async (t) => {
  const stage = scene({ kind: 'expansion', a: 'silence', aaaa: 'addresses', earlier: 'AAAA' });
  const got = await watch(stage, 'A first');
  t.same([got.a, got.aaaa], ['empty', 'addresses']);
  t.ok(got.last <= 1_000, `${got.last} ms`);
});

test('F3: NXDOMAIN of a base is held for the other family, until just before the deadline', async (t) => {
  for (const [v4, v6] of [
    ['nxdomain', 'silence'],
    ['silence', 'nxdomain'],
  ] as const) {
    const stage = scene({
      kind: 'base',
      a: v4,
      aaaa: v6,
      earlier: v4 === 'nxdomain' ? 'A' : 'AAAA',
    });
    t.equal((await watch(stage, 'A first')).last, 4_400);
  }
});

test('F3: where the client has asked for one family alone, its NXDOMAIN is held for 700 ms', async (t) => {
  const stage = scene({ kind: 'base', a: 'silence', aaaa: 'nxdomain', earlier: 'AAAA' });
  let told: Told = 'silence';
  const lone = stage.alone(RrType.AAAA).then(tell);
  void lone.then((what) => {
    told = what;
  });
  await stage.clock.advance(FIRST + 699);
  t.equal(told, 'silence');
  await stage.clock.advance(1);
  t.equal(told, 'nxdomain');
});

test('F4: addresses that come 3 s after the NXDOMAIN of the other family make NODATA of it', async (t) => {
  for (const denied of ['a', 'aaaa'] as const) {
    const works = denied === 'a' ? 'aaaa' : 'a';
    const pair = { a: 'addresses', aaaa: 'addresses', [denied]: 'nxdomain' } as const;
    const earlier = denied === 'a' ? 'A' : 'AAAA';
    const got = await watch(scene({ kind: 'base', ...pair, earlier, second: 3_000 }), 'A first');
    t.same([got[denied], got[works]], ['nodata', 'addresses'], denied);
    t.equal(musl(got.a, got.aaaa), 'addresses');
  }
});

test('F3: NXDOMAIN of a base is told as soon as the other family has failed', async (t) => {
  for (const v6 of ['servfail', 'timeout'] as const) {
    const stage = scene({ kind: 'base', a: 'nxdomain', aaaa: v6, earlier: 'A' });
    t.equal((await watch(stage, 'A first')).last, SECOND, v6);
  }
});

test('F3: whoever waited for the other family leaves no timer', async (t) => {
  const stage = scene({ kind: 'base', a: 'nxdomain', aaaa: 'nodata', earlier: 'A' });
  const { a: told } = stage.pair('A first');
  await stage.clock.advance(SECOND);
  t.equal((await told).message.rcode, Rcode.NXDOMAIN);
  t.equal(stage.clock.timers, 0);
});

test('F5: the only family that the pod can route keeps its failure, and waits for no other', async (t) => {
  for (const [failing, told] of [
    ['servfail', 'servfail'],
    ['timeout', 'error'],
    ['silence', 'silence'],
  ] as const) {
    const v6 = scene({
      kind: 'base',
      a: 'addresses',
      aaaa: failing,
      earlier: 'A',
      onlyRoutable: 28,
    });
    t.equal((await watch(v6, 'A first')).aaaa, told);
    const v4 = scene({
      kind: 'base',
      a: failing,
      aaaa: 'addresses',
      earlier: 'A',
      onlyRoutable: 1,
    });
    t.equal((await watch(v4, 'A first')).a, told);
  }
});

test('F5: addresses that have just come are not asked for again, though nobody may keep them', async (t) => {
  for (const [aaaaAt, asked] of [
    [60, 1],
    [719, 1],
    [720, 2],
  ] as const) {
    const clock = new HandClock();
    let [askedA, told] = [0, 0];
    const resolve = stageOf({ clock })(async ({ qtype }) => {
      await new Promise<void>((resolve) => clock.after(FIRST, resolve));
      if (qtype === RrType.AAAA) return answer(message({ rcode: Rcode.SERVFAIL }));
      askedA++;
      return answer({ answer: [a(NAME, '192.0.2.1', 0)] });
    });
    void resolve(query(NAME, RrType.A));
    await clock.advance(aaaaAt);
    void resolve(query(NAME, RrType.AAAA)).then((own) => {
      told = clock.now() - aaaaAt;
      t.equal(tell(own), 'empty');
    });
    await clock.advance(500);
    t.equal(askedA, asked);
    t.equal(told, asked * FIRST);
  }
});

test('F3: a family that has just been denied is not asked for again, though nobody may keep the denial', async (t) => {
  for (const isNodata of [true, false]) {
    const clock = new HandClock();
    const asked: string[] = [];
    const told: number[] = [];
    const resolve = stageOf({ clock })(async ({ qtype }) => {
      asked.push(typeName(qtype));
      await new Promise<void>((resolve) => clock.after(FIRST, resolve));
      const isA = qtype === RrType.A;
      return answer(message({ rcode: isA && isNodata ? Rcode.NOERROR : Rcode.NXDOMAIN }));
    });
    const ask = (qtype: number) =>
      void resolve(query(NAME, qtype)).then(() => told.push(clock.now()));
    ask(RrType.A);
    clock.after(1, () => ask(RrType.AAAA));
    await clock.advance(1_000);
    t.same(asked, isNodata ? ['A', 'AAAA'] : ['A', 'AAAA', 'AAAA'], 'no single flight is below');
    t.equal(told.at(-1), isNodata ? FIRST + 1 : 2 * FIRST);
    t.equal(clock.timers, 0);
  }
});

test('F5: switched off, failure and silence are told as they are; F4 stands', async (t) => {
  for (const [failing, told] of [
    ['servfail', 'servfail'],
    ['timeout', 'error'],
    ['silence', 'silence'],
    ['nxdomain', 'nodata'],
  ] as const) {
    const off = scene({ kind: 'base', a: 'addresses', aaaa: failing, earlier: 'A', repair: false });
    t.equal((await watch(off, 'A first')).aaaa, told, failing);
  }
});

test('F5: a repair lives for 5 s and says why; it is no answer of upstream', async (t) => {
  const stage = scene({ kind: 'base', a: 'addresses', aaaa: 'servfail', earlier: 'A' });
  const { aaaa: repaired } = stage.pair('A first');
  await stage.clock.advance(SECOND);
  const got = await repaired;
  t.equal(got.source, 'failure');
  t.equal(got.message.authority[0]?.ttl, 5);
  t.equal(got.message.authority[0]?.type, RrType.SOA);
  t.match(got.ede?.text, /address family/);
  t.equal(stage.repairs.get('failure_beside_addresses'), 1);
});

test('N1: other types and classes pass as the queries that they were', async (t) => {
  const passed: Query[] = [];
  const clock = new HandClock();
  const repairs = new TallySet(REPAIR_KINDS);
  const resolve = stageOf({ clock, repairs })(async (each) => {
    passed.push(each);
    return answer(nxdomain('corp.example.'));
  });
  const others = [
    query(NAME, RrType.TXT),
    query(NAME, RrType.SRV, { expansion: EXPANSION }),
    query(NAME, RrType.ANY),
    query(NAME, RrType.A, { qclass: 3 }),
  ];
  for (const each of others) await resolve(each);
  t.ok(passed.length === others.length && passed.every((each, i) => each === others[i]));
  t.equal(clock.timers, 0);
});

test('U2: a failure is told while the other family is silent', async (t) => {
  for (const [v4, v6] of [
    ['servfail', 'silence'],
    ['silence', 'timeout'],
  ] as const) {
    const stage = scene({
      kind: 'base',
      a: v4,
      aaaa: v6,
      earlier: v4 === 'silence' ? 'AAAA' : 'A',
    });
    t.equal((await watch(stage, 'A first')).last, FIRST + 700);
  }
});

test('each repair is counted for what it was', async (t) => {
  for (const [v6, kind] of [
    ['nxdomain', 'nxdomain_beside_addresses'],
    ['servfail', 'failure_beside_addresses'],
    ['timeout', 'failure_beside_addresses'],
    ['silence', 'silence_beside_addresses'],
    ['addresses', undefined],
    ['nodata', undefined],
  ] as const) {
    const stage = scene({ kind: 'base', a: 'addresses', aaaa: v6, earlier: 'A' });
    await watch(stage, 'A first');
    const counted = REPAIR_KINDS.filter((each) => stage.repairs.get(each) > 0);
    t.same(counted, kind === undefined ? [] : [kind], v6);
  }
});

/** A silent AAAA beside an A that is asked anew once it was answered, which takes `delay`. */
async function silentBeside(
  says: () => Answer,
  delay: number,
  asked: { readonly a?: number; readonly aaaa?: number },
) {
  const clock = new HandClock();
  await clock.advance(50_000);
  const repairs = new TallySet(REPAIR_KINDS);
  let flight: Promise<Answer> | undefined;
  const resolve = stageOf({ clock, repairs })(({ qtype }) => {
    if (qtype === RrType.AAAA) return new Promise(() => undefined);
    flight ??= new Promise((told) => {
      clock.after(delay, () => {
        flight = undefined;
        told(says());
      });
    });
    return flight;
  });
  const { a: aAt, aaaa: aaaaAt = 0 } = asked;
  if (aAt !== undefined) clock.after(aAt, () => void resolve(query(NAME, RrType.A)));
  let after: number | undefined;
  clock.after(aaaaAt, () => {
    const started = clock.now();
    void resolve(query(NAME, RrType.AAAA)).then(() => {
      after = clock.now() - started;
    });
  });
  await clock.advance(4_500);
  return { after, timers: clock.timers };
}

test('F5: a silent family is given up 700 ms after the other had addresses, or after the question for what was there', async (t) => {
  const fresh = answer({ answer: [a(NAME, '192.0.2.1', 0)] });
  const says = () => fresh;
  t.same(
    await silentBeside(says, 300, { a: 0 }),
    { after: 1_000, timers: 0 },
    'though they are asked for once more',
  );
  t.same(await silentBeside(says, 900, { a: 0 }), { after: 1_600, timers: 0 });
  t.same(
    await silentBeside(says, 300, { a: 0, aaaa: 300 }),
    { after: 950, timers: 0 },
    'they came in the millisecond of the question',
  );
  const cached = { ...fresh, source: 'cache' } as const;
  t.same(await silentBeside(() => cached, 0, { a: 0 }), { after: 700, timers: 0 });
  t.same(await silentBeside(() => cached, 0, {}), { after: 700, timers: 0 });
  t.same(
    await silentBeside(() => cached, 0, { a: 300 }),
    { after: 700, timers: 0 },
    'whenever what was there is asked for',
  );
});

test('F5: addresses that come after NODATA give a silent family 700 ms of their own', async (t) => {
  const said = [answer(nodata('corp.example.')), answer({ answer: [a(NAME, '192.0.2.1', 0)] })];
  const says = () => said.shift() ?? answer();
  t.same(await silentBeside(says, 100, { a: 0 }), { after: 1_450, timers: 0 });
});

test('F5, C4: addresses that are stale say nothing of the other family', async (t) => {
  const stale = answer({ answer: [a(NAME, '192.0.2.1')] }, { source: 'stale' });
  t.same(await silentBeside(() => stale, 0, { a: 0 }), { after: undefined, timers: 0 });
});

test('F5: a family that answers while the other is looked at is told, and leaves no timer', async (t) => {
  const clock = new HandClock();
  const repairs = new TallySet(REPAIR_KINDS);
  const v6 = answer({ answer: [aaaa(NAME, '2001:db8::1')] });
  const resolve = stageOf({ clock, repairs })(({ qtype }) => {
    const isA = qtype === RrType.A;
    return new Promise((told) => {
      // AAAA comes between the end of its patience and the word on A.
      clock.after(isA ? 100 : 750, () =>
        told(isA ? answer({ answer: [a(NAME, '192.0.2.1')] }) : v6),
      );
    });
  });
  const told = resolve(query(NAME, RrType.AAAA));
  await clock.advance(900);
  t.equal(await told, v6);
  t.equal(clock.timers, 0);
});

test('F5: what was refused on its way is no failure of upstream, and never becomes NODATA', async (t) => {
  const clock = new HandClock();
  const repairs = new TallySet(REPAIR_KINDS);
  const told = (own: () => Promise<Answer>, refusedAt = never) =>
    stageOf({ clock, repairs, refusedAt })(({ qtype }) =>
      qtype === RrType.A ? own() : Promise.resolve(answer({ answer: [aaaa(NAME, '2001:db8::1')] })),
    )(query(NAME));
  for (const reason of ['local', 'refused', 'full'] as const) {
    await t.rejects(
      told(() => Promise.reject(new UpstreamError(reason, 'EPERM'))),
      { reason, message: 'EPERM' },
    );
  }
  const remembered = answer({ rcode: Rcode.SERVFAIL, undelivered: true });
  t.equal(await told(() => Promise.resolve(remembered)), remembered, 'so when it is remembered');
  const late = answer({ answer: [a(NAME, '192.0.2.1')] });
  const after = (span: number) =>
    told(
      () => new Promise((resolve) => clock.after(span, () => resolve(late))),
      () => clock.now() - 1,
    );
  const slow = after(649);
  await clock.advance(649);
  t.equal(await slow, late, 'and silence that is of our own making is waited out');
  let isTold = false;
  const silent = t.rejects(after(3_000), { name: 'UpstreamError', reason: 'local' });
  void silent.then(() => {
    isTold = true;
  });
  // Its addresses are asked for after 650 ms, and come at once.
  await clock.advance(650);
  await clock.advance(649);
  t.notOk(isTold);
  await clock.advance(1);
  t.ok(isTold, 'before a sidecar in front of this, which does not know, gives it up as silent');
  t.equal(repairs.get('failure_beside_addresses') + repairs.get('silence_beside_addresses'), 0);
});

test('F5: a question that joins one whose datagrams were refused is refused too, and gets no NODATA', async (t) => {
  const clock = new HandClock();
  await clock.advance(1_000);
  const told = (refusedAt: number) => {
    const asked = clock.now();
    const stage = stageOf({ clock, refusedAt: () => refusedAt, outSince: () => asked - 500 });
    return stage(({ qtype }) =>
      qtype === RrType.A
        ? new Promise(() => undefined)
        : Promise.resolve(answer({ answer: [aaaa(NAME, '2001:db8::1')] })),
    )(query(NAME));
  };
  const joined = t.rejects(told(clock.now() - 500), { name: 'UpstreamError', reason: 'local' });
  const other = told(clock.now() - 501);
  await clock.advance(700);
  await clock.advance(700);
  await joined;
  t.equal((await other).message.rcode, Rcode.NOERROR, 'an older refusal is no reason');
});

/** What AAAA is told, which has none upstream, after A has failed. */
async function nodataBeside(failure: Answer, more: Partial<Query> = {}): Promise<Answer> {
  const stage = stageOf();
  const resolve = stage(async ({ qtype }) =>
    qtype === RrType.A ? failure : answer(nodata('corp.example.')),
  );
  await resolve(query(NAME, RrType.A, more));
  return resolve(query(NAME, RrType.AAAA, more));
}

test('F5: NODATA beside a failure is no answer; of an expansion it is, where upstream says the failure itself', async (t) => {
  for (const wasSaid of [true, false]) {
    const failure = answer({ rcode: Rcode.SERVFAIL });
    const remembered = { ...failure, source: 'failure' as const, wasSaid };
    const { message: told } = await nodataBeside(remembered);
    t.equal(told.rcode, Rcode.SERVFAIL, 'glibc would take the two for a name without addresses');
    const step = await nodataBeside(remembered, { expansion: EXPANSION });
    t.equal(step.message.rcode, wasSaid ? Rcode.NOERROR : Rcode.SERVFAIL, `said: ${wasSaid}`);
  }
});

test('F5: NODATA is told once the other family is answered, though another client asks for that anew by then', async (t) => {
  const clock = new HandClock();
  const stage = stageOf({ clock, outSince: () => 0 });
  const resolve = stage(({ qtype }) =>
    qtype === RrType.A
      ? saying('addresses', RrType.A, clock, FIRST)
      : Promise.resolve(answer(nodata('corp.example.'))),
  );
  const told = resolve(query(NAME, RrType.AAAA));
  await clock.advance(FIRST);
  t.equal(tell(await told), 'nodata');
  t.equal(clock.timers, 0);
});

test('F5: a client that asks again for a family that is refused is told at once, and not 650 ms later', async (t) => {
  const clock = new HandClock();
  const stage = stageOf({
    clock,
    refusedAt: () => 10,
    outSince: ({ qtype }) => (qtype === RrType.AAAA ? 0 : undefined),
  });
  let source: Answer['source'] = 'upstream';
  const resolve = stage(({ qtype }) =>
    qtype === RrType.A
      ? Promise.resolve(answer({ answer: [a(NAME, '192.0.2.1')] }, { source }))
      : new Promise(() => undefined),
  );
  await resolve(query(NAME, RrType.A));
  source = 'cache';
  const waits: number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    const asked = clock.now();
    const told = t.rejects(resolve(query(NAME, RrType.AAAA)), {
      name: 'UpstreamError',
      reason: 'local',
    });
    void told.then(() => waits.push(clock.now() - asked));
    await clock.advance(turn === 0 ? 650 : 1);
    await clock.advance(1);
    await told;
  }
  t.ok((waits[0] ?? 0) >= 650 && waits.slice(1).every((each) => each <= 2), `${waits}`);
});

test('F5: what another sidestub could not send is passed on beside addresses, and never NODATA', async (t) => {
  const failure = { rcode: Rcode.SERVFAIL, unreached: true } as const;
  for (const undelivered of [true, undefined] as const) {
    const stage = stageOf();
    const said = answer(undelivered ? { ...failure, undelivered } : failure);
    const resolve = stage(async ({ qtype }) =>
      qtype === RrType.AAAA ? said : answer({ answer: [a(NAME, '192.0.2.1')] }),
    );
    const told = tell(await resolve(query(NAME, RrType.AAAA)));
    t.equal(told, undelivered ? 'servfail' : 'empty');
  }
});

test('F5: SERVFAIL of a forwarder that had no answer itself is silence: NODATA is not told beside it', async (t) => {
  const unreached = answer({ rcode: Rcode.SERVFAIL, unreached: true });
  const fromMemory = { ...unreached, source: 'failure' as const, wasSaid: true };
  for (const failure of [unreached, fromMemory]) {
    t.equal((await nodataBeside(failure)).message.rcode, Rcode.SERVFAIL);
  }
});
