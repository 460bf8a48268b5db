import { test } from 'tap';
import { TallySet } from '../../src/observe/tally.ts';
import {
  type ForwardOptions,
  forward as forwardStage,
  type Router,
} from '../../src/resolve/forward.ts';
import {
  type Outgoing,
  type Upstream,
  UpstreamError,
  type UpstreamListener,
} from '../../src/upstream/exchange.ts';
import { REPAIR_KINDS } from '../../src/vocabulary.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { a, message } from '../support/messages.ts';
import { promised, query } from './queries.ts';

const NAME = 'api.example.com.';
const BOUNDS = { minTtl: 0, maxTtl: 100 };

/** What the stage counts, of which most tests see nothing. */
function setup() {
  return { repairs: new TallySet(REPAIR_KINDS) };
}

/** The end of the path as a test asks it. */
function forward(routes: Router, bounds: typeof BOUNDS, options: ForwardOptions) {
  return promised(forwardStage(routes, bounds, options));
}

/** An upstream that answers with a promise. */
function upstream(name: string, answer: (question: Outgoing) => Promise<Message>): Upstream {
  return {
    name,
    ask: (question, listener) => {
      answer(question).then(
        (said) => listener.onAnswer(said),
        (error: Error) => listener.onFailure(error),
      );
    },
    close: () => undefined,
  };
}

test('U1: the route of the QNAME answers', async (t) => {
  const asked: string[] = [];
  const routeOf = (qname: string) => ({
    upstream: upstream('only', async (question) => {
      asked.push(`${qname} ${question.qname}`);
      return message();
    }),
  });
  const said = await forward({ routeOf }, BOUNDS, setup())(query(NAME));
  t.same(asked, [`${NAME} ${NAME}`]);
  t.equal(said.source, 'upstream');
  t.equal(said.age, 0);
});

test('C1, C2: nothing foreign and nothing overlong comes back up', async (t) => {
  const said = message({
    answer: [a(NAME, '192.0.2.1', 9_999), a('bank.example.', '192.0.2.66')],
  });
  const only = upstream('only', async () => said);
  const answer = await forward(
    { routeOf: () => ({ upstream: only }) },
    BOUNDS,
    setup(),
  )(query(NAME));
  t.same(answer.message.answer, [a(NAME, '192.0.2.1', 100)]);
});

test('RCODEs are data, and an error goes up as it is', async (t) => {
  const refusing = upstream('only', async () => message({ rcode: Rcode.REFUSED }));
  const refused = await forward(
    { routeOf: () => ({ upstream: refusing }) },
    BOUNDS,
    setup(),
  )(query(NAME));
  t.equal(refused.message.rcode, Rcode.REFUSED);
  const error = new UpstreamError('timeout', 'no answer');
  const silent = upstream('only', () => Promise.reject(error));
  await t.rejects(
    forward({ routeOf: () => ({ upstream: silent }) }, BOUNDS, setup())(query(NAME)),
    error,
  );
});

test('N7: NODATA that a sidestub upstream denied for a walk is NODATA here, and no proof', async (t) => {
  const ask = async (said: Parameters<typeof message>[0]) => {
    const only = upstream('only', async () => message(said));
    return (await forward({ routeOf: () => ({ upstream: only }) }, BOUNDS, setup())(query(NAME)))
      .message;
  };
  const repaired = await ask({ rcode: Rcode.NXDOMAIN, nodataDenied: true });
  t.equal(repaired.rcode, Rcode.NOERROR);
  t.notOk('nodataDenied' in repaired, 'the stages above see what any server says');
  t.equal((await ask({ rcode: Rcode.NXDOMAIN })).rcode, Rcode.NXDOMAIN);
  t.equal((await ask({ rcode: Rcode.SERVFAIL, nodataDenied: true })).rcode, Rcode.SERVFAIL);
});

test('C1: addresses under another owner are given under QNAME, and counted', async (t) => {
  const only = upstream('only', async () =>
    message({ answer: [a('new.example.net.', '192.0.2.1')] }),
  );
  const options = setup();
  const ask = forward({ routeOf: () => ({ upstream: only }) }, BOUNDS, options);
  const answer = await ask(query(NAME));
  t.same(answer.message.answer, [a(NAME, '192.0.2.1')]);
  t.equal(answer.message.otherOwner, true);
  t.equal(options.repairs.get('other_owner'), 1);
  t.same((await ask(query(NAME, RrType.A, { dnssecOk: true }))).message.answer, []);
  t.equal(options.repairs.get('other_owner'), 1);
});

test('a bug of a stage above is told as a failure, and not thrown into the event of a socket', async (t) => {
  const bug = new TypeError('broken');
  const only = { name: 'only', close: () => undefined };
  const asked: UpstreamListener[] = [];
  const ask: Upstream['ask'] = (_question, listener) => asked.push(listener);
  const told: unknown[] = [];
  const resolve = forwardStage(
    { routeOf: () => ({ upstream: { ...only, ask } }) },
    BOUNDS,
    setup(),
  );
  resolve(query(NAME), {
    onAnswer: () => {
      throw bug;
    },
    onFailure: (error) => told.push(error),
  });
  t.doesNotThrow(() => asked[0]?.onAnswer(message()));
  t.same(told, [bug]);
});
