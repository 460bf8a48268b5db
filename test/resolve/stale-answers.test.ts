import { test } from 'tap';
import { SearchList } from '../../src/resolve/search-list.ts';
import type { Answer, DenialKind, Query } from '../../src/resolve/stage.ts';
import { StaleAnswers } from '../../src/resolve/stale-answers.ts';
import { verdictOf } from '../../src/resolve/verdict.ts';
import { EdeCode, RrType, typeName } from '../../src/wire/codes.ts';
import { a, aaaa, nodata, nxdomain } from '../support/messages.ts';
import { SUFFIXES } from '../support/stub.ts';
import { answer, query } from './queries.ts';

const ZONE = 'cluster.local.';
const BASE = 'nginx.ci.';
const FOUND = `${BASE}svc.cluster.local.`;
const ADDRESS = answer({ answer: [a(FOUND, '10.0.0.1')] });
const DENIED = answer(nxdomain(ZONE, 30), { source: 'stale' });

interface Known {
  /** Answers whose life is over, and those that are fresh, by name and type. */
  readonly stale?: Readonly<Record<string, Answer>>;
  readonly fresh?: Readonly<Record<string, Answer>>;
  readonly cut?: Answer;
}

function setup({ stale = {}, fresh = {}, cut }: Known, hasZone = true) {
  const list = new SearchList({ suffixes: SUFFIXES, zone: ZONE, routedZones: [] });
  const keyOf = ({ qname, qtype }: Query) => `${qname} ${typeName(qtype)}`;
  const cache = {
    has: (asked: Query) => fresh[keyOf(asked)] !== undefined,
    hasData: (asked: Query) => {
      const known = fresh[keyOf(asked)];
      return known !== undefined && verdictOf(known.message, asked) === 'data';
    },
    stale: (asked: Query) => stale[keyOf(asked)],
  };
  const words = new StaleAnswers({
    cache,
    list,
    zone: hasZone ? { lastKnown: () => cut } : undefined,
  });
  return (qname: string, denialKind: DenialKind | undefined, more: Partial<Query> = {}) => {
    const expansion = list.expansionOf(qname);
    const known = {
      ...(expansion === undefined ? {} : { expansion }),
      ...(denialKind === undefined ? {} : { denialKind }),
    };
    return words.of(query(qname, RrType.A, { ...known, ...more }));
  };
}

const FIRST = `${BASE}job.svc.cluster.local.`;

test('C4: addresses are told where upstream is slow', (t) => {
  const staleAnswer = setup({ stale: { [`${FOUND} A`]: ADDRESS } });
  t.same(staleAnswer(FOUND, 'brief'), { answer: ADDRESS, when: 'slow' });
  t.equal(staleAnswer('other.example.com.', undefined), undefined);
  t.end();
});

test('N9: what may be a service is denied from memory only where the walk goes on to addresses', (t) => {
  const stale = { [`${FIRST} A`]: DENIED };
  t.equal(setup({ stale })(FIRST, 'brief'), undefined, 'nothing else is known');
  for (const known of [
    { stale, fresh: { [`${FOUND} A`]: ADDRESS } },
    { stale: { ...stale, [`${FOUND} A`]: ADDRESS } },
    { stale, fresh: { [`${BASE} A`]: answer({ answer: [a(BASE, '192.0.2.1')] }) } },
  ]) {
    const word = setup(known)(FIRST, 'brief');
    t.equal(word?.when, 'quiet');
    t.equal(word?.answer.message.authority[0]?.ttl, 0, 'and nobody is to keep it');
    const probe = setup(known)(FIRST, 'brief', { fromProbe: true });
    t.equal(probe, undefined, 'another sidestub takes it for a proof (N7)');
  }
  t.end();
});

test('N9: a step before leads nowhere, and neither does a denial', (t) => {
  const last = `${BASE}cluster.local.`;
  const stale = { [`${last} A`]: DENIED, [`${BASE} A`]: DENIED };
  const staleAnswer = setup({ stale, fresh: { [`${FOUND} A`]: ADDRESS } });
  t.equal(staleAnswer(last, 'brief'), undefined);
  t.end();
});

test('N9: an old cut stands in for names of the world outside, and for others where the walk goes on', (t) => {
  const cut = answer(nxdomain(ZONE, 30), {
    source: 'cut',
    proof: 'example.job.svc.cluster.local.',
  });
  const step = 'git.corp.example.job.svc.cluster.local.';
  const fresh = { 'git.corp.example. A': answer({ answer: [a('git.corp.example', '192.0.2.1')] }) };
  const outside = setup({ cut })('git.example.com.job.svc.cluster.local.', 'tld');
  t.equal(outside?.when, 'quiet');
  t.equal(outside?.answer.source, 'stale');
  t.equal(outside?.answer.ede?.code, EdeCode.STALE_NXDOMAIN);
  t.equal(setup({ cut })(step, 'usual'), undefined);
  t.equal(setup({ cut, fresh })(step, 'usual')?.when, 'quiet');
  t.equal(
    setup({ cut, fresh })(step, 'brief'),
    undefined,
    'no cut is for what may be made now (C2)',
  );
  t.equal(
    setup({ cut, fresh })(step, undefined),
    undefined,
    'nor for what is not denied by its kind',
  );
  t.equal(setup({ cut, fresh }, false)(step, 'usual'), undefined, 'without a zone there is none');
  const own = { ...fresh, [`${step} A`]: ADDRESS };
  t.equal(setup({ cut, fresh: own })(step, 'usual'), undefined, 'the name itself is known');
  t.end();
});

test('N9: outside the zone a denial is told when upstream is away for long, and sooner where the walk goes on', (t) => {
  const step = 'git.example.com.corp.example.';
  const stale = { [`${step} A`]: DENIED };
  const staleAnswer = setup({ stale })(step, undefined);
  t.equal(staleAnswer?.when, 'away');
  t.equal(staleAnswer?.answer.message.authority[0]?.ttl, 30);
  const base = answer({ answer: [a('git.example.com', '192.0.2.1')] });
  const fresh = { 'git.example.com. A': base };
  t.equal(setup({ stale, fresh })(step, undefined)?.when, 'quiet');
  t.end();
});

test('N9: NODATA is told beside addresses of the other family', (t) => {
  const stale = { [`${FOUND} AAAA`]: answer(nodata(ZONE, 30), { source: 'stale' }) };
  const more = { qtype: RrType.AAAA };
  t.equal(setup({ stale })(FOUND, 'brief', more), undefined);
  const word = setup({ stale, fresh: { [`${FOUND} A`]: ADDRESS } })(FOUND, 'brief', more);
  t.equal(word?.when, 'quiet');
  t.end();
});

test('N9: outside the zone only an expansion of a public name is denied so late, and NXDOMAIN beside addresses is not', (t) => {
  for (const name of ['git.example.com.', 'wiki.corp.example.', 'wiki.intern.corp.example.']) {
    t.equal(setup({ stale: { [`${name} A`]: DENIED } })(name, undefined), undefined, name);
  }
  const stale = { [`${FOUND} A`]: DENIED };
  const fresh = { [`${FOUND} AAAA`]: answer({ answer: [aaaa(FOUND, '2001:db8::1')] }) };
  t.equal(setup({ stale, fresh })(FOUND, 'brief'), undefined);
  t.end();
});
