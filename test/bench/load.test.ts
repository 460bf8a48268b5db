// What the generator in C asks, and what it counts.
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import tap, { type Test, test } from 'tap';
import { Rcode } from '../../src/wire/codes.ts';
import { startUpstream, tellTruth } from '../hostile/hostile-upstream.ts';
import { isOnPath } from '../support/lab-requirements.ts';
import { message, nxdomain } from '../support/messages.ts';
import { compileProgram, DENIED_ZONE } from './bench-servers.ts';
import { type Load, loadServer, median } from './load.ts';

const lacking = ['gcc', 'taskset'].filter((tool) => !isOnPath(tool));
const skip =
  lacking.length > 0
    ? `not installed: ${lacking.join(', ')}`
    : availableParallelism() < 2 && 'needs two cores';

const load: Load = { seconds: 10, names: 500, window: 20, order: 'once' };

/** One for all tests, so that gcc makes the program once. */
const folder = mkdtempSync(join(tmpdir(), 'sidestub-load-'));
tap.teardown(() => rmSync(folder, { recursive: true }));

async function setup(t: Test) {
  const upstream = await startUpstream();
  t.teardown(() => upstream.close());
  upstream.script = (asked) => {
    if (asked.qname.endsWith(`.${DENIED_ZONE}.`)) asked.answer(nxdomain('cluster.local.'));
    else tellTruth(asked);
  };
  const endpoint = { address: '127.0.0.1', port: upstream.port };
  const bench = { compiled: (name: string) => compileProgram(folder, name) };
  const run = (own: Partial<Load>) =>
    loadServer(bench, { endpoint, cpu: () => 0, waited: () => 0 }, { ...load, ...own });
  return { upstream, run };
}

for (const tcp of [false, true]) {
  test(`asks each name once, ${tcp ? 'over TCP' : 'over UDP'}`, { skip }, async (t) => {
    const { upstream, run } = await setup(t);
    const result = await run({ tcp, first: 7 });
    const names = new Set(upstream.asked.map(({ qname }) => qname));
    t.equal(upstream.asked.length, 500);
    t.equal(names.size, 500);
    t.ok(names.has('n7.bench.example.') && names.has('n506.bench.example.'));
    t.equal(upstream.asked[0]?.transport, tcp ? 'tcp' : 'udp');
    t.match(result, { lost: 0, failures: 0, denied: 0 });
  });
}

test('asks each name in both zones once, and counts what is denied', { skip }, async (t) => {
  const { upstream, run } = await setup(t);
  const result = await run({ denied: 20 });
  t.equal(new Set(upstream.asked.map(({ qname }) => qname)).size, 1_000);
  t.equal(result.denied, 0.5);
});

test('at a rate it asks so often, so much of it below what is denied', { skip }, async (t) => {
  const { upstream, run } = await setup(t);
  const often = { window: 1_000, rate: 1_000, seconds: 1 };
  const result = await run({ ...often, denied: 20, order: 'random', edns: true });
  // Without a rate it would be tens of thousands; a busy machine may make it fewer.
  t.ok(upstream.asked.length > 300 && upstream.asked.length < 1_200, `${upstream.asked.length}`);
  t.ok(Math.abs(result.denied - 0.2) < 0.1, `${result.denied} denied`);
  t.ok(upstream.asked.every(({ request }) => request.edns !== undefined));
});

test('counts failures', { skip }, async (t) => {
  const { upstream, run } = await setup(t);
  upstream.script = (asked) => asked.answer(message({ rcode: Rcode.SERVFAIL }));
  const { failures } = await run({});
  t.equal(failures, 500);
});

test('what is lost leaves its place to others', { skip }, async (t) => {
  const { upstream, run } = await setup(t);
  upstream.script = (asked) => {
    if (upstream.asked.length > 20) tellTruth(asked);
  };
  const { lost } = await run({ seconds: 2, names: 1_000_000, rate: 100, order: 'random' });
  t.ok(lost >= 20, `${lost} lost`);
  t.ok(upstream.asked.length > 20, `${upstream.asked.length} queries`);
});

test('a connection that is closed is an error', { skip }, async (t) => {
  const { upstream, run } = await setup(t);
  upstream.script = (asked) => asked.socket?.end();
  await t.rejects(run({ tcp: true }), { message: /the server closed the connection/ });
});

test('the median of an even number is the upper of the two', async (t) => {
  t.equal(median([4, 1, 3]), 3);
  t.equal(median([4, 1, 3, 2]), 3);
});
