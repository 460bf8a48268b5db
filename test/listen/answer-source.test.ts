// What `sidestub explain` asks the daemon beside its questions: where the answer comes from.
import { test } from 'tap';
import { ReadyAnswers } from '../../src/listen/ready-answers.ts';
import { Responder } from '../../src/listen/responder.ts';
import { AnswerMemory } from '../../src/memory/answer-memory.ts';
import { Replies } from '../../src/memory/replies.ts';
import { withQuestion } from '../../src/walk/telling-transport.ts';
import { RrType } from '../../src/wire/codes.ts';
import { readEde, SOURCE_INFO } from '../../src/wire/edns.ts';
import { HEADER_OCTETS, readHeader } from '../../src/wire/header.ts';
import { readResponse, spanSections } from '../../src/wire/message.ts';
import { readQuestion } from '../../src/wire/question.ts';
import { answering } from '../resolve/queries.ts';
import { HandClock, settle } from '../support/hand-clock.ts';
import { queryOctets } from '../support/messages.ts';
import { addressOf } from './echo.ts';

const NAME = 'git.example.com.';
const PLAIN = queryOctets(NAME, RrType.A, { edns: { dnssecOk: false } });

function setup() {
  const clock = new HandClock();
  const sizes = { octets: 1 << 16, negativeOctets: 1 << 16, seed: 1 };
  const repeat = () => ({ agedAt: clock.now(), until: clock.now() + 60_000, isExpansion: false });
  const replies = new Replies(new AnswerMemory(sizes));
  const ready = new ReadyAnswers({ replies, repeat, clock, onHits: () => undefined });
  const bugs: unknown[] = [];
  const no = () => undefined;
  const events = {
    asked: no,
    answered: no,
    rejected: no,
    dropped: no,
    crowded: () => undefined,
    bug: (e: unknown) => bugs.push(e),
  };
  let resolved = 0;
  const resolve = async (query: Parameters<typeof addressOf>[0]) => {
    resolved++;
    return addressOf(query);
  };
  const responder = new Responder({ resolve: answering(resolve), clock, events, ready });
  const ask = async (octets: Uint8Array, address: string) => {
    let reply: Uint8Array | undefined;
    responder.respond(octets, { transport: 'udp', address }, (answer) => {
      reply = answer;
    });
    await settle();
    if (reply === undefined) throw new Error('no reply');
    return reply;
  };
  return { ask, bugs, resolved: () => resolved };
}

function sourceIn(reply: Uint8Array): string | undefined {
  const header = readHeader(reply);
  const { additional } = spanSections(reply, header, readQuestion(reply, HEADER_OCTETS).end);
  const opt = additional.find(({ type }) => type === RrType.OPT);
  return opt === undefined ? undefined : readEde(reply, opt, SOURCE_INFO);
}

test('who asks from the loopback is told, and nobody else', async (t) => {
  const { ask, bugs } = setup();
  for (const [address, source] of [
    ['127.0.0.1', 'upstream'],
    ['::1', 'upstream'],
    ['::ffff:127.0.0.2', 'upstream'],
    ['10.1.2.3', undefined],
    ['::ffff:10.1.2.3', undefined],
    ['fd00::1', undefined],
  ] as const) {
    t.equal(sourceIn(await ask(withQuestion(PLAIN), address)), source, address);
  }
  t.same(bugs, []);
});

test('who does not ask is not told', async (t) => {
  const { ask } = setup();
  t.equal(sourceIn(await ask(PLAIN, '127.0.0.1')), undefined);
});

test('what one is told of the source is repeated to nobody, and a question for it is never a plain one', async (t) => {
  const { ask, resolved } = setup();
  await ask(withQuestion(PLAIN), '127.0.0.1');
  const plain = await ask(PLAIN, '127.0.0.1');
  t.equal(resolved(), 2, 'it was not kept');
  t.same(await ask(PLAIN, '127.0.0.1'), plain, 'the plain answer is');
  t.equal(resolved(), 2);
  t.equal(readResponse(plain).message.answer.length, 1);
  t.equal(sourceIn(await ask(withQuestion(PLAIN), '127.0.0.1')), 'upstream');
  t.equal(resolved(), 3, 'asked past the table');
});
