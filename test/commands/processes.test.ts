// Every command as users start it: a process of its own, by the machine's clock. What it prints and how it ends when all
// is well, when it fails, when nobody answers, and when nobody reads.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { monotonicClock } from '../../src/clock.ts';
import { startCluster } from '../../src/commands/demo/cluster.ts';
import { worldOf } from '../../src/commands/demo/cluster-world.ts';
import { formatEndpoint } from '../../src/endpoint.ts';
import { makeCertificate } from '../kubernetes/webhook/test-certificates.ts';
import { freePort } from '../support/free-port.ts';
import { run, start } from './started.ts';

const POD = join(import.meta.dirname, '..', 'kubernetes', 'inject', 'pods', 'bare.yaml');

const LISTENING = /"event":"listening"/;

/** A server that stands in for the daemon, and the flags with which a command asks it. */
async function server(t: Test) {
  const services: Record<string, { addresses: string[] }> = {};
  const cluster = await startCluster({
    endpoints: [{ address: '127.0.0.1', port: 0 }],
    world: worldOf({
      hosts: { 'git.example.com.': { a: ['198.51.100.7'], aaaa: ['2001:db8::7'] } },
      namespaces: { job: services },
    }),
    clock: monotonicClock,
  });
  t.teardown(() => cluster.close());
  const [endpoint = { address: '', port: 0 }] = cluster.endpoints;
  return {
    services,
    address: formatEndpoint(endpoint),
    flags: flagsFor(t, formatEndpoint(endpoint)),
  };
}

/** Flags of a pod in namespace `job` whose daemon is at `address`. */
function flagsFor(t: Test, address: string): string[] {
  const resolvConf = 'nameserver 127.0.0.1\nsearch job.svc.cluster.local\noptions ndots:5\n';
  const folder = t.testdir({ 'resolv.conf': resolvConf });
  return ['--listen', address, '--resolv-conf', join(folder, 'resolv.conf')];
}

/** An address where queries arrive and nobody answers, over UDP, TCP and HTTP. */
async function silence(t: Test): Promise<string> {
  const tcp = createServer().listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const bound = tcp.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  const udp = createSocket('udp4').bind(port, '127.0.0.1');
  await once(udp, 'listening');
  t.teardown(() => {
    tcp.close();
    udp.close();
  });
  return `127.0.0.1:${port}`;
}

test('query: an answer, NXDOMAIN too, is 0; silence and refusal are 1', async (t) => {
  const { address } = await server(t);
  const [found, denied, silentUdp, silentTcp, refused, wrong] = await Promise.all([
    run(['query', 'git.example.com', '--server', address]),
    run(['query', 'nothing.example.com', '--server', address, '--tcp']),
    run(['query', 'git.example.com', '--server', await silence(t), '--timeout', '300ms']),
    run(['query', 'a.example.com', '--server', await silence(t), '--timeout', '300ms', '--tcp']),
    run(['query', 'git.example.com', '--server', `127.0.0.1:${await freePort()}`]),
    run(['query', 'git.example.com', '--server', address, '--timeout', '25d']),
  ]);
  t.match(found, { code: 0, stderr: '', stdout: /198\.51\.100\.7/ });
  t.match(denied, { code: 0, stderr: '', stdout: /NXDOMAIN/ });
  t.match(silentUdp, { code: 1, stdout: '', stderr: /over udp: silent for 300 ms\n$/ });
  t.match(silentTcp, { code: 1, stdout: '', stderr: /over tcp: silent for 300 ms\n$/ });
  t.match(refused, { code: 1, stdout: '', stderr: /refused: nobody listens there\n$/ });
  t.match(wrong, { code: 64, stdout: '', stderr: /--timeout: must be at most 24d: 25d/ });
});

test('wait: a name that is denied is 1 at the timeout, with the reason', async (t) => {
  const { flags } = await server(t);
  const { code, stdout, took } = await run(['wait', 'late', '--timeout', '700ms', ...flags]);
  t.equal(code, 1);
  t.match(JSON.parse(stdout), {
    names: [{ name: 'late', resolved: false, reason: 'late: NXDOMAIN' }],
  });
  t.ok(took >= 700, `${took} ms`);
});

test('wait: a name that appears after 2 s is 0 after 2 s', async (t) => {
  const { flags, services } = await server(t);
  const waiting = start(['wait', 'late', '--timeout', '20s', ...flags]);
  const made = performance.now() + 2_000;
  setTimeout(() => {
    services['late'] = { addresses: ['10.96.0.9'] };
  }, 2_000);
  const { code, stdout } = await waiting.ended;
  t.equal(code, 0);
  t.match(JSON.parse(stdout), { names: [{ resolved: true, addresses: ['10.96.0.9'] }] });
  t.ok(performance.now() >= made - 5);
  t.ok(JSON.parse(stdout).names[0].rounds > 2);
});

