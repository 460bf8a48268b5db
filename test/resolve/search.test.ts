import { test } from 'tap';
import { Tally, TallySet } from '../../src/observe/tally.ts';
import { ClusterZone } from '../../src/resolve/cluster-zone.ts';
import { type SearchOptions, search } from '../../src/resolve/search.ts';
import { SearchList } from '../../src/resolve/search-list.ts';
import { serveStale } from '../../src/resolve/serve-stale.ts';
import type { Answer } from '../../src/resolve/stage.ts';
import { StaleAnswers } from '../../src/resolve/stale-answers.ts';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { EXPANSION_FATES } from '../../src/vocabulary.ts';
import { EdeCode, Rcode, RrType } from '../../src/wire/codes.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message } from '../support/messages.ts';
import { type Line, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { SUFFIXES } from '../support/stub.ts';
import { answerFrom } from '../support/world.ts';
import { over, promised, query } from './queries.ts';

const RTT = 20;
const ZONE = 'cluster.local.';
/** An expansion of a name of the world outside, which cuts may deny. */
const NAME = 'api.example.dev.svc.cluster.local.';
const POINT = 'dev.svc.cluster.local.';
const NO_ANSWER = new UpstreamError('timeout', 'no answer');
const SERVFAIL = message({ rcode: Rcode.SERVFAIL });

interface Setup extends Partial<SearchOptions> {
  /** Read at each question: a test may change them. */
  readonly lines?: Record<string, Line>;
  readonly cluster?: boolean;
  readonly isSilent?: () => boolean;
}

async function setup({
  lines = {},
  cluster = true,
  isSilent = () => false,
  ...options
}: Setup = {}) {
  const clock = new HandClock();
  const upstream = new ScriptedUpstream(clock, (asked) => answerFrom({ lines })(asked), RTT);
  const fates = new TallySet(EXPANSION_FATES);
  const zone = new ClusterZone({
    zone: ZONE,
    clock,
    sameRoute: () => true,
    onVerdict: () => undefined,
  });
  const list = new SearchList({ suffixes: SUFFIXES, zone: ZONE, routedZones: [] });
  // What stands in for an upstream that fails is below, and is the zone's old cuts alone.
  const cache = { has: () => false, hasData: () => false, stale: () => undefined };
  const staleAnswers = new StaleAnswers({ cache, list, zone });
  const next = serveStale({
    clock,
    staleAnswer: (asked) => staleAnswers.of(asked),
    isSilent,
    quietFrom: () => Number.POSITIVE_INFINITY,
  })(over(upstream));
  const stage = search({
    list,
    zone: cluster ? zone : undefined,
    clock,
    // Nothing is fetched early: what is asked is the question's own.
    mode: 'off',
    isDenied: () => false,
    publicTlds: new Set(),
    isKnown: () => false,
    hasData: () => false,
    fates,
    speculations: new Tally(),
    ...options,
  });
  const listened = stage(next);
  const resolve = promised(listened);
  zone.test(next);
  await clock.advance(RTT);
  upstream.takeAsked();
  /** Which fates have been counted since the last call. */
  let seen = new Map<string, number>();
  const takeFates = () => {
    const now = new Map([...fates.entries()].map(([fate, { value }]) => [fate, value]));
    const added = EXPANSION_FATES.filter((fate) => now.get(fate) !== (seen.get(fate) ?? 0));
    seen = now;
    return added;
  };
  /** What the client is told within `span`; `undefined` for nothing. */
  const ask = async (qname: string, span = RTT): Promise<Answer | undefined> => {
    let told: Answer | undefined;
    void resolve(query(qname)).then((got) => {
      told = got;
    });
    await clock.advance(span);
    return told;
  };
  /** Denies the point, and lets the cut that comes of it grow old. */
  const rememberCut = async () => {
    await ask(`other.${POINT}`);
    await clock.advance(60_000);
    upstream.takeAsked();
    takeFates();
  };
  return { clock, upstream, resolve, listened, ask, takeFates, rememberCut };
}

test('N3: a lost question costs nothing where the probe beside it is answered', async (t) => {
  const { ask, upstream, takeFates } = await setup({ lines: { [NAME]: 'silence' } });
  const told = await ask(NAME);
  t.equal(told?.source, 'cut');
  t.equal(told?.proof, POINT);
  t.same(upstream.takeAsked(), [`${NAME} A`, `${POINT} A`]);
  t.same(takeFates(), [], 'the question itself is still out');
});

test('N4: the steps to come are asked for once this one is answered', async (t) => {
  const { listened, ask, upstream, clock } = await setup({
    mode: 'prove',
    publicTlds: new Set(['dev']),
  });
  await ask(`other.${POINT}`);
  upstream.takeAsked();
  let before: string[] | undefined;
  listened(query(NAME), {
    onAnswer: () => {
      before = upstream.takeAsked();
    },
    onFailure: (error) => t.fail(String(error)),
  });
  t.same(before, [], 'the cut has answered, and nothing was asked yet');
  await clock.advance(0);
  t.ok(upstream.takeAsked().includes('api.example.dev. A'));
});

test('N3: a probe that denies nothing leaves the question its own time and its own word', async (t) => {
  const exists = { [POINT]: message({ answer: [a(POINT, '10.0.0.1')] }) };
  const silent = await setup({ lines: { ...exists, [NAME]: 'silence' } });
  t.equal(await silent.ask(NAME, 1_000), undefined);
  const { ask, takeFates } = await setup({ lines: exists });
  t.equal((await ask(NAME))?.source, 'upstream');
  t.same(takeFates(), ['upstream']);
});

test('an answer that is here is the cache’s, whatever a cut says, and asks for no proof', async (t) => {
  let isKnown = false;
  const { ask, upstream, takeFates } = await setup({ isKnown: () => isKnown });
  await ask(`other.${POINT}`);
  upstream.takeAsked();
  takeFates();
  isKnown = true;
  t.equal((await ask(NAME))?.source, 'upstream', 'what stands below gives it');
  t.same(upstream.takeAsked(), [`${NAME} A`]);
  t.same(takeFates(), ['cache']);
});

test('N9: whether upstream fails or refuses to say, a cut of the last minutes stands in, and says so', async (t) => {
  for (const failure of [NO_ANSWER, SERVFAIL]) {
    const lines: Record<string, Line> = {};
    const { ask, takeFates, rememberCut } = await setup({ lines });
    await rememberCut();
    lines[NAME] = failure;
    lines[POINT] = failure;
    const told = await ask(NAME);
    t.equal(told?.message.rcode, Rcode.NXDOMAIN);
    t.equal(told?.source, 'stale');
    t.same(told?.ede, {
      code: EdeCode.STALE_NXDOMAIN,
      text: 'denied within the last five minutes',
    });
    t.same(takeFates(), ['stale_cut']);
  }
});

test('N9: a route that is silent is not waited for: what is remembered is told at once, and the question stays out', async (t) => {
  const lines: Record<string, Line> = {};
  let silent = false;
  const { clock, ask, upstream, takeFates, rememberCut } = await setup({
    lines,
    isSilent: () => silent,
  });
  await rememberCut();
  silent = true;
  lines[NAME] = NO_ANSWER;
  t.equal((await ask(NAME, 0))?.source, 'stale');
  t.ok(upstream.takeAsked().includes(`${NAME} A`));
  t.same(takeFates(), ['stale_cut']);
  await clock.advance(RTT);
  t.pass('and its failure is nobody’s: tap would fail on a rejection that is left');
});

test('N9: with nothing to remember a failure goes up as it is', async (t) => {
  for (const cluster of [true, false]) {
    const { clock, resolve, ask, takeFates } = await setup({
      cluster,
      isSilent: () => true,
      lines: { [NAME]: NO_ANSWER, [`failing.${ZONE}`]: SERVFAIL },
    });
    const rejected = t.rejects(resolve(query(NAME)), NO_ANSWER);
    await clock.advance(RTT);
    await rejected;
    t.equal((await ask(`failing.${ZONE}`))?.message.rcode, Rcode.SERVFAIL);
    t.same(takeFates(), ['upstream']);
  }
});

test('without a cluster zone nothing is proven, and off nothing is fetched early', async (t) => {
  const { ask, upstream } = await setup({ cluster: false });
  await ask(NAME);
  t.equal((await ask(NAME))?.source, 'upstream');
  await ask('git.example.com.svc.cluster.local.');
  t.same(upstream.takeAsked(), [`${NAME} A`, `${NAME} A`, 'git.example.com.svc.cluster.local. A']);
});

test('N3: outside the zone there is nothing to prove', async (t) => {
  const { ask, upstream } = await setup();
  t.equal((await ask('wiki.corp.example.'))?.source, 'upstream');
  t.same(upstream.takeAsked(), ['wiki.corp.example. A']);
});

test('N3: other types are asked alone: only addresses come with a probe', async (t) => {
  const { resolve, clock, upstream } = await setup();
  const told = resolve(query(NAME, RrType.SRV));
  await clock.advance(RTT);
  t.equal((await told).source, 'upstream');
  t.same(upstream.takeAsked(), [`${NAME} SRV`]);
});
