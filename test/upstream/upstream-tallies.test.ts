import { test } from 'tap';
import { LATENCY_BOUNDS, serverTallies } from '../../src/upstream/upstream-tallies.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';

test('all begins at 0, with every label there, so that a rate can be taken of the first event', (t) => {
  const { sends, tcpFallbacks, failures, servers, ...single } = createUpstreamTallies();
  const zeros = (...labels: string[]) => labels.map((label) => [label, 0]);
  const valuesOf = (set: { entries(): Iterable<[string, { value: number }]> }) =>
    [...set.entries()].map(([label, { value }]) => [label, value]);
  t.same(valuesOf(sends), zeros('udp', 'tcp', 'tls', 'https'));
  t.same(valuesOf(tcpFallbacks), zeros('truncated', 'silence', 'wrong-id', 'malformed', 'full'));
  t.same(
    valuesOf(failures),
    zeros('timeout', 'refused', 'network', 'local', 'malformed', 'untrusted', 'full', 'closed'),
  );
  t.ok(Object.values(single).every(({ value }) => value === 0));
  t.equal(servers.size, 0);
  t.end();
});

test('what is told of a server is one, however many routes lead to it (S1)', (t) => {
  const tallies = createUpstreamTallies();
  const first = serverTallies(tallies, 'udp://192.0.2.53:53');
  t.equal(first.dead, false);
  t.same([first.unanswered.value, first.latency.count], [0, 0]);
  t.equal(serverTallies(tallies, 'udp://192.0.2.53:53'), first);
  t.not(serverTallies(tallies, 'udp://192.0.2.54:53'), first);
  t.same([...tallies.servers.keys()], ['udp://192.0.2.53:53', 'udp://192.0.2.54:53']);
  t.end();
});

test('latencies are told apart from 1 ms to the deadline (U2)', (t) => {
  t.same([LATENCY_BOUNDS.at(0), LATENCY_BOUNDS.at(-1)], [0.001, 4.5]);
  t.same(
    LATENCY_BOUNDS.toSorted((a, b) => a - b),
    LATENCY_BOUNDS,
  );
  t.end();
});
