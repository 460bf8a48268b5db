// What a command and a daemon do as processes of their own when their output is lost: nobody reads it, the disk is full,
// or the process ends without a result. And what Node itself says.
import { join } from 'node:path';
import tap, { test } from 'tap';
import { freePort } from '../support/free-port.ts';
import { daemonWords, health, server } from './servers.ts';
import { run, start } from './started.ts';

// Most of their time is waiting.
tap.jobs = 3;

const POD = join(import.meta.dirname, '..', 'kubernetes', 'inject', 'pods', 'bare.yaml');

test('a reader that has gone changes no exit code, and is no reason to complain', {
  buffered: true,
}, async (t) => {
  const { flags, address } = await server(t);
  const ends = await Promise.all([
    run(t, ['config', '--upstream', '192.0.2.1'], 'closed'),
    run(t, ['inject', '-f', POD], 'closed'),
    run(t, ['query', 'git.example.com', '--server', address], 'closed'),
    run(t, ['explain', 'git.example.com', '--upstream', address, ...flags], 'closed'),
    run(t, ['wait', 'git.example.com', ...flags], 'closed'),
    run(t, ['wait', 'late', '--timeout', '200ms', ...flags], 'closed'),
    run(t, ['health', '--metrics', await health(t, 200)], 'closed'),
    run(t, ['--help'], 'closed'),
  ]);
  t.same(
    ends.map(({ code }) => code),
    [0, 0, 0, 0, 0, 1, 0, 0],
  );
  for (const { stderr } of ends) t.notMatch(stderr, /EPIPE|bug|at /);
});

test('demo ends when its reader has gone: no result, no success', { buffered: true }, async (t) => {
  const { code, stderr } = await run(t, ['demo', '--patience', '2s'], 'closed');
  t.same([code, stderr], [1, '']);
});

test('a disk without room: the result did not arrive, and the exit code says so', {
  buffered: true,
}, async (t) => {
  const { flags, address } = await server(t);
  const ends = await Promise.all([
    run(t, ['config', '--upstream', '192.0.2.1'], 'full'),
    run(t, ['inject', '-f', POD], 'full'),
    run(t, ['query', 'git.example.com', '--server', address], 'full'),
    run(t, ['wait', 'late', '--timeout', '200ms', ...flags], 'full'),
  ]);
  t.same(
    ends.map(({ code }) => code),
    [74, 74, 74, 1],
  );
  for (const { stderr } of ends) t.match(stderr, /^sidestub: stdout cannot be written: ENOSPC/m);
});

test('S5: a daemon goes on without its log, and ends with 0', { buffered: true }, async (t) => {
  for (const stdout of ['closed', 'full'] as const) {
    const port = await freePort();
    const words = await daemonWords(t);
    const daemon = start(t, [...words, '--listen', `127.0.0.1:${port}`], { stdout });
    let asked = await run(t, ['query', 'localhost', '--server', `127.0.0.1:${port}`]);
    while (asked.stderr.includes('refused') && daemon.child.exitCode === null) {
      asked = await run(t, ['query', 'localhost', '--server', `127.0.0.1:${port}`]);
    }
    t.match(asked, { code: 0, stdout: /127\.0\.0\.1/ }, stdout);
    t.equal(daemon.child.exitCode, null);
    daemon.child.kill('SIGTERM');
    t.match(await daemon.ended, { code: 0 }, stdout);
  }
});

test('a command that waits for what nothing will bring about is a bug, and no success', {
  buffered: true,
}, async (t) => {
  const never = 'Promise.withResolvers=()=>({promise:new Promise(()=>{}),resolve(){},reject(){}});';
  const unref =
    "import{Socket}from'node:dgram';const c=Socket.prototype.connect;Socket.prototype.connect=function(...a){this.unref();return c.apply(this,a)};";
  const { address } = await server(t);
  const lost = start(t, ['query', 'git.example.com', '--server', address], {
    imports: [never, unref],
  });
  const { code, stdout, stderr } = await lost.ended;
  t.equal(code, 70);
  t.equal(stdout, '');
  t.match(stderr, /this is a bug: the command ended without a result/);
});

test("Node's own warnings are events of the log, and bugs", { buffered: true }, async (t) => {
  const warn = "process.emitWarning('early');setTimeout(()=>process.emitWarning('late'),700)";
  const daemon = start(t, await daemonWords(t), { imports: [warn] });
  const text = await daemon.printed(/"bug".*Warning: late.*\n/);
  const events = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { status } = events.find(({ event }) => event === 'listening');
  const metrics = await (await fetch(`http://${status}/metrics`)).text();
  t.match(metrics, /^sidestub_bugs_total 2$/m);
  daemon.child.kill('SIGTERM');
  t.equal((await daemon.ended).stderr, '');
});
