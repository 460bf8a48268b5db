import { test } from 'tap';
import { passedSockets } from '../../src/listen/passed-sockets.ts';

const TABLES: Readonly<Record<string, string>> = {
  udp: `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  123: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1001 2 0000000000000000 0
`,
  tcp: `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1002 1 0000000000000000 100 0 0 10 0
   1: 0100007F:0035 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 1009 1 0000000000000000 100 0 0 10 0
`,
  udp6: `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  123: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1003 2 0000000000000000 0
`,
  tcp6: `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1004 1 0000000000000000 100 0 0 10 0
`,
};

function passed(inodes: readonly number[], env: Record<string, string> = {}) {
  return passedSockets({
    env: { LISTEN_PID: '77', LISTEN_FDS: String(inodes.length), ...env },
    pid: 77,
    table: (name) => TABLES[name],
    describe: (fd) => `socket:[${inodes[fd - 3]}]`,
  });
}

test('each address has the descriptors of its two sockets, in whatever order they come', (t) => {
  t.strictSame(passed([1004, 1001, 1003, 1002]), [
    { endpoint: { address: '::1', port: 53 }, tcp: 3, udp: 5 },
    { endpoint: { address: '127.0.0.1', port: 53 }, udp: 4, tcp: 6 },
  ]);
  t.end();
});

test('what another process was passed is not ours', (t) => {
  t.strictSame(passed([1001, 1002], { LISTEN_PID: '76' }), []);
  t.strictSame(passed([1001, 1002], { LISTEN_FDS: 'many' }), []);
  t.strictSame(passed([]), []);
  t.end();
});

test('an address with one of the two is refused, with the line that is missing', (t) => {
  t.throws(() => passed([1001]), { message: /127\.0\.0\.1:53 .* ListenStream=127\.0\.0\.1:53$/ });
  t.throws(() => passed([1004]), { message: /\[::1\]:53 .* ListenDatagram=\[::1\]:53$/ });
  t.end();
});

test('a descriptor of another kind is refused: a socket file, or a connection', (t) => {
  t.throws(() => passed([1001, 1002, 1234]), { message: /descriptor 5 is no bound/ });
  t.throws(() => passed([1001, 1009]), { message: /descriptor 4 is no bound/ });
  t.end();
});
