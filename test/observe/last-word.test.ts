// A job that lives 30 s is scraped by nobody: what its sidestub did stands in the last line and in kubelet's file.
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import tap, { test } from 'tap';
import { productEnv } from '../support/product-env.ts';
import { scratch, startSidestub } from './running-sidestub.ts';

// Most of their time is waiting.
tap.jobs = 3;

test('the last line and the termination message have the totals, and no name (S2, S4)', {
  buffered: true,
}, async (t) => {
  const folder = scratch(t);
  const message = join(folder, 'termination-log');
  writeFileSync(message, 'what was there before, and is longer than nothing');
  const sidestub = await startSidestub(t, { folder, settings: { shutdown: { message } } });
  const walk = await sidestub.lookup('git.example.com');
  t.equal(walk.outcome, 'found');
  await sidestub.lookup('packages.example.com');
  const { code, stderr } = await sidestub.stop();
  t.equal(code, 0);
  t.equal(stderr, '');
  const last = sidestub.log.at(-1) ?? {};
  t.match(last, {
    event: 'stopped',
    abandoned: 0,
    lookups: 2,
    failed: 0,
    uptime_seconds: Number,
    startup_seconds: Number,
    upstream_queries: Number,
    saved_queries: Number,
    slowest_ms: Number,
  });
  t.ok(Number(last['queries']) >= 4, `${last['queries']} queries`);
  t.ok(Number(last['from_cut']) >= 2, `${last['from_cut']} from cuts`);
  t.ok(Number(last['saved_queries']) >= Number(last['from_cut']));
  t.ok(Number(last['slowest_ms']) >= 5, 'no less than the cluster takes');
  // On a busy machine a lookup may be slow.
  t.equal(Number(last['slow']) > 0, Number(last['slowest_ms']) > 1_000);
  const text = readFileSync(message, 'utf8');
  t.match(text, /^sidestub \d.*: \d+ queries in /);
  const { slowest_ms, slow } = last;
  t.match(text, `; 2 lookups, slowest ${slowest_ms} ms, ${slow} above 1 s, 0 failed;`);
  t.notMatch(text + JSON.stringify(sidestub.log), /example\.com/, 'user data');
});

test('what keeps it from starting stands in the termination message', {
  buffered: true,
}, async (t) => {
  const folder = scratch(t);
  const message = join(folder, 'termination-log');
  const taken = createSocket('udp4');
  await new Promise<void>((bound) => {
    taken.bind(0, '127.0.0.1', bound);
  });
  t.teardown(() => taken.close());
  const cases = [
    [{ SIDESTUB_SEARCH_MODE: 'nonsense' }, /SIDESTUB_SEARCH_MODE: .*"nonsense"/],
    [{ SIDESTUB_LISTEN_ADDRESSES: `127.0.0.1:${taken.address().port}` }, /already in use/],
  ] as const;
  for (const [settings, reason] of cases) {
    writeFileSync(message, '');
    const env = { ...productEnv(), ...settings, SIDESTUB_SHUTDOWN_MESSAGE: message };
    const cli = join(import.meta.dirname, '../../src/cli.ts');
    const [status] = await once(spawn(process.execPath, [cli, 'run'], { env }), 'close');
    t.equal(status, 78);
    t.match(readFileSync(message, 'utf8'), reason);
  }
});

test('failures stand there by reason', { buffered: true }, async (t) => {
  const sidestub = await startSidestub(t);
  sidestub.cluster.faults.silentUntil = Number.POSITIVE_INFINITY;
  const walk = await sidestub.lookup('wiki.corp.example.');
  t.equal(walk.outcome, 'try-again');
  await sidestub.stop();
  const told = await sidestub.event('lookup_failed');
  t.match(told, { level: 'warn', outcome: 'failed', rcodes: ['SERVFAIL'], cause: 'silence' });
  t.notOk(Object.hasOwn(told, 'qname'), 'no name above debug (S4)');
  const last = sidestub.log.at(-1) ?? {};
  t.equal(last['event'], 'stopped');
  // On a machine that is busy enough, what musl asks again after SERVFAIL counts by itself.
  for (const field of ['failed', 'slow']) t.ok(Number(last[field]) >= 1, field);
  t.ok(Number(last['failed_timeout']) >= 1, JSON.stringify(last));
  t.ok(Number(last['slowest_ms']) >= 1_000);
});

test('the query log has the names, and its owner alone may read it (S4)', {
  buffered: true,
}, async (t) => {
  const folder = scratch(t);
  const to = join(folder, 'queries.jsonl');
  const sidestub = await startSidestub(t, { folder, settings: { queryLog: { to } } });
  await sidestub.lookup('git.example.com');
  await sidestub.stop();
  const lines = readFileSync(to, 'utf8').trimEnd().split('\n');
  const queries = lines.map((line) => JSON.parse(line));
  t.ok(lines.length >= 4);
  t.match(
    queries.find(({ qname, type }) => qname === 'git.example.com.' && type === 'A'),
    { client: '127.0.0.1', rcode: 'NOERROR', answers: 1, ms: Number, time: /^\d{4}-/ },
  );
  t.equal(statSync(to).mode & 0o777, 0o600);
  t.notMatch(JSON.stringify(sidestub.log), /example\.com/);
});

test('at debug each lookup has its name (S4)', { buffered: true }, async (t) => {
  const sidestub = await startSidestub(t, { settings: { log: { level: 'debug' } } });
  await sidestub.lookup('git.example.com');
  await sidestub.stop();
  const told = await sidestub.event('lookup');
  t.match(told, { level: 'debug', qname: 'git.example.com.', outcome: 'found', ms: Number });
});