test('wait: nobody answers, at the name or at /ready: 1 at the timeout', async (t) => {
  const silent = await silence(t);
  const [name, daemon, absent] = await Promise.all([
    run(['wait', 'late', '--timeout', '600ms', ...flagsFor(t, silent)]),
    run(['wait', '--timeout', '200ms', '--metrics', silent]),
    run(['wait', '--timeout', '400ms', '--metrics', `127.0.0.1:${await freePort()}`]),
  ]);
  t.match(name, { code: 1, stdout: /no answer/ });
  t.match(daemon, { code: 1, stdout: '', stderr: /^not ready after 200 ms: .*silent for/ });
  t.match(absent, { code: 1, stdout: '', stderr: /^not ready after 400 ms: .*ECONNREFUSED/ });
  t.ok(absent.took >= 400, 'it went on asking');
});

test('explain: 0 however the lookups end, 1 where the daemon says nothing', async (t) => {
  const { flags } = await server(t);
  const { address: upstream } = await server(t);
  const silent = flagsFor(t, await silence(t));
  const [found, lost] = await Promise.all([
    run(['explain', 'git.example.com', '--upstream', upstream, ...flags]),
    run(['explain', 'git.example.com', '--upstream', upstream, ...silent]),
  ]);
  t.match(found, { code: 0, stderr: '', stdout: /198\.51\.100\.7/ });
  t.match(lost, { code: 1, stderr: '', stdout: /198\.51\.100\.7/ }, 'directly it is found');
});

test('health: 0 when /ready says so, 1 with its reasons, 1 when nobody answers in time', async (t) => {
  const silent = await health(t, 'silent');
  const [ready, not, late] = await Promise.all([
    run(['health', '--metrics', await health(t, 200)]),
    run(['health', '--metrics', await health(t, 503)]),
    run(['health', '--metrics', silent]),
  ]);
  t.same([ready.code, ready.stdout, ready.stderr], [0, 'ready\n', '']);
  t.match(not, { code: 1, stdout: '', stderr: /^not ready: .*503 git does not resolve\n$/ });
  t.match(late, { code: 1, stdout: '', stderr: /^not ready: .*silent for 900 ms\n$/ });
});

