import { test } from 'tap';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { socketError } from '../../src/upstream/socket-error.ts';

const withCode = (code: string) => Object.assign(new Error('says the kernel'), { code });

test("a refusal is the server's word, a lack is ours, all else happened on the way (U2, S1)", (t) => {
  const codes = {
    refused: ['ECONNREFUSED'],
    full: ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'],
    network: ['ECONNRESET', 'EHOSTUNREACH'],
  };
  for (const [reason, each] of Object.entries(codes)) {
    for (const code of each) {
      const message = `udp socket to udp://192.0.2.53:53: ${code}`;
      const error = socketError('udp', 'udp://192.0.2.53:53', withCode(code));
      t.match(error, { name: 'UpstreamError', reason, message });
    }
  }
  t.end();
});

test('an error without a code is told by its message', (t) => {
  const error = socketError('tls', 'tls://192.0.2.53:853', new Error('wrong version number'));
  t.match(error, {
    reason: 'network',
    message: 'tls socket to tls://192.0.2.53:853: wrong version number',
  });
  t.end();
});

test('what says why already stays what it is', (t) => {
  const untrusted = new UpstreamError('untrusted', 'no certificate');
  t.equal(socketError('tls', 'tls://192.0.2.53:853', untrusted), untrusted);
  t.end();
});
