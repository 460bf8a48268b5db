import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { connect } from 'node:tls';
import fc from 'fast-check';
import jsonPatch from 'fast-json-patch';
import { type Test, test } from 'tap';
import type { InjectionOptions } from '../../../src/kubernetes/inject/inject-pod.ts';
import { createWebhookMetrics } from '../../../src/kubernetes/webhook/webhook-metrics.ts';
import {
  startWebhookServer,
  type WebhookLimits,
} from '../../../src/kubernetes/webhook/webhook-server.ts';
import { createExposition } from '../../../src/observe/exposition.ts';
import { golden, podFile, podFiles, testOptions } from '../inject/pod-files.ts';
import { responseOf, reviewOf, send } from './api-server.ts';
import { makeCertificate } from './test-certificates.ts';

interface Setup {
  readonly limits?: Partial<WebhookLimits>;
  readonly injection?: InjectionOptions;
}

async function setup(t: Test, { limits = {}, injection = testOptions }: Setup = {}) {
  const folder = t.testdir({});
  const certificate = makeCertificate(folder, 'first');
  const metrics = createWebhookMetrics('1.2.3');
  const bugs: unknown[] = [];
  const server = await startWebhookServer({
    address: { address: '127.0.0.1', port: 0 },
    certificate: { ...certificate, notAfter: 2_000_000_000_000 },
    injection,
    metrics,
    now: () => performance.now(),
    onBug: (error) => bugs.push(error),
    limits,
  });
  const stopped = { yet: false };
  const stop = async (grace: number) => {
    stopped.yet = true;
    return await server.stop(grace);
  };
  t.teardown(async () => {
    if (!stopped.yet) await server.stop(0);
  });
  const ask = (body: string, more: object = {}) =>
    send({ port: server.port, ca: certificate.cert, body, ...more });
  return { server, stop, certificate, metrics, bugs, ask, folder };
}

test('pods of the wild come back as their golden files say, over HTTPS', async (t) => {
  const { ask, metrics, certificate } = await setup(t);
  const agent = new Agent({ keepAlive: true, ca: certificate.cert });
  t.teardown(() => agent.destroy());
  for (const { name, pod } of podFiles()) {
    const reply = await ask(reviewOf(pod), { agent });
    const { apiVersion, kind, response, patch } = responseOf(reply);
    t.match(
      { apiVersion, kind, ...response },
      {
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
        allowed: true,
      },
    );
    const expected = golden(name, undefined) as { outcome: string; pod?: unknown; reason?: string };
    t.equal(response.auditAnnotations.outcome, expected.outcome, name);
    t.equal(response.auditAnnotations.reason, expected.reason, name);
    if (patch === undefined) {
      t.equal(response.patchType, undefined, `${name}: no patch, no type`);
      t.not(expected.outcome, 'injected', name);
      continue;
    }
    t.equal(response.patchType, 'JSONPatch');
    const patched = jsonPatch.applyPatch(structuredClone(pod), patch, true).newDocument;
    t.strictSame(patched, expected.pod, name);
    const again = responseOf(await ask(reviewOf(patched), { agent }));
    t.equal(again.patch, undefined, `${name}: asked again (reinvocation), nothing is left to do`);
  }
  t.ok(metrics.reviews.get('injected') >= 25, 'counted');
  t.ok(metrics.reviews.get('refused') >= 6);
});

test('refusals and warnings reach whoever made the pod; what is meant to be skipped is silent', async (t) => {
  const { ask } = await setup(t);
  const warningsFor = async (name: string) =>
    responseOf(await ask(reviewOf(podFile(name)))).response.warnings;
  t.strictSame(await warningsFor('name-taken'), [
    'sidestub: not injected: a container is called sidestub already',
  ]);
  t.match(await warningsFor('own-etc'), ['sidestub: container own mounts /etc itself']);
  t.equal(await warningsFor('opted-out'), undefined);
  t.equal(await warningsFor('host-network'), undefined);
});

