import { test } from 'tap';
import { TallySet } from '../../src/observe/tally.ts';
import { nodataRepair, STEP_MEMORY } from '../../src/resolve/nodata-repair.ts';
import { SearchList } from '../../src/resolve/search-list.ts';
import { type Answer, ownQuery, type Query } from '../../src/resolve/stage.ts';
import { REPAIR_KINDS } from '../../src/vocabulary.ts';
import { EdeCode, Rcode, RrType } from '../../src/wire/codes.ts';
import { HandClock, settle } from '../support/hand-clock.ts';
import { nodata } from '../support/messages.ts';
import { answer, below, promised, query } from './queries.ts';

const GIT = 'git.example.com.';
const STEP = `${GIT}cluster.local.`;
const NAME = `${GIT}corp.example.`;
const EMPTY = answer(nodata('corp.example.'));
const list = new SearchList({
  suffixes: ['cluster.local.', 'corp.example.'],
  zone: 'cluster.local.',
  routedZones: [],
});

function setup() {
  const clock = new HandClock();
  const repairs = new TallySet(REPAIR_KINDS);
  const { next, asked } = below();
  const resolve = promised(nodataRepair({ list, clock, repairs })(next));
  /** What the client was told so far. */
  const ask = (asking: Query = query(NAME)) => {
    const told: { answer?: Answer } = {};
    void resolve(asking).then((got) => {
      told.answer = got;
    });
    return told;
  };
  /** Asks for {@link NAME} as the step after {@link STEP}, and has it answered with NODATA. */
  const askStep = async (own: Answer = EMPTY) => {
    void resolve(query(STEP));
    const told = ask();
    asked[1]?.resolve(own);
    await settle();
    return told;
  };
  return { clock, asked, repairs, ask, askStep };
}

test('N7: the other family is asked, and where it is empty too the step is denied for that alone', async (t) => {
  const { asked, askStep, clock, repairs } = setup();
  const told = await askStep();
  t.match(asked[2]?.query, { qname: NAME, qtype: RrType.AAAA });
  asked[2]?.resolve(EMPTY);
  await settle();
  t.equal(told.answer?.message.rcode, Rcode.NXDOMAIN);
  t.same(told.answer?.ede, {
    code: EdeCode.OTHER,
    text: 'exists without addresses, denied so that the search goes on',
  });
  t.equal(repairs.get('nodata_in_search'), 1);
  t.equal(clock.timers, 0);
});

test('N7: a family that stays silent for 700 ms, or fails, leaves NODATA as it is', async (t) => {
  const silent = setup();
  const waiting = await silent.askStep();
  await silent.clock.advance(699);
  t.same(waiting, {});
  await silent.clock.advance(1);
  t.equal(waiting.answer, EMPTY);
  const failing = setup();
  const told = await failing.askStep();
  failing.asked[2]?.reject(new Error('timeout'));
  await settle();
  t.equal(told.answer, EMPTY, 'at once');
  t.equal(failing.clock.timers, 0);
});

test('N7, F5: NODATA that stands for a failure says nothing of the name', async (t) => {
  const hidden = answer(nodata('corp.example.'), { source: 'failure' });
  const { asked, askStep } = setup();
  t.equal((await askStep(hidden)).answer, hidden);
  t.equal(asked.length, 2, 'and the other family is left alone');
});

test('N7: the step before counts for five seconds to the millisecond', async (t) => {
  for (const [pause, isStep] of [
    [STEP_MEMORY, true],
    [STEP_MEMORY + 1, false],
  ] as const) {
    const { clock, asked, ask } = setup();
    await clock.advance(1_000);
    ask(query(STEP));
    await clock.advance(pause);
    ask();
    asked[1]?.resolve(EMPTY);
    await settle();
    t.equal(asked.length === 3, isStep, `${pause} ms`);
  }
});

test('N7: the program’s own questions are no walk', async (t) => {
  const { asked, ask } = setup();
  ask(ownQuery(STEP, RrType.A));
  const told = ask(ownQuery(NAME, RrType.A));
  asked[1]?.resolve(EMPTY);
  await settle();
  t.equal(told.answer, EMPTY);
});

test('N7: the probe of another sidestub is told the truth, and is no step of a walk', async (t) => {
  const { asked, ask, repairs } = setup();
  ask(query(STEP));
  const told = ask(query(NAME, RrType.A, { fromProbe: true }));
  asked[1]?.resolve(EMPTY);
  await settle();
  t.equal(told.answer, EMPTY);
  t.equal(asked.length, 2, 'its other family is not asked');
  t.equal(repairs.get('nodata_in_search'), 0);
  const other = setup();
  other.ask(query(STEP, RrType.A, { fromProbe: true }));
  const after = other.ask();
  other.asked[1]?.resolve(EMPTY);
  await settle();
  t.equal(after.answer, EMPTY, 'a probe is not the step before');
});
