// `sidestub certificate` against an API server of this process.
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type Test, test } from 'tap';
import { command } from '../../src/commands/certificate.ts';
import { issueCertificate } from '../../src/kubernetes/certificate/issue.ts';

const SECRET = '/api/v1/namespaces/dns/secrets/sidestub-injector-tls';
const WEBHOOK =
  '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/sidestub-injector';

interface Patch {
  readonly metadata: { readonly resourceVersion: string };
  readonly data?: Record<string, string>;
  readonly webhooks?: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
}

/** An API server with an empty Secret and a webhook of two; `refused` answers 403 to a call. */
async function setup(t: Test, refused?: string) {
  const objects: Record<string, object> = {
    [SECRET]: { metadata: { resourceVersion: '7' } },
    [WEBHOOK]: {
      metadata: { resourceVersion: '8' },
      webhooks: [
        { name: 'a', clientConfig: { service: { name: 's' } } },
        { name: 'b', clientConfig: { service: { name: 's' } } },
      ],
    },
  };
  const calls: string[] = [];
  const patches: Patch[] = [];
  const issued = issueCertificate(['localhost'], new Date(), 1);
  const server = createServer(
    { cert: issued.certificate, key: issued.key },
    async (request, response) => {
      const { method = '', url = '', headers } = request;
      calls.push(`${method} ${url}`);
      t.equal(headers.authorization, 'Bearer the token');
      const body = await text(request);
      if (`${method} ${url}` === refused) {
        response.writeHead(403).end('{"message":"not allowed here"}');
        return;
      }
      if (method === 'PATCH') {
        t.equal(headers['content-type'], 'application/merge-patch+json');
        const patch: Patch = JSON.parse(body);
        patches.push(patch);
        objects[url] = { ...objects[url], ...patch };
      }
      response.end(JSON.stringify(objects[url]));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  t.teardown(() => server.close());
  const account = t.testdir({ token: 'the token\n', 'ca.crt': issued.authority, namespace: 'dns' });
  const env = {
    KUBERNETES_SERVICE_HOST: 'localhost',
    KUBERNETES_SERVICE_PORT: `${(server.address() as AddressInfo).port}`,
  };
  const run = async (flags: Record<string, string | boolean> = {}, own: object = env) => {
    let stdout = '';
    let stderr = '';
    const code = await command.main({
      flags: { 'service-account': account, ...flags },
      positionals: [],
      env: own as Record<string, string>,
      version: '0.0.0',
      stdout: { write: (chunk) => (stdout += chunk) },
      stderr: { write: (chunk) => (stderr += chunk) },
    });
    return { code, stdout, stderr };
  };
  return { run, calls, patches };
}

test('the first run tells the API server whom to trust, and then writes the Secret', async (t) => {
  const { run, calls, patches } = await setup(t);
  const { code, stdout } = await run();
  t.equal(code, 0);
  t.match(stdout, /^made a certificate for sidestub-injector\.dns\.svc, good until \d{4}-/);
  t.strictSame(calls, [`GET ${SECRET}`, `GET ${WEBHOOK}`, `PATCH ${WEBHOOK}`, `PATCH ${SECRET}`]);
  const [webhook, secret] = patches;
  t.equal(webhook?.metadata.resourceVersion, '8');
  t.equal(secret?.metadata.resourceVersion, '7');
  const bundles = webhook?.webhooks?.map(({ clientConfig }) => clientConfig.caBundle);
  t.strictSame(bundles, [secret?.data?.['ca.crt'], secret?.data?.['ca.crt']]);
  t.match(webhook?.webhooks?.[1], { name: 'b', clientConfig: { service: { name: 's' } } });
});

test('a second run writes nothing', async (t) => {
  const { run, calls } = await setup(t);
  await run();
  calls.length = 0;
  const { code, stdout } = await run();
  t.equal(code, 0);
  t.match(stdout, /^the certificate of sidestub-injector\.dns\.svc is good until /);
  t.strictSame(calls, [`GET ${SECRET}`, `GET ${WEBHOOK}`]);
});

test('a dry run says what it would do, and writes nothing', async (t) => {
  const { run, calls } = await setup(t);
  const { stdout } = await run({ 'dry-run': true });
  t.match(stdout, /^would make a certificate/);
  t.strictSame(calls, [`GET ${SECRET}`, `GET ${WEBHOOK}`]);
});

test('when the API server refuses the bundle, the Secret stays as it is', async (t) => {
  const { run, calls } = await setup(t, `PATCH ${WEBHOOK}`);
  const { code, stderr } = await run();
  t.equal(code, 1);
  t.match(stderr, `sidestub: PATCH ${WEBHOOK}: 403 not allowed here`);
  t.notMatch(calls.join(), `PATCH ${SECRET}`);
});

test('outside of a pod it says so', async (t) => {
  const { run } = await setup(t);
  const { code, stderr } = await run({}, {});
  t.equal(code, 1);
  t.match(stderr, 'this is no pod');
  const none = await run({ 'service-account': '/nowhere' });
  t.match(none.stderr, /no service account: .*ENOENT/);
});