test('warnings are lines that fit into a header, whatever the names in them', async (t) => {
  const { ask } = await setup(t);
  const name = `a\n\u00e9\u0000${'x'.repeat(500)}`;
  const pod = {
    spec: { containers: [{ name, volumeMounts: [{ name: 'v', mountPath: '/etc' }] }] },
  };
  const [warning] = responseOf(await ask(reviewOf(pod))).response.warnings;
  t.match(warning, /^sidestub: container a\?\?\?x+\.\.\.$/);
  t.ok(warning.length <= 256, 'the API server cuts at 256');
});

test("the namespace is the request's, not the object's", async (t) => {
  const { ask } = await setup(t, { injection: { ...testOptions, mode: 'none' } });
  const pod = podFile('bare');
  const { patch } = responseOf(await ask(reviewOf(pod, { namespace: 'from-request' })));
  t.match(JSON.stringify(patch), 'from-request.svc.cluster.local');
});

test('what is not a pod that is made is allowed as it is', async (t) => {
  const { ask } = await setup(t);
  for (const more of [
    { operation: 'UPDATE' },
    { kind: { kind: 'Job' } },
    { operation: 'DELETE', object: null },
  ]) {
    const { response, patch } = responseOf(await ask(reviewOf(podFile('bare'), more)));
    t.match(response, { allowed: true, auditAnnotations: { outcome: 'ignored' } });
    t.equal(patch, undefined);
  }
});

test('an error of ours lets the pod through, and says so', async (t) => {
  const injection = new Proxy(testOptions, {
    ownKeys: () => {
      throw new Error('a bug');
    },
  });
  const { ask, bugs, metrics } = await setup(t, { injection });
  const { response, patch } = responseOf(await ask(reviewOf(podFile('bare'))));
  t.match(response, {
    allowed: true,
    warnings: [/internal error/],
    auditAnnotations: { outcome: 'failed' },
  });
  t.equal(patch, undefined);
  t.equal(bugs.length, 1);
  t.equal(metrics.bugs.value, 1);
  t.equal(metrics.reviews.get('failed'), 1);
});

test('other requests are turned away, each for its reason', async (t) => {
  const { ask, metrics } = await setup(t, { limits: { bodyOctets: 2_000 } });
  const body = reviewOf(podFile('bare'));
  t.match(await ask(body, { path: '/' }), { status: 404 });
  t.match(await ask('', { method: 'GET' }), { status: 405 });
  t.match(await ask(body, { headers: { 'content-type': 'text/yaml' } }), { status: 415 });
  t.match(await ask('x'.repeat(3_000), { headers: { 'content-length': '3000' } }), { status: 413 });
  t.match(await ask('{'), { status: 400, body: /not JSON/ });
  t.match(await ask('{}'), { status: 400, body: /not an AdmissionReview/ });
  t.match(await ask(body.replace('k8s.io/v1"', 'k8s.io/v1beta1"')), {
    status: 400,
    body: /v1beta1/,
  });
  t.match(await ask(reviewOf({}, { uid: 5 })), {
    status: 400,
    body: /request\.uid: 5, not a string/,
  });
  t.match(await ask(reviewOf({}, { uid: '' })), { status: 400, body: /uid/ });
  const counts = ['path', 'method', 'type', 'size', 'malformed'] as const;
  t.strictSame(
    counts.map((reason) => metrics.rejections.get(reason)),
    [1, 1, 1, 1, 5],
  );
});

test('a body without end is cut where it gets too long', async (t) => {
  const { server, certificate } = await setup(t, { limits: { bodyOctets: 100_000 } });
  const outgoing = request({
    host: '127.0.0.1',
    port: server.port,
    path: '/inject',
    method: 'POST',
    ca: certificate.cert,
    headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
  });
  outgoing.on('error', () => {});
  for (let sent = 0; sent < 20; sent++) outgoing.write(' '.repeat(10_000));
  const [response] = await once(outgoing, 'response');
  t.equal(response.statusCode, 413);
  outgoing.destroy();
});

test('a client that dawdles loses its connection', async (t) => {
  const { server, certificate, metrics } = await setup(t, { limits: { request: 100 } });
  const socket = connect({ host: '127.0.0.1', port: server.port, ca: certificate.cert });
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'secureConnect');
  socket.write(
    'POST /inject HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
  );
  await once(socket, 'close');
  t.ok(metrics.rejections.get('client') > 0);
});

