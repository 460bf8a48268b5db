import { test } from 'tap';
import { ListenError, listenError } from '../../src/listen/listen-error.ts';

const failed = (code: string) => Object.assign(new Error(`bind ${code}`), { code });

test('S3: a port that is not permitted is refused with the three ways to permit it', async (t) => {
  const error = listenError({ address: '127.0.0.1', port: 53 }, 'udp', failed('EACCES'));
  t.type(error, ListenError);
  t.match(error.message, /^listen udp 127\.0\.0\.1:53: not permitted/);
  t.equal(error.message.split('\n  - ').length - 1, 3);
  t.match(error.message, /ip_unprivileged_port_start/);
  t.match(error.message, /CAP_NET_BIND_SERVICE/);
  t.match(error.message, /--listen 127\.0\.0\.1:5353/);
});

test('S3: every other error names transport, address and reason in one line', async (t) => {
  const cases: [string, RegExp][] = [
    ['EADDRINUSE', /^listen tcp \[::1\]:53: already in use by another process$/],
    ['EADDRNOTAVAIL', /^listen tcp \[::1\]:53: no interface has this address$/],
    ['EMFILE', /^listen tcp \[::1\]:53: bind EMFILE$/],
  ];
  for (const [code, message] of cases) {
    t.match(listenError({ address: '::1', port: 53 }, 'tcp', failed(code)).message, message);
  }
});
