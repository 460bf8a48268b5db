// Every command as users start it: a process of its own, by the machine's clock. What it prints and how it ends when all
// is well, when it fails, and when nobody answers. `demo`, `wait` and lost output have files of their own.
import { join } from 'node:path';
import tap, { test } from 'tap';
import { makeCertificate } from '../kubernetes/webhook/test-certificates.ts';
import { freePort } from '../support/free-port.ts';
import { daemonWords, flagsFor, health, server, silence } from './servers.ts';
import { run, start } from './started.ts';

// Most of their time is waiting.
tap.jobs = 3;

const POD = join(import.meta.dirname, '..', 'kubernetes', 'inject', 'pods', 'bare.yaml');

const LISTENING = /"event":"listening"/;

test('query: an answer, NXDOMAIN too, is 0; silence and refusal are 1', {
  buffered: true,
}, async (t) => {
  const { address } = await server(t);
  const [found, denied, silentUdp, silentTcp, refused, wrong] = await Promise.all([
    run(t, ['query', 'git.example.com', '--server', address]),
    run(t, ['query', 'nothing.example.com', '--server', address, '--tcp']),
    run(t, ['query', 'git.example.com', '--server', await silence(t), '--timeout', '300ms']),
    run(t, ['query', 'a.example.com', '--server', await silence(t), '--timeout', '300ms', '--tcp']),
    run(t, ['query', 'git.example.com', '--server', `127.0.0.1:${await freePort()}`]),
    run(t, ['query', 'git.example.com', '--server', address, '--timeout', '25d']),
  ]);
  t.match(found, { code: 0, stderr: '', stdout: /198\.51\.100\.7/ });
  t.match(denied, { code: 0, stderr: '', stdout: /NXDOMAIN/ });
  t.match(silentUdp, { code: 1, stdout: '', stderr: /over udp: silent for 300 ms\n$/ });
  t.match(silentTcp, { code: 1, stdout: '', stderr: /over tcp: silent for 300 ms\n$/ });
  t.match(refused, { code: 1, stdout: '', stderr: /refused: nobody listens there\n$/ });
  t.match(wrong, { code: 64, stdout: '', stderr: /--timeout: must be at most 24d: 25d/ });
});

test('explain: 0 however the lookups end, 1 where the daemon says nothing', {
  buffered: true,
}, async (t) => {
  const { flags } = await server(t);
  const { address: upstream } = await server(t);
  const silent = flagsFor(t, await silence(t));
  const [found, lost] = await Promise.all([
    run(t, ['explain', 'git.example.com', '--upstream', upstream, ...flags]),
    run(t, ['explain', 'git.example.com', '--upstream', upstream, ...silent]),
  ]);
  t.match(found, { code: 0, stderr: '', stdout: /198\.51\.100\.7/ });
  t.match(lost, { code: 1, stderr: '', stdout: /198\.51\.100\.7/ }, 'directly it is found');
});

test('health: 0 when /ready says so, 1 with its reasons, 1 when nobody answers in time', {
  buffered: true,
}, async (t) => {
  const silent = await health(t, 'silent');
  const [ready, not, late] = await Promise.all([
    run(t, ['health', '--metrics', await health(t, 200)]),
    run(t, ['health', '--metrics', await health(t, 503)]),
    run(t, ['health', '--metrics', silent]),
  ]);
  t.same([ready.code, ready.stdout, ready.stderr], [0, 'ready\n', '']);
  t.match(not, { code: 1, stdout: '', stderr: /^not ready: .*503 git does not resolve\n$/ });
  t.match(late, { code: 1, stdout: '', stderr: /^not ready: .*silent for 900 ms\n$/ });
});

test('config and inject: 0 with the result, 78 with each problem', {
  buffered: true,
}, async (t) => {
  const [good, bad, pod, none] = await Promise.all([
    run(t, ['config', '--upstream', '192.0.2.1']),
    run(t, ['config', '--upstream', 'nonsense', '--listen', 'x']),
    run(t, ['inject', '-f', POD]),
    run(t, ['inject', '-f', join(t.testdirName, 'nothing.yaml')]),
  ]);
  t.match(good, { code: 0, stderr: '', stdout: /^# sidestub/ });
  t.match(bad, {
    code: 78,
    stdout: '',
    stderr: /--upstream.*\n.*--listen|--listen.*\n.*--upstream/,
  });
  t.match(pod, { code: 0, stdout: /name: sidestub/ });
  t.match(none, { code: 78, stdout: '', stderr: /nothing\.yaml: no such file/ });
});

test('run: SIGTERM is 0, also with a silent upstream; what is wrong is 78', {
  buffered: true,
}, async (t) => {
  const daemon = start(t, await daemonWords(t));
  await daemon.printed(LISTENING);
  const asked = performance.now();
  daemon.child.kill('SIGTERM');
  const { code, stderr } = await daemon.ended;
  t.equal(code, 0);
  t.equal(stderr, '');
  t.ok(performance.now() - asked < 5_000);
  t.match(await run(t, ['run', '--upstream', 'x']), { code: 78, stdout: '', stderr: /--upstream/ });
});

test('webhook: SIGTERM is 0 after its drain; without a certificate 78', {
  buffered: true,
}, async (t) => {
  const { files } = makeCertificate(t.testdir({}), 'tls');
  const own = ['--address', '127.0.0.1:0', '--metrics', '127.0.0.1:0', '--drain', '100ms'];
  const webhook = start(t, ['webhook', '--tls-cert', files.cert, '--tls-key', files.key, ...own]);
  await webhook.printed(LISTENING);
  webhook.child.kill('SIGTERM');
  t.equal((await webhook.ended).code, 0);
  const without = await run(t, ['webhook', '--tls-cert', 'none', '--tls-key', 'none', ...own]);
  t.match(without, { code: 78, stdout: '', stderr: /none/ });
});