test('no octets make the server fail', async (t) => {
  const { ask, bugs, certificate } = await setup(t);
  const agent = new Agent({ ca: certificate.cert });
  t.teardown(() => agent.destroy());
  const bodies = fc.oneof(
    fc.string(),
    fc.json(),
    fc.jsonValue().map((object) => reviewOf(object)),
    fc.jsonValue().map((more) => reviewOf({}, { kind: more })),
  );
  await t.resolves(
    fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const { status } = await ask(body, { agent });
        return status === 200 || status === 400;
      }),
      { numRuns: 100 },
    ),
  );
  t.strictSame(bugs, []);
});

test('a new certificate serves new connections', async (t) => {
  const { server, folder, ask, certificate } = await setup(t);
  const next = makeCertificate(folder, 'second');
  server.setCertificate({ ...next, notAfter: 0 });
  const body = reviewOf(podFile('bare'));
  t.match(await send({ port: server.port, ca: next.cert, body }), { status: 200 });
  await t.rejects(ask(body), 'the old authority did not sign it');
  server.setCertificate({ ...certificate, notAfter: 0 });
  t.match(await ask(body), { status: 200 });
});

test('at the end what is in flight is answered, and nothing else is taken', async (t) => {
  const { server, stop, certificate } = await setup(t);
  const agent = new Agent({ keepAlive: true, ca: certificate.cert });
  t.teardown(() => agent.destroy());
  const body = reviewOf(podFile('gitlab-job'));
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
  };
  const outgoing = request({
    host: '127.0.0.1',
    port: server.port,
    path: '/inject',
    method: 'POST',
    agent,
    headers,
  });
  const half = Math.floor(body.length / 2);
  outgoing.write(body.slice(0, half));
  await once(outgoing, 'socket').then(([socket]) => once(socket, 'secureConnect'));
  // An answer to another one shows that the server has read what came before it.
  await send({ port: server.port, ca: certificate.cert, body });
  const grace = 60_000;
  const began = performance.now();
  const ended = stop(grace);
  await t.rejects(send({ port: server.port, ca: certificate.cert, body }), {
    code: 'ECONNREFUSED',
  });
  outgoing.end(body.slice(half));
  const [response] = await once(outgoing, 'response');
  t.equal(response.statusCode, 200);
  response.resume();
  t.equal(await ended, 0, 'nothing was cut');
  const took = performance.now() - began;
  t.ok(took < grace / 10, `a kept connection does not hold the server: ${took} ms`);
});

test('what does not end is cut after the grace', async (t) => {
  const { server, stop, certificate } = await setup(t);
  const socket = connect({ host: '127.0.0.1', port: server.port, ca: certificate.cert });
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'secureConnect');
  socket.write(
    'POST /inject HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
  );
  await send({ port: server.port, ca: certificate.cert, body: reviewOf(podFile('bare')) });
  t.equal(await stop(1), 1);
});

test('metrics have every outcome from the start, and the end of the certificate', async (t) => {
  const { metrics, ask } = await setup(t);
  await ask(reviewOf(podFile('bare')));
  const { body } = await createExposition(metrics.registry).render();
  t.match(body, 'sidestub_webhook_reviews_total{outcome="injected"} 1');
  t.match(body, 'sidestub_webhook_reviews_total{outcome="failed"} 0');
  t.match(body, 'sidestub_webhook_certificate_not_after_seconds 2000000000');
  t.match(body, 'sidestub_webhook_review_duration_seconds_count{outcome="injected"} 1');
});

test('a thousand reviews at once are a thousand answers', async (t) => {
  const { ask, metrics, certificate } = await setup(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 16, ca: certificate.cert });
  t.teardown(() => agent.destroy());
  const body = reviewOf(podFile('mixture'));
  const replies = await Promise.all(Array.from({ length: 1_000 }, () => ask(body, { agent })));
  t.ok(replies.every(({ status }) => status === 200));
  t.equal(metrics.reviews.get('injected'), 1_000);
  t.equal(metrics.inFlight.read(), 0);
});