/** A status server that answers everything in one way. */
async function health(t: Test, status: 200 | 503 | 'silent'): Promise<string> {
  if (status === 'silent') return await silence(t);
  const body = status === 200 ? 'ready\n' : 'git does not resolve\n';
  const answer = `HTTP/1.1 ${status} x\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
  const http = createServer((socket) => {
    socket.once('data', () => socket.end(answer));
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.teardown(() => http.close());
  const bound = http.address();
  return `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`;
}

test('config and inject: 0 with the result, 78 with each problem', async (t) => {
  const [good, bad, pod, none] = await Promise.all([
    run(['config', '--upstream', '192.0.2.1']),
    run(['config', '--upstream', 'nonsense', '--listen', 'x']),
    run(['inject', '-f', POD]),
    run(['inject', '-f', join(t.testdirName, 'nothing.yaml')]),
  ]);
  t.match(good, { code: 0, stderr: '', stdout: /^# sidestub/ });
  t.match(bad, {
    code: 78,
    stdout: '',
    stderr: /--upstream.*\n.*--listen|--listen.*\n.*--upstream/,
  });
  t.match(pod, { code: 0, stdout: /name: sidestub/ });
  t.match(none, { code: 78, stdout: '', stderr: /nothing\.yaml: .*(no such file|ENOENT)/ });
});

test('demo: 0 where sidestub keeps its promises', async (t) => {
  const { code, stdout, stderr } = await run(['demo', '--json', '--patience', '2s']);
  t.equal(stderr, '');
  t.equal(code, JSON.parse(stdout).kept === true ? 0 : 1);
});

/** A daemon on free ports, whose upstream says nothing. */
async function daemonWords(t: Test): Promise<string[]> {
  const upstream = await silence(t);
  return ['run', '--listen', '127.0.0.1:0', '--upstream', upstream, '--metrics', '127.0.0.1:0'];
}

test('run: SIGTERM is 0, also with a silent upstream; what is wrong is 78', async (t) => {
  const daemon = start(await daemonWords(t));
  await daemon.printed(LISTENING);
  const asked = performance.now();
  daemon.child.kill('SIGTERM');
  const { code, stderr } = await daemon.ended;
  t.equal(code, 0);
  t.equal(stderr, '');
  t.ok(performance.now() - asked < 5_000);
  t.match(await run(['run', '--upstream', 'x']), { code: 78, stdout: '', stderr: /--upstream/ });
});

test('webhook: SIGTERM is 0 after its drain; without a certificate 78', async (t) => {
  const { files } = makeCertificate(t.testdir({}), 'tls');
  const own = ['--address', '127.0.0.1:0', '--metrics', '127.0.0.1:0', '--drain', '100ms'];
  const webhook = start(['webhook', '--tls-cert', files.cert, '--tls-key', files.key, ...own]);
  await webhook.printed(LISTENING);
  webhook.child.kill('SIGTERM');
  t.equal((await webhook.ended).code, 0);
  const without = await run(['webhook', '--tls-cert', 'none', '--tls-key', 'none', ...own]);
  t.match(without, { code: 78, stdout: '', stderr: /none/ });
});

test('a reader that has gone changes no exit code, and is no reason to complain', async (t) => {
  const { flags, address } = await server(t);
  const ends = await Promise.all([
    run(['config', '--upstream', '192.0.2.1'], 'closed'),
    run(['inject', '-f', POD], 'closed'),
    run(['query', 'git.example.com', '--server', address], 'closed'),
    run(['explain', 'git.example.com', '--upstream', address, ...flags], 'closed'),
    run(['wait', 'git.example.com', ...flags], 'closed'),
    run(['wait', 'late', '--timeout', '200ms', ...flags], 'closed'),
    run(['health', '--metrics', await health(t, 200)], 'closed'),
    run(['--help'], 'closed'),
  ]);
  t.same(
    ends.map(({ code }) => code),
    [0, 0, 0, 0, 0, 1, 0, 0],
  );
  for (const { stderr } of ends) t.notMatch(stderr, /EPIPE|bug|at /);
});

test('demo ends when its reader has gone: no result, no success', async (t) => {
  const { code, stderr } = await run(['demo', '--patience', '2s'], 'closed');
  t.same([code, stderr], [1, '']);
});

test('a disk without room: the result did not arrive, and the exit code says so', async (t) => {
  const { flags, address } = await server(t);
  const ends = await Promise.all([
    run(['config', '--upstream', '192.0.2.1'], 'full'),
    run(['inject', '-f', POD], 'full'),
    run(['query', 'git.example.com', '--server', address], 'full'),
    run(['wait', 'late', '--timeout', '200ms', ...flags], 'full'),
  ]);
  t.same(
    ends.map(({ code }) => code),
    [74, 74, 74, 1],
  );
  for (const { stderr } of ends) t.match(stderr, /^sidestub: stdout cannot be written: ENOSPC/m);
});

test('S5: a daemon goes on without its log, and ends with 0', async (t) => {
  for (const stdout of ['closed', 'full'] as const) {
    const port = await freePort();
    const words = await daemonWords(t);
    const daemon = start([...words, '--listen', `127.0.0.1:${port}`], { stdout });
    let asked = await run(['query', 'localhost', '--server', `127.0.0.1:${port}`]);
    while (asked.stderr.includes('refused') && daemon.child.exitCode === null) {
      asked = await run(['query', 'localhost', '--server', `127.0.0.1:${port}`]);
    }
    t.match(asked, { code: 0, stdout: /127\.0\.0\.1/ }, stdout);
    t.equal(daemon.child.exitCode, null);
    daemon.child.kill('SIGTERM');
    t.match(await daemon.ended, { code: 0 }, stdout);
  }
});

test('a command that waits for what nothing will bring about is a bug, and no success', async (t) => {
  const never = 'Promise.withResolvers=()=>({promise:new Promise(()=>{}),resolve(){},reject(){}});';
  const unref =
    "import{Socket}from'node:dgram';const c=Socket.prototype.connect;Socket.prototype.connect=function(...a){this.unref();return c.apply(this,a)};";
  const { address } = await server(t);
  const lost = start(['query', 'git.example.com', '--server', address], {
    imports: [never, unref],
  });
  const { code, stdout, stderr } = await lost.ended;
  t.equal(code, 70);
  t.equal(stdout, '');
  t.match(stderr, /this is a bug: the command ended without a result/);
});

test("Node's own warnings are events of the log, and bugs", async (t) => {
  const warn = "process.emitWarning('early');setTimeout(()=>process.emitWarning('late'),700)";
  const daemon = start(await daemonWords(t), { imports: [warn] });
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

test('U3: an upstream whose replies cannot be read is not called silent, at /ready and in the log', async (t) => {
  const upstream = createSocket('udp4').bind(0, '127.0.0.1');
  await once(upstream, 'listening');
  t.teardown(() => upstream.close());
  // The question, and behind it the announcement of an answer that is not there.
  upstream.on('message', (query, { port, address }) => {
    const reply = Uint8Array.from(query);
    reply[2] = 0x80;
    reply[7] = 1;
    upstream.send(reply, port, address);
  });
  const words = ['run', '--listen', '127.0.0.1:0', '--metrics', '127.0.0.1:0'];
  const daemon = start([...words, '--upstream', `127.0.0.1:${upstream.address().port}`]);
  const text = await daemon.printed(/"upstream_failing".*malformed.*\n/);
  const [, status] = /"status":"([^"]+)"/.exec(text) ?? [];
  t.match(await (await fetch(`http://${status}/ready`)).text(), /no answer from .*: malformed/);
  daemon.child.kill('SIGTERM');
  t.equal((await daemon.ended).code, 0);
});
