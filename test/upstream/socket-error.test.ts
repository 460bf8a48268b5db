import { test } from 'tap';
import { UpstreamError } from '../../src/upstream/exchange.ts';
import { socketError } from '../../src/upstream/socket-error.ts';

const withCode = (code: string) => Object.assign(new Error('says the kernel'), { code });

test('refused by ICMP, not sent at all, no room here, lost on the way: each has its reason (U2, S1, F5)', (t) => {
  const codes = {
    refused: ['ECONNREFUSED'],
    full: ['EMFILE', 'ENFILE', 'ENOMEM'],
    local: ['EPERM', 'EAGAIN', 'ENOBUFS', 'ENETUNREACH', 'EADDRNOTAVAIL'],
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

test('what a stream meets is never taken for a datagram that was not sent', (t) => {
  t.match(socketError('tcp', 'tcp://192.0.2.53:53', withCode('EPERM')), { reason: 'network' });
  t.match(socketError('tls', 'tls://192.0.2.53:853', withCode('ENOBUFS')), { reason: 'full' });
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
