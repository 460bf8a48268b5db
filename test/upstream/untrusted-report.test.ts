import { test } from 'tap';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { reportUntrusted } from '../../src/upstream/untrusted-report.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message } from '../support/messages.ts';
import { outgoing, sendBy } from './loopback.ts';
import { ScriptedTransport } from './scripted-transport.ts';

test('distrust is told at once, then once a minute; other failures are not', async (t) => {
  const clock = new HandClock();
  const script = new ScriptedTransport(clock);
  const told: string[] = [];
  const transport = reportUntrusted(script, clock, (reason) => told.push(reason));
  const fail = async (error: Error) => {
    const { reply } = sendBy(transport, outgoing('api.example.'));
    script.sends.at(-1)?.failWith(error);
    await t.rejects(reply, error, 'passed on');
  };
  const distrust = new UpstreamError('untrusted', 'certificate of tls://… is for another name');
  await fail(new UpstreamError('network', 'reset'));
  await fail(new Error('a bug'));
  t.same(told, []);
  await fail(distrust);
  await fail(distrust);
  await clock.advance(59_999);
  await fail(distrust);
  t.same(told, [distrust.message]);
  await clock.advance(1);
  await fail(distrust);
  t.equal(told.length, 2);
});

test('everything else passes through', async (t) => {
  const script = new ScriptedTransport(new HandClock());
  const transport = reportUntrusted(script, new HandClock(), () => undefined);
  const truth = message({ answer: [a('api.example.', '192.0.2.1')] });
  const { reply, suspicions } = sendBy(transport, outgoing('api.example.'));
  script.nth(0).suspect('malformed');
  script.nth(0).answer(truth);
  t.same((await reply).message, truth);
  t.same(suspicions, ['malformed']);
  const undemanding = { onReply: () => undefined, onFailure: () => undefined };
  transport.send(outgoing('api.example.'), true, undemanding);
  t.doesNotThrow(() => script.nth(1).suspect('malformed'), 'to who wants to hear of it');
  script.nth(1).close();
  sendBy(transport, outgoing('api.example.')).exchange.close();
  t.equal(script.listening, 0);
  transport.close();
  t.ok(script.isClosed);
});
