// The webhook as a process of its own in a memory cgroup, as its pod is limited (k8s/injector).
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type Test, test } from 'tap';
import { podFile } from '../../kubernetes/inject/pod-files.ts';
import { responseOf, reviewOf, send } from '../../kubernetes/webhook/api-server.ts';
import { startProcess } from '../../kubernetes/webhook/start-process.ts';
import { memoryCgroup } from '../stories/starvation.ts';

/** Milliseconds; the API server's patience is 5 s. */
const SOON = 2_000;
const MEBIBYTES = 192;

async function start(t: Test) {
  const { child, port, certificate } = await startProcess(t.testdir({}));
  t.teardown(() => child.kill('SIGKILL'));
  const group = memoryCgroup(t, MEBIBYTES);
  if (group !== undefined) writeFileSync(`${group}/cgroup.procs`, String(child.pid));
  const ca = certificate.cert;
  const tls = async () => {
    const socket = connectTls({
      port,
      ca,
      host: '127.0.0.1',
      servername: 'localhost',
      rejectUnauthorized: false,
    });
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
    await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]);
    return socket;
  };
  const tcp = async () => {
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  /** Reviews one after the other, each in time. */
  const review = async (what: string) => {
    for (let i = 0; i < 5; i++) {
      const begun = performance.now();
      const { response } = responseOf(await send({ port, ca, body: reviewOf(podFile('bare')) }));
      const took = Math.round(performance.now() - begun);
      t.ok(response.allowed && took < SOON, `${what}: ${took} ms`);
    }
    t.equal(child.exitCode ?? child.signalCode, null, what);
  };
  return { tls, tcp, review, post: (body: string) => send({ port, ca, body }) };
}

const HEAD = 'POST /inject HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

test('the webhook in 192 MiB: silent connections, stalled bodies and deep JSON hold up no review (S1)', async (t) => {
  const { tls, tcp, review, post } = await start(t);
  await review('in peace');
  await Promise.all(Array.from({ length: 270 }, tcp));
  for (let i = 0; i < 27; i++) await Promise.all(Array.from({ length: 10 }, tls));
  await review('540 silent connections');
  const octets = 3 * 1_000_000;
  const body = Buffer.alloc(octets - 1, ' ');
  for (let i = 0; i < 60; i++) {
    const socket = await tls();
    socket.write(`${HEAD}Content-Length: ${octets}\r\n\r\n`);
    socket.write(body);
    if (i % 10 === 9) await review(`${i + 1} stalled bodies`);
  }
  const deep = await post('['.repeat(2.7 * 2 ** 20));
  t.match(deep, { status: 400, body: /nested deeper than 200/ });
  await review('deep JSON');
});
