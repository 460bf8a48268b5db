import { test } from 'tap';
import { noAnswer, type UpstreamFailure } from '../../src/upstream/exchange.ts';
import { FallbackReply } from '../../src/upstream/fallback-reply.ts';
import type { Health } from '../../src/upstream/health.ts';
import { Sends } from '../../src/upstream/send.ts';
import { Unanswered } from '../../src/upstream/unanswered.ts';
import { serverTallies } from '../../src/upstream/upstream-tallies.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';

/** What the status page shows of a server after such an error, which the client gets. */
function troubleAfter(reason: UpstreamFailure, cause?: Error): [string | undefined, Error] {
  const name = 'udp://192.0.2.53';
  const own = serverTallies(createUpstreamTallies(), name);
  const parts = { name, serverTallies: own, health: {} as Health };
  const unanswered = new Unanswered(parts, new Sends(0), new FallbackReply());
  const error = unanswered.why(reason, cause);
  return [own.trouble, error];
}

test('U1: why a server has no answer is kept, but not that there was no room here', (t) => {
  const name = 'udp://192.0.2.53';
  t.strictSame(troubleAfter('timeout'), ['timeout', noAnswer(name, 'timeout')]);
  t.strictSame(troubleAfter('full'), [undefined, noAnswer(name, 'full')]);
  const bug = new TypeError('a bug');
  t.strictSame(troubleAfter('timeout', bug), [undefined, bug]);
  t.end();
});
