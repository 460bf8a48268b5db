// Debian's unbound speaks DoH, with certificates made here (U5).
import { test } from 'tap';
import { required } from '../support/lab-requirements.ts';
import { makeCa } from '../upstream/certificates.ts';
import { outgoing } from '../upstream/loopback.ts';
import { askOver, askSidestub } from './secure-questions.ts';
import { startSidestub, startUnbound } from './secure-servers.ts';

const TOOLS = ['unbound', 'openssl'];

test('a thousand questions over DoH, by POST and by GET', async (t) => {
  if (!required(t, TOOLS)) return;
  const ca = makeCa(t);
  const { doh } = await startUnbound(t, ca.issue(['DNS:dns.corp.example']));
  for (const method of ['post', 'get']) {
    const query = `bootstrap=127.0.0.1&ca=${ca.certFile}&method=${method}`;
    const { upstream, tallies } = askOver(t, `https://dns.corp.example:${doh}/dns-query?${query}`);
    for (let turn = 0; turn < 10; turn++) {
      const names = Array.from({ length: 50 }, (_, i) => `n${turn}-${i}.corp.example.`);
      const answers = await Promise.all(names.map((name) => upstream.ask(outgoing(name))));
      t.ok(answers.every(({ answer }) => answer[0]?.rdata.join('.') === '192.0.2.7'));
    }
    t.equal(tallies.sends.get('https'), 500, method);
  }
});

test('a job asks sidestub, sidestub asks unbound over DoH', async (t) => {
  if (!required(t, TOOLS)) return;
  const ca = makeCa(t);
  const { doh } = await startUnbound(t, ca.issue(['IP:127.0.0.1']));
  const { dns } = await startSidestub(t, `https://127.0.0.1:${doh}/dns-query?ca=${ca.certFile}`);
  t.same(await askSidestub(dns, 'api.corp.example.'), ['192.0.2.7']);
});

test('a path that is not there: SERVFAIL to the job', async (t) => {
  if (!required(t, TOOLS)) return;
  const ca = makeCa(t);
  const { doh } = await startUnbound(t, ca.issue(['IP:127.0.0.1']));
  const { dns } = await startSidestub(t, `https://127.0.0.1:${doh}/token?ca=${ca.certFile}`);
  await t.rejects(askSidestub(dns, 'api.corp.example.'), { message: 'RCODE 2' });
});
