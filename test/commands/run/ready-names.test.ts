// ready.names: readiness, and with it a pod's postStart hook, waits until these names resolve.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'tap';
import { scratch, startSidestub } from '../../observe/running-sidestub.ts';
import { run } from '../started.ts';

/** Its denial is cached for a second here. */
/** Between two looks at a process that has no event for what is awaited: without it, asking takes its time. */
const POLL = 20;
const LATE = 'late.example.com';

test('it is not ready before the names resolve, says why, and is when they do', async (t) => {
  const sidestub = await startSidestub(t, {
    settings: { ready: { names: ['git.example.com', LATE] }, cache: { maxTtl: '1s' } },
  });
  const ready = async () => {
    const response = await fetch(`${sidestub.url}/ready`);
    return { status: response.status, body: await response.text() };
  };
  /** Asks until it says that; each question is a round of the daemon's own, so that no time has to be guessed. */
  const until = async (says: (said: { status: number; body: string }) => boolean) => {
    for (let round = 0; round < 2_000; round++) {
      const said = await ready();
      if (says(said)) return said;
    }
    throw new Error(`not said: ${JSON.stringify(await ready())}`);
  };
  const said = await until(({ body }) => body.includes('NXDOMAIN') && !body.includes('git.'));
  t.equal(said.status, 503);
  t.match(said.body, `${LATE} does not resolve: ${LATE}: NXDOMAIN`);
  t.notOk(sidestub.log.some(({ event }) => event === 'ready'));
  sidestub.cluster.faults.missing = [
    { suffix: `${LATE}.`, a: { address: '192.0.2.9' }, aaaa: 'nodata' },
  ];
  await sidestub.event('ready');
  t.equal((await ready()).status, 200);
  t.equal((await sidestub.stop()).code, 0);
});

test('its own walks, and those of wait, are no program’s lookups: not counted, not logged', async (t) => {
  const queryLog = join(scratch(t), 'queries');
  const names = ['git.example.com', LATE];
  const settings = { ready: { names }, queryLog: { to: queryLog }, log: { level: 'debug' } };
  const sidestub = await startSidestub(t, { settings });
  let said = '';
  while (!said.includes(`${LATE}: NXDOMAIN`)) {
    await wait(POLL);
    said = await (await fetch(`${sidestub.url}/ready`)).text();
  }
  const { address, port } = sidestub.dns;
  const own = ['--listen', `${address}:${port}`, '--upstream', '192.0.2.1'];
  t.match(await run(t, ['wait', 'git.example.com', ...own]), { code: 0 });
  const metrics = await (await fetch(`${sidestub.url}/metrics`)).text();
  for (const name of ['queries_total', 'responses_total', 'lookup_duration_seconds_count']) {
    const counted = metrics.match(new RegExp(`^sidestub_${name}(?:{.*})? (?!0$).*$`, 'gm')) ?? [];
    t.same(counted, [], name);
  }
  await sidestub.lookup('git.example.com');
  const after = await (await fetch(`${sidestub.url}/metrics`)).text();
  t.match(after, /^sidestub_queries_total{.*} [1-9]/m, 'a program is counted');
  await sidestub.stop();
  const logged = readFileSync(queryLog, 'utf8');
  t.match(logged, 'git.example.com');
  t.notMatch(logged, LATE);
  const lookups = sidestub.log.filter(({ event }) => event === 'lookup');
  t.notOk(lookups.some(({ qname }) => qname === `${LATE}.`));
});

test('it stops while it waits', async (t) => {
  const sidestub = await startSidestub(t, { settings: { ready: { names: [LATE] } } });
  t.equal((await fetch(`${sidestub.url}/ready`)).status, 503);
  t.equal((await sidestub.stop()).code, 0);
});

test('stopped before the names resolve, it leaves which and why where kubelet looks', async (t) => {
  const message = join(scratch(t), 'termination-log');
  writeFileSync(message, '');
  const settings = { ready: { names: [LATE] }, shutdown: { message } };
  const sidestub = await startSidestub(t, { settings });
  let body = '';
  while (!body.includes('NXDOMAIN')) {
    await wait(POLL);
    body = await (await fetch(`${sidestub.url}/ready`)).text();
  }
  t.equal((await sidestub.stop()).code, 0);
  t.equal(readFileSync(message, 'utf8'), `not ready: ${LATE} does not resolve: ${LATE}: NXDOMAIN`);
});

test('stopped after it was ready, it leaves its totals there', async (t) => {
  const message = join(scratch(t), 'termination-log');
  writeFileSync(message, '');
  const sidestub = await startSidestub(t, { settings: { shutdown: { message } } });
  await sidestub.event('ready');
  await sidestub.stop();
  t.match(readFileSync(message, 'utf8'), /queries/);
});
