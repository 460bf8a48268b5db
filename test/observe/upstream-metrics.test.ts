import { test } from 'tap';
import { createMetrics } from '../../src/observe/metrics.ts';
import { serverTallies, type UpstreamTallies } from '../../src/upstream/upstream-tallies.ts';
import type { Message } from '../../src/wire/message.ts';
import { a, message } from '../support/messages.ts';
import { begin, scriptedServer } from '../upstream/scripted-server.ts';

test('the upstream side counts into its group as it is', (t) => {
  const { registry, upstream } = createMetrics();
  const tallies: UpstreamTallies = upstream;
  const server = serverTallies(tallies, 'udp://10.96.0.10');
  server.latency.observe(0.003);
  server.dead = true;
  const read = (name: string) =>
    registry.metrics
      .filter((metric) => metric.name === name)
      .flatMap((metric) => [...metric.samples()].map(({ value }) => value))
      .at(-1);
  t.equal(read('sidestub_upstream_duration_seconds'), 1);
  t.equal(read('sidestub_upstream_dead'), 1);
  t.end();
});

test('a question that only a resend answered is a rescue; one whose first datagram was late is not (F1, U2)', async (t) => {
  const { clock, udp, tcp, tallies, server } = scriptedServer();
  const truth = message({ answer: [a('api.example.', '192.0.2.1')] });
  const answered = async (after: number, send: () => { answer(message: Message): void }) => {
    const before = tallies.rescues.value;
    udp.sends.length = 0;
    tcp.sends.length = 0;
    begin(server);
    await clock.advance(after);
    send().answer(truth);
    return tallies.rescues.value - before;
  };
  t.equal(await answered(20, () => udp.nth(0)), 0, 'at once');
  t.equal(await answered(800, () => udp.nth(0)), 0, 'late');
  t.equal(await answered(800, () => udp.nth(1)), 1, 'the resend');
  t.equal(await answered(2_000, () => tcp.nth(0)), 1, 'TCP');
});

test('a question that a server leaves without a word counts once, whatever becomes of it (U1)', async (t) => {
  const { clock, udp, tallies, server } = scriptedServer();
  const unanswered = () => [...tallies.servers.values()][0]?.unanswered.value;
  begin(server);
  await clock.advance(20);
  udp.nth(0).answer(message());
  t.equal(unanswered(), 0);
  begin(server);
  await clock.advance(999);
  t.equal(unanswered(), 0, 'late is not silent');
  await clock.advance(1);
  t.equal(unanswered(), 1);
  await clock.advance(4_000);
  t.equal(unanswered(), 1);
});
