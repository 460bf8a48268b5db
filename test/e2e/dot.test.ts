// Debian's unbound speaks DoT, with certificates made here (U5).
import { test } from 'tap';
import { pinOf } from '../../src/upstream/authentication.ts';
import { required } from '../support/lab-requirements.ts';
import { makeCa } from '../upstream/certificates.ts';
import { outgoing } from '../upstream/loopback.ts';
import { askOver, askSidestub } from './secure-questions.ts';
import { startSidestub, startUnbound } from './secure-servers.ts';

const TOOLS = ['unbound', 'openssl'];

test('a thousand questions over DoT, none of them in clear text', async (t) => {
  if (!required(t, TOOLS)) return;
  const ca = makeCa(t);
  const identity = ca.issue(['DNS:dns.corp.example']);
  const { dot } = await startUnbound(t, identity);
  const pin = `sha256/${pinOf(identity.certificate)}`;
  const url = `tls://127.0.0.1:${dot}?name=dns.corp.example&ca=${ca.certFile}&pin=${pin}`;
  const { upstream, tallies } = askOver(t, url);
  for (let turn = 0; turn < 10; turn++) {
    const names = Array.from({ length: 100 }, (_, i) => `n${turn}-${i}.corp.example.`);
    const answers = await Promise.all(names.map((name) => upstream.ask(outgoing(name))));
    t.ok(answers.every(({ answer }) => answer[0]?.rdata.join('.') === '192.0.2.7'));
  }
  t.equal(tallies.sends.get('udp') + tallies.sends.get('tcp'), 0, 'nothing in clear text');
});

test('a job asks sidestub, sidestub asks unbound over DoT', async (t) => {
  if (!required(t, TOOLS)) return;
  const ca = makeCa(t);
  const { dot } = await startUnbound(t, ca.issue(['DNS:dns.corp.example']));
  const url = `tls://127.0.0.1:${dot}?name=dns.corp.example&ca=${ca.certFile}`;
  const { dns } = await startSidestub(t, url);
  t.same(await askSidestub(dns, 'api.corp.example.'), ['192.0.2.7']);
});

test('a certificate for another name: SERVFAIL to the job, and a log line that says what is wrong', async (t) => {
  if (!required(t, TOOLS)) return;
  const ca = makeCa(t);
  const { dot } = await startUnbound(t, ca.issue(['DNS:other.corp.example']));
  const url = `tls://127.0.0.1:${dot}?name=dns.corp.example&ca=${ca.certFile}`;
  const { dns, event } = await startSidestub(t, url);
  await t.rejects(askSidestub(dns, 'api.corp.example.'), { message: 'RCODE 2' });
  const { level, reason } = await event('upstream_untrusted');
  t.equal(level, 'error');
  t.match(
    reason,
    /is for another name: subject CN=other\.corp\.example .*issuer CN=Test CA; expected dns\.corp\.example/,
  );
});
